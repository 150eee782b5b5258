"""Does recursive mixture estimation regularize a Gaussian decoder?

Digits of 8 x 8 pixels as real numbers (dequantized), a Gaussian p(x|z) with one learned scale, D = 8. RME is compared
with the VAE, the VAE that decodes as many samples, and the mixture encoder: the learned scale against the optimal one,
the norm of the Jacobian of E[x|z], the norm of the weights, and training bounds less test bounds.

    python recipes/decoder_scale.py

Three minutes on one CPU core. Recorded in recipes/results/decoder_scale.jsonl; the numbers are in
docs/studies/decoder_scale.md.
"""

import dataclasses
from typing import Any

from rme_tf import experiments

ONE: dict[str, Any] = {"components": 1, "algorithm": "elbo"}
METHODS: dict[str, dict[str, Any]] = {
    "vae": ONE,
    "vae_5_samples": {**ONE, "algorithm.num_samples": 5},
    "me5": {"components": 5, "algorithm": "elbo"},
    "rme5": {"components": 5},
}
CONTRASTS = [("rme5", other) for other in ("vae", "vae_5_samples", "me5")]
QUANTITIES = (
    *("test log p(x)", "train less test log p(x)", "decoder's scale", "train optimal scale", "test optimal scale"),
    *("test Jacobian norm", "test weight norm"),
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Study(experiments.DigitsStudy):
    """Methods with a Gaussian decoder; other flags apply to all methods."""

    methods: tuple[str, ...] = tuple(METHODS)
    instruments: tuple[str, ...] = ("decoder", "proposal")
    binarization: str = "dequantized"
    likelihood: experiments.Part = experiments.Part("normal")
    epochs: int = 100
    out: str = "runs/decoder_scale"


if __name__ == "__main__":
    study = experiments.parse(Study(), __doc__)
    experiments.run_instrumented_methods(study, METHODS, CONTRASTS, QUANTITIES)
