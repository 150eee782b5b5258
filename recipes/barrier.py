"""The barrier C of recursive mixture estimation, from 0.1 to 1,000 nats.

C bounds the reward of a component for its distance from the mixture before it, by the paper's clamp or the skewed KL.
Digits of 8 x 8 pixels, a Bernoulli decoder; and as real numbers, a Gaussian decoder of one learned scale. M = 4, D = 8.
Where do bounds, distances and weights of components become strange, and which C is safe?

    python recipes/barrier.py

Nine minutes on one CPU core. Recorded in recipes/results/barrier_bernoulli.jsonl and barrier_normal.jsonl; the numbers
are in docs/studies/barrier.md.
"""

import dataclasses
from typing import Any

from rme_tf import experiments

BOUNDS = ("clamp", "skew")
METHODS: dict[str, dict[str, Any]] = {
    "vae": {"components": 1, "algorithm": "elbo"},
    **{f"{b}{c}": {"algorithm.bound": b, "algorithm.kl_bound": c} for b in BOUNDS for c in (0.1, 1, 3, 10, 100, 1000)},
    **{f"learned{c}": {"algorithm.kl_bound": c, "mixing": "learned"} for c in (1, 100)},  # the skewed KL
}
CONTRASTS = [(f"{b}3", other) for b in BOUNDS for other in ("vae", f"{b}0.1", f"{b}10", f"{b}100")]
QUANTITIES = ["test log p(x)", "test ELBO"]
BINARIZATIONS = {"bernoulli": "dynamic", "normal": "dequantized"}  # by the likelihood


@dataclasses.dataclass(frozen=True, kw_only=True)
class Study(experiments.DigitsStudy):
    """Likelihoods, with a study for each; other flags apply to all methods.

    Args:
        likelihoods: names of likelihoods.
    """

    likelihoods: tuple[str, ...] = tuple(BINARIZATIONS)
    methods: tuple[str, ...] = tuple(METHODS)
    instruments: tuple[str, ...] = ("components",)
    components: int = 4
    epochs: int = 30
    optimizer: experiments.Part = experiments.Part("adam", learning_rate=3e-3)
    out: str = "runs/barrier"


if __name__ == "__main__":
    study = experiments.parse(Study(), __doc__)
    for name in study.likelihoods:
        base = experiments.with_fields(study, {"likelihood": name, "binarization": BINARIZATIONS[name]})
        options = {"setting": name, "several": len(study.likelihoods) > 1}
        experiments.run_instrumented_methods(base, METHODS, CONTRASTS, QUANTITIES, **options)
