"""Sums over the entries of an observation."""

import functools
import math

import tensorflow as tf

MOST_SLICES = 16  # of an observation: factors of one product, each at most 2
LANES = 8  # numbers that every processor adds at a time


class Totals:
    """Sums over the axes of an observation, by TensorFlow's operations.

    Args:
        event_shape: shape of one observation.
    """

    def __init__(self, event_shape):
        self.event_shape = tuple(event_shape)
        self.axes = list(range(-len(self.event_shape), 0))

    def sum(self, terms):
        """Returns the sum [...] of terms [..., *event_shape]."""
        return tf.reduce_sum(terms, axis=self.axes)

    def softplus(self, logits):
        """Returns the sum [...] of log(1 + exp(l)) of logits [..., *event_shape]."""
        return self.sum(tf.math.softplus(logits))


class SlicedTotals(Totals):
    """Sums in slices, for functions that XLA compiles.

    On a CPU XLA vectorizes sums of slices, and neither sums over the last axis nor `log1p`. The slices are views in one
    loop over the observation. In TensorFlow's graph they are copies: there `Totals` are faster.
    """

    def sum(self, terms):
        """Returns the sum [...] of terms [..., *event_shape]."""
        return sum(tf.reduce_sum(functools.reduce(tf.add, group), axis=-1) for group in self._groups(terms))

    def softplus(self, logits):
        """Returns the sum [...] of log(1 + exp(l)) of logits [..., *event_shape].

        With log(1 + exp(l)) = max(l, 0) + log(1 + exp(-|l|)), one logarithm serves several entries: the one of the
        product of 1 + exp(-|l|), whose factors are at most 2.
        """
        return sum(tf.reduce_sum(_softplus(group), axis=-1) for group in self._groups(logits))

    def _groups(self, values) -> list[list]:
        """Returns groups of slices [..., N]; the slices of a group have one width."""
        size = math.prod(self.event_shape)
        lead = tf.shape(values)[: len(values.shape) - len(self.axes)]
        flat = tf.reshape(values, tf.concat([lead, [size]], axis=0))
        count, width = slices_of(size)
        slices = [flat[..., i * width : (i + 1) * width] for i in range(count)]
        return [slices, [flat[..., count * width :]]] if count * width < size else [slices]


def slices_of(size: int) -> tuple[int, int]:
    """Returns the number and the width of the slices of `size` entries.

    They leave out as few entries as possible.
    """
    if size < LANES:
        return 1, size
    choices = [(count, size // count // LANES * LANES) for count in range(MOST_SLICES, 0, -1)]
    return max(choices, key=lambda choice: choice[0] * choice[1])


def _softplus(slices):
    """Returns the sum of log(1 + exp(l)) over slices of logits, [..., N]."""
    product = functools.reduce(tf.multiply, [1.0 + tf.exp(-tf.abs(part)) for part in slices])
    return functools.reduce(tf.add, [tf.nn.relu(part) for part in slices]) + tf.math.log(product)
