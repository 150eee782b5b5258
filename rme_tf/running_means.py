"""The running means of an epoch's log."""

from collections.abc import Sequence

import keras
import tensorflow as tf


class RunningMeans(keras.metrics.Metric):
    """The means of several quantities over all observations since the last reset, in one vector.

    A `keras.metrics.Mean` for each would take two variables, and operations of its own in every step.

    Args:
        names: of the quantities; the order of the columns of `update_state`.

    Attributes:
        count: observations since the last reset, a float32 scalar.
    """

    def __init__(self, names: Sequence[str]):
        super().__init__(name="running_means", dtype="float32")
        self.names = tuple(names)
        self.total = self.add_variable((len(names),), "zeros", name="total")
        self.count = self.add_variable((), "zeros", name="count")

    def update_state(self, values):
        """Adds a batch of values, one row for each observation. Shape [B, len(names)]."""
        self.total.assign_add(tf.reduce_sum(values, axis=0))
        self.count.assign_add(tf.cast(tf.shape(values)[0], tf.float32))

    def result(self):
        """Returns name -> mean, scalars; 0 before the first batch."""
        means = tf.math.divide_no_nan(self.total.value, self.count.value)
        return dict(zip(self.names, tf.unstack(means), strict=True))
