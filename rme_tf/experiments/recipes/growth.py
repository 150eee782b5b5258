"""The growth of a run's mixture from one component to all: refused where it never comes, and named where it did not."""

import warnings
from collections.abc import Mapping

from rme_tf.experiments.recipes.base import Recipe
from rme_tf.experiments.recipes.factories import make_algorithm


def check_growth(recipes: Mapping[str, Recipe]) -> None:
    """Raises ValueError for a run whose epochs end before all its components train, or before its polish.

    Args:
        recipes: by a name for the message, such as that of the method.
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
    """Warns of a training that ended, by lack of time say, before the epoch from which all ascend ELBO(Q)."""
    polish = getattr(make_algorithm(recipe), "polish_epoch", None)
    if polish is not None and recipe.components > 1 and epochs <= polish:
        warnings.warn(
            f"The training ended after {epochs} epochs, before its polish from epoch {polish} on (counted from 0): "
            "nothing was polished. Give it more time, or a smaller `polish_epoch`.",
            stacklevel=2,
        )
