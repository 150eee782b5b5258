"""Log p(x) of MNIST by importance weighting, AIS and BDMC.

A VAE 784-100-100 (tanh), D = 5, on static binarization. The estimators see the first test images, paired, and images
that are drawn from the model, for which BDMC has bounds from both sides.

    python recipes/log_likelihoods.py --data-dir data

A few minutes on 2 CPU cores; the same command resumes. Recorded in recipes/results/benchmark_log_likelihoods.jsonl, a
table of docs/diagnostics.md.
"""

import dataclasses
from typing import Any, ClassVar

from rme_tf import experiments

MLP = experiments.Part("mlp", units=(100, 100), activation="tanh")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings(experiments.ImageRecipe, experiments.EstimatorFields):
    """A training run, and estimators of log p(x) of its model."""

    SMOKE: ClassVar[dict[str, Any]] = experiments.ImageRecipe.SMOKE | {
        "estimated": 3,
        "samples": 64,
        "temperatures": 5,
        "posterior_temperatures": 5,
        "chains": 2,
        "leapfrog_steps": 2,
    }
    ELSEWHERE: ClassVar[tuple[str, ...]] = (*experiments.ImageRecipe.ELSEWHERE, "record")

    components: int = 1
    algorithm: experiments.Part = experiments.Part("elbo")
    binarization: str = "static"
    encoder: experiments.Part = MLP
    decoder: experiments.Part = MLP
    latent_dim: int = 5
    epochs: int = 20
    train_size: int | None = 20_000
    test_size: int | None = 1000
    importance_samples: int = 500
    out: str = "runs/log_likelihoods"


if __name__ == "__main__":
    experiments.compare_estimators(experiments.run(experiments.parse(Settings(), __doc__)))
