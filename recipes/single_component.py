"""Recursive mixture estimation with one component against the VAE.

RME(1) has the objective of the VAE: is it the VAE, to the last digit? And what do the paper's loop (encoder first, then
decoder) and five encoder steps for one decoder step change, at as many encoder steps or as many decoder steps?
Digits of 8 x 8 pixels, binarized again for each batch, D = 8, two layers of 64 units; the methods of a seed start from
the same weights. Inference gaps tell how far the encoder is behind the decoder.

    python recipes/single_component.py

Three minutes on one CPU core. Recorded in recipes/results/single_component.jsonl; the numbers are in
docs/studies/single_component.md.
"""

import dataclasses
from typing import Any

from rme_tf import experiments

VAE: dict[str, Any] = {"components": 1, "algorithm": "elbo"}
RME: dict[str, Any] = {"components": 1, "algorithm": "recursive_mixture"}
FIVE: dict[str, Any] = {"algorithm.aggressive": True, "algorithm.aggressive.max_steps": 4}  # then both move
LONG: dict[str, Any] = {"epochs": 250}
METHODS: dict[str, dict[str, Any]] = {
    "vae": VAE,
    "rme1": RME,
    "rme1_sequential": {**RME, "algorithm.update": "sequential"},
    "vae_encoder5": {**VAE, **FIVE},
    "rme1_encoder5": {**RME, **FIVE},
    "vae_long": {**VAE, **LONG},
    "vae_encoder5_long": {**VAE, **FIVE, **LONG},
}
CONTRASTS = [("rme1_sequential", "vae"), ("vae_encoder5", "vae"), ("vae_encoder5_long", "vae")]
CONTRASTS += [("vae_encoder5_long", "vae_long")]
QUANTITIES = ["test log p(x)", "test ELBO", "test amortization gap", "test approximation gap"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Study(experiments.DigitsStudy):
    """Models of one component; other flags apply to all methods."""

    methods: tuple[str, ...] = tuple(METHODS)
    instruments: tuple[str, ...] = ("gaps",)
    search_steps: int = 200
    search_rounds: int = 3
    search_starts: int = 2
    components: int = 1
    epochs: int = 50
    out: str = "runs/single_component"


if __name__ == "__main__":
    study = experiments.parse(Study(), __doc__)
    experiments.run_instrumented_methods(study, METHODS, CONTRASTS, QUANTITIES)
