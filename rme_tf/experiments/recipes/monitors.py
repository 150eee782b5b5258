"""What watches a training for posterior collapse."""

import math

from rme_tf.algorithms import StopAggressive
from rme_tf.callbacks.collapse_monitor import CollapseMonitor
from rme_tf.experiments.recipes.base import Recipe


def monitors(recipe: Recipe, observations, history: dict) -> list:
    """Returns the callbacks of `fit` that diagnose `observations` after each epoch, and those that listen to that.

    Args:
        recipe: of the run.
        observations: an array of validation observations.
        history: of the run until now: what was best before an interruption counts.
    """
    best = max(filter(math.isfinite, history.get("mi", [])), default=-math.inf)
    return [
        CollapseMonitor(observations),
        *([StopAggressive(best=best)] if recipe.option("algorithm.aggressive") is not None else []),
    ]
