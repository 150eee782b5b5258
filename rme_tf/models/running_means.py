"""Running means for the epoch log."""

import functools
import math
from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

LOGGED = ("loss", "elbo", "reconstruction", "kl")
LOGGED_COMPONENTS = 16  # largest number of components with values in the epoch log


class RunningMeans(keras.metrics.Metric):
    """Means of several quantities over all observations since the last reset.

    The quantities share one vector. Separate `keras.metrics.Mean` objects would need two variables each, and more
    operations in every step.

    Args:
        names: names of the quantities, in the order of the columns in `update_state`.
    """

    def __init__(self, names: Sequence[str]):
        super().__init__(name="running_means", dtype="float32")
        self.names = tuple(names)
        self.total = self.add_variable((len(names),), "zeros", name="total")
        self.count = self.add_variable((len(names),), "zeros", name="count")

    @property
    def observations(self):
        """Number of observations of the first quantity since the last reset."""
        return self.count.value[0]

    def update_state(self, values, known=None):
        """Adds a batch of values.

        Args:
            values: one row for each observation. Shape [B, len(names)].
            known: whether each column has values, a sequence of booleans, or each entry, a tensor of the shape of the
                values; None is True for all. Other values must be 0.
        """
        self.total.assign_add(tf.reduce_sum(values, axis=0))
        if tf.is_tensor(known):
            counts = tf.reduce_sum(tf.cast(known, tf.float32), axis=0)
        else:
            size = tf.cast(tf.shape(values)[0], tf.float32)
            counts = size * tf.constant(known or [True] * len(self.names), tf.float32)
        self.count.assign_add(counts)

    def result(self, *, gaps: bool = False):
        """Returns a dict of scalar means by name.

        All means are 0 before the first batch.
        If only some quantities have values, the others are Python's NaN, not a tensor that
        `tf.debugging.enable_check_numerics` would report; in a compiled step, they are 0.

        Args:
            gaps: whether quantities without values are NaN in a compiled step, too.
        """
        divide = tf.math.divide if gaps and not tf.executing_eagerly() else tf.math.divide_no_nan
        means = divide(self.total.value, self.count.value)
        named = dict(zip(self.names, tf.unstack(means), strict=True))
        if not tf.executing_eagerly():
            return named
        unknown = (self.count.numpy() == 0.0) & self.count.numpy().any()
        return {name: math.nan if gap else named[name] for name, gap in zip(self.names, unknown, strict=True)}


def all_named(function: Callable, names: Sequence[str]) -> Callable:
    """Returns a step function whose logs have all names, NaN if missing.

    Args:
        function: step function iterator -> logs.
        names: names of the logs.
    """

    @functools.wraps(function)
    def named(iterator):
        logs = function(iterator)
        return {name: logs.get(name, math.nan) for name in names}

    return named
