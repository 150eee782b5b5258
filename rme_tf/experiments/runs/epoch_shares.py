"""Shares of the epochs of a recipe, as numbers of epochs."""

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from rme_tf.experiments.recipes.base import Recipe


def in_epochs(fields: Mapping[str, Any], base: Recipe) -> dict[str, Any]:
    """Returns the fields of a method, with fractions converted to epochs.

    A polish begins after the warm start.

    Args:
        fields: fields of the method.
        base: recipe with the number of epochs and the warm start.
    """
    least = {"polish_epoch": (base.option("algorithm.warm_start_epochs") or 0) + 1}
    return {
        name: max(least.get(name.rpartition(".")[2], 0), math.ceil(value * base.epochs))
        if isinstance(value, Fraction)
        else value
        for name, value in fields.items()
    }
