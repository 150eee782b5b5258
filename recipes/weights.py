"""Learned, bounded and uniform mixing weights, with and without a warm start.

Which mixtures collapse, of the recursion (RME) and of the mixture encoder (ME), and what does a collapse cost? Bounded
weights have 0.1 <= eps_m <= 0.9; `_cold` is without a warm start. On digits, and on a part of MNIST:

    python recipes/weights.py
    python recipes/weights.py --dataset mnist --train-size 5000 --test-size 400 --latent-dim 20 --epochs 12 \
        --algorithm.warm-start-epochs 2 --importance-samples 200

About 5 and 10 minutes on one CPU core. The second is recorded: numbers and answer are in docs/studies/weights.md.
"""

import dataclasses
from typing import Any, ClassVar

from rme_tf import experiments

LEARNED: dict[str, Any] = {"mixing": "learned"}
MIXINGS = {"uniform": {}, "bounded": {**LEARNED, "mixing.eps_min": 0.1}, "learned": LEARNED}
WARM: dict[str, dict[str, Any]] = {"": {}, "_cold": {"algorithm.warm_start_epochs": 0}}
METHODS: dict[str, dict[str, Any]] = {"vae": {"components": 1, "algorithm": "elbo"}}
for ending, start in WARM.items():
    METHODS |= {f"rme_{mixing}{ending}": {**weights, **start} for mixing, weights in MIXINGS.items()}
    METHODS |= {f"me_{mixing}{ending}": {"algorithm": "elbo", **MIXINGS[mixing], **start} for mixing in MIXINGS}
CONTRASTS = [(f"{name}_{mixing}", f"{name}_uniform") for name in ("rme", "me") for mixing in ("learned", "bounded")]
CONTRASTS += [(f"{name}_{mixing}_cold", f"{name}_{mixing}") for name in ("rme", "me") for mixing in MIXINGS]
QUANTITIES = ("test ELBO", "test approximation gap", "H(alpha)", "least mean alpha", "test log p(x)")
MLP = experiments.Part("mlp", units=(100, 100), activation="tanh")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Study(experiments.ImageRecipe, experiments.StudyFields, experiments.InstrumentFields):
    """Several methods on one data set; other flags apply to all methods."""

    SEVERAL: ClassVar[bool] = True
    methods: tuple[str, ...] = tuple(METHODS)
    seeds: int = 3
    dataset: str = "digits"
    weights_by_name: bool = True
    encoder: experiments.Part = MLP
    decoder: experiments.Part = MLP
    latent_dim: int = 8
    components: int = 4
    algorithm: experiments.Part = experiments.Part(warm_start_epochs=10)
    epochs: int = 60
    batch_size: int = 64
    importance_samples: int = 500
    instruments: tuple[str, ...] = ("gaps",)
    measured: int = 10
    search_steps: int = 200
    search_rounds: int = 3
    search_starts: int = 2
    out: str = "runs/weights"


if __name__ == "__main__":
    study = experiments.parse(Study(), __doc__)
    recipes = experiments.method_recipes(study.methods, experiments.ImageRecipe, study, methods=METHODS)
    places = {"seeds": study.seeds, "measurement": study.measurement, **study.folders(study.dataset)}
    experiments.run_instrumented(recipes, CONTRASTS, QUANTITIES, **places)
