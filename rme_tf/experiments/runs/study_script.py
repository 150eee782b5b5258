"""The runs of a study's script."""

from collections.abc import Mapping
from typing import Any

from rme_tf.experiments.recipes.base import Recipe
from rme_tf.experiments.runs.methods import method_recipes
from rme_tf.experiments.runs.study import run_study, show_study


def run_methods(
    study: Any,
    kind: type[Recipe],
    methods: Mapping[str, Mapping[str, Any]],
    *,
    setting: str = "",
    several: bool = False,
    show: bool = False,
) -> None:
    """Runs the methods of a study, and prints a table.

    Args:
        study: recipe with `StudyFields`, which chooses among the methods.
        kind: class of the methods' recipes.
        methods: fields by the name of the method, see `method_recipes`.
        setting: name of the study's setting, which extends the default of `out`.
        several: whether this is one of several studies, each with a folder of its own.
        show: whether samples and reconstructions of the first seed are drawn at the end, in the folder `shown`.

    Raises:
        ValueError: before any run, as `method_recipes` and `run_study`.
    """
    recipes = method_recipes(study.methods, kind, study, methods=methods, sweep=study.sweep)
    run_study(recipes, seeds=study.seeds, **study.folders(setting, several=several))
    if show:
        show_study(recipes, out=study.out)
