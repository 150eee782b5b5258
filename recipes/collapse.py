"""Remedies for posterior collapse of text VAEs: annealing, free bits, mixtures.

Compared with a VAE and an LSTM language model of the same decoder, on Python's documentation or on your corpus:

    python recipes/collapse.py
    python recipes/collapse.py --corpus FOLDER --vocabulary-size 10000 --latent-dim 16 --methods lm vae rme3

`--results` receives the records, `--out` the figures; the same command resumes an interrupted study.
"""

import dataclasses
from fractions import Fraction
from typing import Any, ClassVar

from rme_tf import experiments

ONE: dict[str, Any] = {"components": 1, "algorithm": "elbo"}
ANNEALED: dict[str, Any] = {"algorithm.kl_weight": "linear"}
REMEDY: dict[str, Any] = {**ANNEALED, "algorithm.free_bits": 0.25}
METHODS: dict[str, dict[str, Any]] = {
    "lm": {**ONE, "language_model": True, "importance_samples": 1, "more_importance_samples": None},  # exact
    "vae": ONE,
    "vae_annealed": {**ONE, **ANNEALED},
    "vae_cyclical": {**ONE, "algorithm.kl_weight": "cyclical"},  # `steps` is the length of each of four cycles
    "vae_free_bits": {**ONE, **REMEDY},
    "vae_fixed_means": {**ONE, "encoder.mean_scale": 0.6},  # BN-VAE
    "vae_pretrained": {**ONE, **REMEDY, "reset_decoder_epoch": Fraction(1, 4)},  # Li et al.; of the epochs
    "vae_aggressive": {**ONE, **ANNEALED, "algorithm.aggressive": True},
    "me3": {**REMEDY, "components": 3, "algorithm": "elbo"},
    **{f"rme{m}": {**REMEDY, "components": m} for m in (2, 3, 4, 5)},
    "rme3_shared": {**REMEDY, "components": 3, "trunk": "shared"},
    "rme3_polished": {**REMEDY, "components": 3, "algorithm.polish_epoch": Fraction(3, 4)},  # then ELBO(Q)
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Study(experiments.TextRecipe, experiments.StudyFields):
    """Several methods on one corpus; other flags apply to all methods."""

    SEVERAL: ClassVar[bool] = True
    methods: tuple[str, ...] = tuple(METHODS)
    algorithm: experiments.Part = experiments.Part(kl_weight=experiments.Part(steps=150))
    epochs: int = 20
    optimizer: experiments.Part = experiments.Part(learning_rate=3e-3)
    vocabulary_size: int = 1500
    out: str = "runs/collapse"


if __name__ == "__main__":
    study = experiments.parse(Study(), __doc__)
    experiments.run_methods(study, experiments.TextRecipe, METHODS)
