"""Recursive mixtures, mixture encoders, IAF and VAEs at equal time on MNIST.

One trunk 784-200-200 (tanh), D = 20, batches of 128, Adam with a cosine rate over each method's own steps; under a seed
all methods have the same initial weights, order of the data and binarization. The contrasts are fixed before the runs.
The first command measures the cost of each method's step on one core and writes `plan.json` in `--out`: the VAE has
`--train-steps`, the others as many as take its time. No setting was chosen on test images.

    python recipes/equal_time.py --data-dir data

The same command resumes. Runs have a core and a log each; their `bounds.npz` has the bounds of each image. Use a
machine that does nothing else. Expected numbers, of a shorter study: docs/results/equal_time.md.
"""

import dataclasses
from typing import Any, ClassVar

from rme_tf import experiments
from rme_tf.experiments.recipes.schedule_fields import Schedule

ONE: dict[str, Any] = {"components": 1, "algorithm": "elbo"}
DRAWN: dict[str, Any] = {"components": 5, "algorithm.components_per_step": 1}
FLOW: dict[str, Any] = {"posterior": "iaf", "posterior.num_steps": 4}
SHARED: dict[str, Any] = {**DRAWN, **FLOW, "posterior.shared": True}  # one flow for all components
METHODS: dict[str, dict[str, Any]] = {
    "vae": ONE,
    "vae_annealed": {**ONE, "algorithm.kl_weight": "linear"},  # over a fifth of the VAE's steps
    "rme5_one": DRAWN,  # one component an image
    "me5_one": {**DRAWN, "algorithm": "elbo"},
    "iaf4": {**ONE, **FLOW},
    **{f"rme{number}_iaf4_one": {**SHARED, "components": number} for number in (5, 2, 10)},
    "rme5": {"components": 5},
    "me5": {"components": 5, "algorithm": "elbo"},
    "vae_5_samples": {**ONE, "algorithm.num_samples": 5},
}
CONTRASTS = [("rme5_one", other) for other in ("vae", "me5_one", "rme5", "iaf4", "vae_annealed")]
OF_FLOWS = [("rme5_iaf4_one", "iaf4")]
MLP = experiments.Part("mlp", units=(200, 200), activation="tanh")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Study(experiments.ImageRecipe, experiments.EqualTimeFields):
    """Methods at equal time; other flags apply to all methods."""

    SEVERAL: ClassVar[bool] = True
    methods: tuple[str, ...] = tuple(METHODS)
    epochs: int = 1_000  # more than the steps allow
    schedule: Schedule = "cosine"
    weights_by_name: bool = True
    trunk: experiments.Part = experiments.Part("shared")
    encoder: experiments.Part = MLP
    decoder: experiments.Part = MLP
    importance_samples: int = 2_000
    out: str = "runs/equal_time"


if __name__ == "__main__":
    study = experiments.parse(Study(), __doc__)
    base = experiments.with_fields(study, {"algorithm.kl_weight.steps": max(1, study.steps // 5)})
    recipes = experiments.method_recipes(study.methods, experiments.ImageRecipe, base, methods=METHODS)
    experiments.run_at_equal_time(recipes, CONTRASTS + OF_FLOWS, **study.budget)
