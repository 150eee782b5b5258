"""Checks that a run leaves its warm start and reaches its polish."""

import warnings
from collections.abc import Mapping

from rme_tf.experiments.recipes.base import Recipe
from rme_tf.experiments.recipes.factories import make_algorithm


def check_growth(recipes: Mapping[str, Recipe]) -> None:
    """Checks that the epochs of recipes suffice for warm start and polish.

    Args:
        recipes: dict of recipes by a name for the message, such as the method.

    Raises:
        ValueError: if the epochs end before all components are trained, or before the polish.
    """
    for name, recipe in recipes.items():
        recipe = recipe.resolved()
        if recipe.components == 1:
            continue
        algorithm, epochs = make_algorithm(recipe), recipe.epochs
        if algorithm.warm_start_epochs >= epochs:
            raise ValueError(
                f"{name}: the warm start takes all epochs, and the model would be of one component, not "
                f"{recipe.components}. Expected: `epochs` of at least {algorithm.warm_start_epochs + 1}, or a smaller "
                f"`warm_start_epochs`. Received: {epochs} and {algorithm.warm_start_epochs}."
            )
        polish = getattr(algorithm, "polish_epoch", None)
        if polish is not None and polish >= epochs:
            raise ValueError(
                f"{name}: `polish_epoch` must be less than `epochs`, or nothing is polished. "
                f"Received: {polish} of {epochs}."
            )


def warn_if_unpolished(recipe: Recipe, epochs: int) -> None:
    """Warns if a training ended before its polish, for lack of time.

    Args:
        recipe: recipe of the run.
        epochs: number of trained epochs.
    """
    polish = getattr(make_algorithm(recipe), "polish_epoch", None)
    if polish is not None and recipe.components > 1 and epochs <= polish:
        warnings.warn(
            f"The training ended after {epochs} epochs, before its polish from epoch {polish} on (counted from 0): "
            "nothing was polished. Give it more time, or a smaller `polish_epoch`.",
            stacklevel=2,
        )
