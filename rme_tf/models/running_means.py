"""The running means of an epoch's log."""

import functools
import math
from collections.abc import Callable, Sequence

import keras
import tensorflow as tf


class RunningMeans(keras.metrics.Metric):
    """The means of several quantities over all observations since the last reset, in one vector.

    A `keras.metrics.Mean` for each would take two variables, and operations of its own in every step.

    Args:
        names: of the quantities; the order of the columns of `update_state`.
    """

    def __init__(self, names: Sequence[str]):
        super().__init__(name="running_means", dtype="float32")
        self.names = tuple(names)
        self.total = self.add_variable((len(names),), "zeros", name="total")
        self.count = self.add_variable((len(names),), "zeros", name="count")

    @property
    def observations(self):
        """Observations since the last reset, a float32 scalar, of the first quantity."""
        return self.count.value[0]

    def update_state(self, values, known: Sequence[bool] | None = None):
        """Adds a batch of values.

        Args:
            values: one row for each observation. Shape [B, len(names)].
            known: whether each column is a value of its quantity; all are unless given. Elsewhere it must be 0.
        """
        size = tf.cast(tf.shape(values)[0], tf.float32)
        self.total.assign_add(tf.reduce_sum(values, axis=0))
        self.count.assign_add(size * tf.constant(known or [True] * len(self.names), tf.float32))

    def result(self):
        """Returns name -> mean, scalars; 0 before the first batch.

        What alone has no value yet is NaN, of Python, which is no tensor that `tf.debugging.enable_check_numerics`
        would find; within a compiled step it is 0.
        """
        means = tf.math.divide_no_nan(self.total.value, self.count.value)
        named = dict(zip(self.names, tf.unstack(means), strict=True))
        if not tf.executing_eagerly():
            return named
        unknown = (self.count.numpy() == 0.0) & self.count.numpy().any()
        return {name: math.nan if gap else named[name] for name, gap in zip(self.names, unknown, strict=True)}


def all_named(function: Callable, names: Sequence[str]) -> Callable:
    """Returns the function of a step, whose logs have NaN for each of the names that the step leaves out."""

    @functools.wraps(function)
    def named(iterator):
        logs = function(iterator)
        return {name: logs.get(name, math.nan) for name in names}

    return named
