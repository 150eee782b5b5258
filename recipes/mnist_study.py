"""Comparison of VAE, mixture encoders and RME on a part of MNIST.

20,000 training images binarized again for each batch, the first 1,000 test images binarized once, 10 epochs, small
convolutional networks, M = 4: the plain VAE, and with as many samples as a mixture has (`vae_4_samples`); the mixture
encoder (ELBO of the mixture) with learned or uniform weights; recursive mixture estimation (Kim and Pavlovic, NeurIPS
2020), also with the ELBO of the mixture in the last three epochs; both mixtures with encoders that share a trunk.

    python recipes/mnist_study.py --seeds 3 --latent-dim 20

One hour for a seed on one CPU core. Recorded in recipes/results/mnist_study_d20.jsonl; tables in
docs/results/mnist_study.md.
"""

import dataclasses
from typing import Any, ClassVar

from rme_tf import experiments

METHODS: dict[str, dict[str, Any]] = {
    "vae": {"components": 1, "algorithm": "elbo"},
    "vae_4_samples": {"components": 1, "algorithm": "elbo", "algorithm.num_samples": 4},
    "me_learned": {"algorithm": "elbo", "mixing": "learned", "algorithm.warm_start_epochs": 0},
    "me_uniform": {"algorithm": "elbo"},
    "rme": {},
    "rme_polished": {"algorithm.polish_epoch": 7},
    "me_shared": {"algorithm": "elbo", "trunk": "shared"},
    "rme_shared": {"trunk": "shared"},
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Study(experiments.ImageRecipe, experiments.StudyFields):
    """Several methods on one data set; other flags apply to all methods."""

    SEVERAL: ClassVar[bool] = True
    seeds: int = 3
    methods: tuple[str, ...] = tuple(METHODS)
    components: int = 4
    train_size: int | None = 20_000
    test_size: int | None = 1_000
    epochs: int = 10
    importance_samples: int = 100
    out: str = "runs/mnist_study"


if __name__ == "__main__":
    study = experiments.parse(Study(), __doc__)
    experiments.run_methods(study, experiments.ImageRecipe, METHODS, setting=f"d{study.latent_dim}")
