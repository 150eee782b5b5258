"""Gaussian decoder on real-valued pixels: the paper's setting, for several M.

Pixels in [0, 1] under a Gaussian with one learned scale and decoded means, so that log-likelihoods are densities of
hundreds of nats (Kim and Pavlovic, NeurIPS 2020, with D = 10 to 100, M = 2 to 5 and 100 importance samples).

    python recipes/gaussian.py --latent-dims 10,50 --seeds 3
    python recipes/gaussian.py --latent-dims 10,50 --seeds 2 --train-size 20000 --test-size 1000 --epochs 20

The second command takes about an hour on one CPU core. Recorded in recipes/results/gaussian_d10.jsonl and
gaussian_d50.jsonl; the tables, with the learned scale, are in docs/gaussian.md.
"""

import dataclasses
from typing import Any, ClassVar

from rme_tf import experiments
from rme_tf.experiments import Part

ONE: dict[str, Any] = {"components": 1, "algorithm": "elbo"}
METHODS: dict[str, dict[str, Any]] = {
    "vae": ONE,
    "vae_5_samples": {**ONE, "algorithm.num_samples": 5},  # as many codes as five components
    "me5": {"components": 5, "algorithm": "elbo"},
    **{f"rme{m}": {"components": m} for m in (2, 3, 4, 5)},
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Study(experiments.ImageRecipe, experiments.StudyFields):
    """Several methods and latent dimensions; other flags apply to all methods.

    Args:
        latent_dims: latent dimensions D, with a study for each.
    """

    SEVERAL: ClassVar[bool] = True
    latent_dims: tuple[int, ...] = (10, 50)
    methods: tuple[str, ...] = tuple(METHODS)
    likelihood: Part = Part("normal")
    binarization: str = "none"
    encoder: Part = Part("mlp")
    decoder: Part = Part("mlp")
    importance_samples: int = 100
    out: str = "runs/gaussian"


if __name__ == "__main__":
    study = experiments.parse(Study(), __doc__)
    for size in study.latent_dims:
        base = dataclasses.replace(study, latent_dim=size)
        several = len(study.latent_dims) > 1
        experiments.run_methods(base, experiments.ImageRecipe, METHODS, setting=f"d{size}", several=several)
