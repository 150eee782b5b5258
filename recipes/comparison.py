"""Comparison of RME, mixture encoders, VAEs and flows by a fixed design.

Nets 784-200-200 (tanh), D = 20, batches of 128, dynamic binarization, Adam with a cosine rate over each method's own
steps. Each family has eight trials of its hyperparameters on validation images; then all methods run under the same
seeds, with the same initial weights, order of the data, binarization and noise, at equal time and at equal steps.

    python recipes/comparison.py --data-dir data

About five hours on 2 CPU cores; the same command resumes. Plan and results: docs/comparison.md.
"""

import dataclasses
from fractions import Fraction
from typing import Any, ClassVar

from rme_tf import experiments
from rme_tf.experiments.recipes.schedule_fields import Schedule

RATE, WARM, BOUND = "optimizer.learning_rate", "algorithm.warm_start_epochs", "algorithm.kl_bound"
RISING = {"algorithm.kl_weight": "linear", "algorithm.kl_weight.steps": Fraction(1, 5)}  # the KL weight, at first
TRIALS = [{RATE: rate, **weight} for weight in ({}, RISING) for rate in (2.5e-4, 5e-4, 1e-3, 2e-3)]
STARTS = [{WARM: epochs, **trial} for epochs in (1, 5) for trial in TRIALS if trial[RATE] in (1e-3, 2e-3)]
BOUNDS = [{BOUND: (1.0, 3.0)[i.bit_count() % 2], **trial} for i, trial in enumerate(STARTS)]  # half of all sixteen
ONE, FIVE = {"components": 1}, {"components": 5, "trunk": "shared", "algorithm.components_per_step": 1}
ELBO, FLOW = {"algorithm": "elbo"}, {"posterior": "iaf", "posterior.num_steps": 4}
ALL, SAMPLES = {"algorithm.components_per_step": None}, {"algorithm.num_samples": 5}
METHODS: dict[str, tuple[str, dict[str, Any]]] = {
    **{family: (family, {}) for family in ("vae", "rme", "me", "iaf", "rme_iaf")},
    **{f"{family}_5": (family, SAMPLES) for family in ("vae", "iaf")},
    **{f"{family}_all": (family, ALL) for family in ("rme", "me", "rme_iaf")},
}
METHODS |= {"vae_5_steps": ("vae", SAMPLES), "iaf_steps": ("iaf", {}), "iaf_5_steps": ("iaf", SAMPLES)}
FLOWS = {"iaf": ONE | ELBO | FLOW, "rme_iaf": FIVE | FLOW | {"posterior.shared": True}}
DESIGN = experiments.Design(
    families={"vae": ONE | ELBO, "rme": FIVE, "me": FIVE | ELBO, **FLOWS},
    trials={"vae": TRIALS, "iaf": TRIALS, "me": STARTS, "rme": BOUNDS, "rme_iaf": BOUNDS},
    methods=METHODS,
    equal_steps=list(METHODS)[7:],
    contrasts=[("rme", other) for other in ("vae", "vae_5", "me", "iaf", "iaf_5", "rme_iaf")]
    + [("rme_all", other) for other in ("vae", "vae_5_steps", "me_all", "iaf_steps", "iaf_5_steps", "rme_iaf_all")],
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Study(experiments.ImageRecipe, experiments.ComparisonFields):
    """The comparison; flags of images apply to all methods."""

    SEVERAL: ClassVar[bool] = True
    epochs: int = 10_000  # more than the steps allow
    schedule: Schedule = "cosine"
    weights_by_name: bool = True
    encoder: experiments.Part = experiments.Part("mlp", units=(200, 200), activation="tanh")
    decoder: experiments.Part = experiments.Part("mlp", units=(200, 200), activation="tanh")
    steps: int = 20_000
    out: str = "runs/comparison"


if __name__ == "__main__":
    experiments.run_design(DESIGN, experiments.ImageRecipe, experiments.parse(Study(), __doc__))
