"""Digits with hidden pixels: imputations by VAE, MIWAE and RME.

Half of each 8x8 image of scikit-learn is missing, in training too: the upper, lower, left or right half, the same one
in every epoch. What is seen may leave several digits, so the true posterior may have several modes. The number is the
log-probability of the hidden half given the seen one, in nats an image: for imputations drawn from Q(z|x), which
compares the posteriors, and by importance weights, which compares the models.

    python recipes/missing.py --seeds 3

The settings are from the table of digits (docs/results/digits.md): they were not chosen on these numbers. A few minutes
on 2 CPU cores; no network is needed. Recorded in recipes/results/missing.jsonl, with imputations in docs/missing.md;
`--out` receives the figures of the first seed, in its folder `shown`.
"""

import dataclasses
from typing import Any, ClassVar

from rme_tf import experiments

ONE: dict[str, Any] = {"components": 1, "algorithm": "elbo"}
METHODS: dict[str, dict[str, Any]] = {
    "vae": ONE,
    "vae_5_samples": {**ONE, "algorithm.num_samples": 5},  # as many as RME draws
    "miwae": {"components": 1, "algorithm": "importance_weighted", "algorithm.num_samples": 5},
    "rme5": {"components": 5},
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Study(experiments.ImageRecipe, experiments.StudyFields):
    """Several methods on one data set; other flags apply to all methods."""

    SEVERAL: ClassVar[bool] = True
    methods: tuple[str, ...] = tuple(METHODS)
    dataset: str = "digits"
    hidden: str = "half"
    encoder: experiments.Part = experiments.Part("mlp", units=(100, 100), activation="tanh")
    decoder: experiments.Part = experiments.Part("mlp", units=(100, 100), activation="tanh")
    latent_dim: int = 8
    algorithm: experiments.Part = experiments.Part(warm_start_epochs=10)
    epochs: int = 100
    batch_size: int = 64
    importance_samples: int = 1000
    out: str = "runs/missing"


if __name__ == "__main__":
    study = experiments.parse(Study(), __doc__)
    experiments.run_methods(study, experiments.ImageRecipe, METHODS, show=True)
