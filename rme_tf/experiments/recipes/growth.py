"""Checks that a run leaves its warm start and reaches its polish."""

import math
import warnings
from collections.abc import Mapping

from rme_tf.experiments.recipes.base import Recipe
from rme_tf.experiments.recipes.factories import make_algorithm


def check_growth(recipes: Mapping[str, Recipe], steps_per_epoch: int | None = None) -> None:
    """Checks that the epochs of recipes suffice for warm start and polish.

    Args:
        recipes: dict of recipes by a name for the message, such as the method.
        steps_per_epoch: training steps of an epoch, to count the epochs of `train_steps`; None where it is not known
            yet.

    Raises:
        ValueError: if the epochs end before all components are trained, or before the polish.
    """
    for name, recipe in recipes.items():
        recipe = recipe.resolved()
        if recipe.components == 1:
            continue
        algorithm, epochs = make_algorithm(recipe), recipe.epochs
        if steps_per_epoch is not None:
            epochs = math.ceil(recipe.steps_of_training(steps_per_epoch) / steps_per_epoch)
        length = "`epochs`" if epochs == recipe.epochs else f"`train_steps` / {steps_per_epoch}"
        if algorithm.warm_start_epochs >= epochs:
            raise ValueError(
                f"{name}: the warm start takes all epochs, and the model would be of one component, not "
                f"{recipe.components}. Expected: {length} of at least {algorithm.warm_start_epochs + 1}, or a smaller "
                f"`warm_start_epochs`. Received: {epochs} and {algorithm.warm_start_epochs}."
            )
        polish = getattr(algorithm, "polish_epoch", None)
        if polish is not None and polish >= epochs:
            raise ValueError(
                f"{name}: `polish_epoch` must be less than {length}, or nothing is polished. "
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
