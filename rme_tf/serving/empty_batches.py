"""Answers of a served model to batches without rows."""

import functools

import tensorflow as tf


def answering_empty(function, draws: str | None = None):
    """Returns an endpoint whose answer to no rows has no rows.

    The function is called with one row in their place.

    Args:
        function: graph function of tensors, of a batch first, then of numbers that are scalars or have a value for each
            row -> dict of tensors [B, ...].
        draws: name of a result that has draws before its rows if all numbers are scalars.
    """

    @functools.wraps(function)
    def call(*tensors):
        """Returns the results of the function, without rows where a tensor has none."""
        by_row = tf.reduce_any([tf.equal(tf.rank(tensor), 1) for tensor in tensors])
        is_empty = tf.reduce_any([tf.equal(tf.size(tensor), 0) for tensor in tensors])
        results = function(*[_with_a_row(tensor) for tensor in tensors])

        def without_rows(name, value):
            """Returns a result without its rows."""
            if name != draws:
                return value[:0]
            return tf.cond(by_row, lambda: value[:0], lambda: value[:, :0])

        def answer():
            """Returns the results without their rows."""
            return {name: without_rows(name, value) for name, value in results.items()}

        return tf.cond(is_empty, answer, lambda: results)

    return call


def _with_a_row(tensor):
    """Returns a tensor, with a row of zeros, or a number 1, where it has no rows."""
    if tensor.shape.rank is None:  # a number or numbers
        return tf.cond(tf.equal(tf.size(tensor), 0), lambda: tf.ones([1], tensor.dtype), lambda: tensor)
    row = tf.zeros(tf.concat([[1], tf.shape(tensor)[1:]], axis=0), tensor.dtype)
    row = tf.ensure_shape(row, [None, *tensor.shape[1:]])
    return tf.cond(tf.equal(tf.shape(tensor)[0], 0), lambda: row, lambda: tensor)
