"""VampPrior and N(0, I) by the start of the KL weight.

Does a VampPrior lead N(0, I), and how long must the KL weight rise for that? The weight is constant (no ending), or
rises from 0 to 1 over a fifth (`_rising`) or three quarters (`_long`) of the steps. Nets 784-200-200 (tanh), D = 20,
batches of 128 of 50,000 images of MNIST, 10,000 steps (26 epochs), Adam with a cosine rate. RME has five components,
one trunk, and draws a component for each image. Both VampPriors are mixtures of 500 Gaussians.

    python recipes/learned_prior.py --data-dir data

Not timed yet. Numbers and answer: docs/studies/learned_prior.md.
"""

import dataclasses
from typing import Any

from rme_tf import experiments

MLP = experiments.Part("mlp", units=(200, 200), activation="tanh")
STEPS = 10_000
STARTS: dict[str, dict[str, Any]] = {"": {}}
for ending, steps in {"_rising": STEPS // 5, "_long": 3 * STEPS // 4}.items():
    STARTS[ending] = {"algorithm.kl_weight": "linear", "algorithm.kl_weight.steps": steps}
ONE: dict[str, Any] = {"components": 1, "algorithm": "elbo"}
MODELS: dict[str, dict[str, Any]] = {
    "vae": ONE,
    "vae_vamp": {**ONE, "prior": "vamp", "prior.num_components": 500},
    "rme": {},
    "rme_vamp": {"prior": "vamp", "prior.num_components": 100},
}
METHODS = {f"{name}{ending}": {**MODELS[name], **STARTS[ending]} for name in MODELS for ending in STARTS}
CONTRASTS = [(f"{name}_vamp{ending}", f"{name}{ending}") for name in ("vae", "rme") for ending in STARTS]
CONTRASTS += [(f"{name}_long", name) for name in MODELS] + [("rme_vamp_long", "vae_vamp_long")]
QUANTITIES = ("test ELBO", "test log p(x)")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Study(experiments.DigitsStudy):
    """Priors of two models; other flags apply to all methods."""

    methods: tuple[str, ...] = tuple(METHODS)
    dataset: str = "mnist"
    encoder: experiments.Part = MLP
    decoder: experiments.Part = MLP
    trunk: experiments.Part = experiments.Part("shared")
    algorithm: experiments.Part = experiments.Part(components_per_step=1)
    latent_dim: int = 20
    batch_size: int = 128
    components: int = 5
    instruments: tuple[str, ...] = ("components",)
    epochs: int = 1_000  # more than the steps allow
    train_steps: int = STEPS
    out: str = "runs/learned_prior"


if __name__ == "__main__":
    study = experiments.parse(Study(), __doc__)
    experiments.run_instrumented_methods(study, METHODS, CONTRASTS, QUANTITIES)
