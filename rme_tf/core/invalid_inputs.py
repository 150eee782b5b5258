"""Handling of invalid inputs in a served model: NaN or an error."""

import math

import tensorflow as tf

NO_TOKEN = -1  # not an id of a vocabulary


def at_least_one(num_samples):
    """Return the int32 tensor `num_samples`, checked to be positive.

    Below 1, the graph raises InvalidArgumentError, unless XLA compiles it.
    """
    message = ["`num_samples` must be at least 1. Received:", num_samples]
    with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(num_samples >= 1), message)]):
        return tf.identity(num_samples)


def valid_observations(likelihood, x):
    """Return which observations [B, *event_shape] are in the support. Shape [B]."""
    inside = likelihood.in_support(x)
    entries = list(range(1, 1 + len(likelihood.event_shape)))
    return tf.reduce_all(inside, axis=entries) & tf.reduce_any(tf.ones_like(inside), axis=entries)  # any


def filled(x, valid):
    """Return x [B, *event_shape] with ones in the rows that are not `valid`.

    Looking up an unknown token or level raises an error on one device and reads zeros on another.
    """
    return tf.where(_along(valid, x, 0), x, tf.ones_like(x))


def valid_codes(z):
    """Return which latent codes [N, D] are finite. Shape [N]."""
    return tf.reduce_all(tf.abs(z) < math.inf, axis=-1)  # an operation of other formats, too


def masked(values: dict, valid, axis: int = 0) -> dict:
    """Return outputs by name, with NaN or `NO_TOKEN` where invalid.

    Args:
        values: tensors by name.
        valid: booleans along the axis.
        axis: axis of the observations or codes.
    """
    return {
        name: tf.where(_along(valid, value, axis), value, NO_TOKEN if value.dtype.is_integer else math.nan)
        for name, value in values.items()
    }


def _along(valid, value, axis: int):
    return tf.reshape(valid, [-1] + [1] * (len(value.shape) - axis - 1))
