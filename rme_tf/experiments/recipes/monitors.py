"""Callbacks that monitor a training for posterior collapse."""

import math

from rme_tf.algorithms import StopAggressive
from rme_tf.callbacks.collapse_monitor import CollapseMonitor
from rme_tf.experiments.recipes.base import Recipe


def monitors(recipe: Recipe, observations, history: dict) -> list:
    """Returns the collapse monitor, and callbacks that depend on it.

    Args:
        recipe: recipe of the run.
        observations: array of validation observations.
        history: dict of lists of the earlier epochs, whose best values count.
    """
    best = max(filter(math.isfinite, history.get("mi", [])), default=-math.inf)
    return [
        CollapseMonitor(observations),
        *([StopAggressive(best=best)] if recipe.option("algorithm.aggressive") is not None else []),
    ]
