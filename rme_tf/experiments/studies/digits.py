"""Studies on digits of 8 x 8 pixels, and their runs."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from rme_tf.experiments.parts.part import Part
from rme_tf.experiments.recipes.images import ImageRecipe
from rme_tf.experiments.recipes.schedule_fields import Schedule
from rme_tf.experiments.reports.contrasts import Contrast
from rme_tf.experiments.runs.methods import method_recipes
from rme_tf.experiments.runs.study_fields import StudyFields
from rme_tf.experiments.studies.instrumented import run_instrumented
from rme_tf.experiments.studies.measurement import InstrumentFields

MLP = Part("mlp", units=(64, 64))


@dataclasses.dataclass(frozen=True, kw_only=True)
class DigitsStudy(ImageRecipe, StudyFields, InstrumentFields):
    """Study of small models of scikit-learn's digits.

    D = 8, and networks have two layers of 64 units. The methods of a seed have the same initial
    weights, order of the data and binarization, and the learning rate falls along a cosine.
    """

    SEVERAL: ClassVar[bool] = True

    seeds: int = 3
    dataset: str = "digits"
    encoder: Part = MLP
    decoder: Part = MLP
    weights_by_name: bool = True
    latent_dim: int = 8
    batch_size: int = 64
    schedule: Schedule = "cosine"
    importance_samples: int = 500


def run_instrumented_methods(
    study: Any,
    methods: Mapping[str, Mapping[str, Any]],
    contrasts: Sequence[Contrast],
    quantities: Sequence[str],
    *,
    setting: str = "",
    several: bool = False,
) -> None:
    """Runs the methods of a study of images, and measures them.

    Args:
        study: recipe of images with `StudyFields` and `InstrumentFields`, which chooses among the methods.
        methods: fields by the name of the method, see `method_recipes`.
        contrasts: pairs of methods, see `run_instrumented`.
        quantities: columns of the tables and the contrasts, see `run_instrumented`.
        setting: name of the study's setting, which extends the default of `out`.
        several: whether this is one of several studies, each with a folder of its own.

    Raises:
        ValueError: before any run, as `method_recipes` and `run_instrumented`.
    """
    recipes = method_recipes(study.methods, ImageRecipe, study, methods=methods, sweep=study.sweep)
    options = {"measurement": study.measurement, "seeds": study.seeds}
    run_instrumented(recipes, contrasts, quantities, **options, **study.folders(setting, several=several))
