"""Groups of rows that a served model answers together.

TensorFlow Serving's row format, `{"instances": [{"x": ..., "seed": 3}, ...]}`, stacks every input along a first axis,
so that there is a seed for each row.

Letters: B rows, G groups, R rows of a group, S draws. A batch is one group of B rows, or B groups of one row.
"""

import tensorflow as tf


class RowGroups:
    """Groups of rows, from the shapes of the numbers with them.

    If all numbers are scalars, the rows are one group. If a number has a value for each row, each row is a group, and
    its answer is the answer to a batch of that row alone. Graph code, also for numbers of unknown rank.

    Args:
        num_rows: number of rows B, an int32 scalar; None for the largest number of values.
        **numbers: int32 tensors by name, scalars or with a value for each row. Shape [], [B] or [B, 1].

    Raises:
        tf.errors.InvalidArgumentError: for another number of values, when the graph runs.
    """

    def __init__(self, num_rows=None, **numbers):
        sizes = {name: tf.size(number) for name, number in numbers.items()}
        scalar = {name: tf.equal(tf.rank(number), 0) for name, number in numbers.items()}
        num_rows = tf.reduce_max(list(sizes.values())) if num_rows is None else num_rows
        self.by_row = ~tf.reduce_all(list(scalar.values()))
        self._count = tf.where(self.by_row, num_rows, 1)  # G
        self._numbers = {}
        for name, number in numbers.items():
            message = (
                f"`{name}` must be a scalar, or have a value for each row. Received a number of values and of rows:"
            )
            fits = scalar[name] | tf.equal(sizes[name], num_rows)
            with tf.control_dependencies([tf.debugging.Assert(fits, [message, sizes[name], num_rows])]):
                self._numbers[name] = tf.broadcast_to(tf.reshape(number, [-1]), [self._count])

    def equal(self, name: str):
        """Returns a number that is equal for all groups, a scalar.

        Raises:
            tf.errors.InvalidArgumentError: if it is not, when the graph runs.
        """
        values = self._numbers[name]
        first = tf.reduce_max(values)
        message = f"`{name}` must be equal for all rows of a batch. Received:"
        with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(tf.equal(values, first)), [message, values])]):
            return tf.identity(first)

    def split(self, *rows) -> list:
        """Returns tensors [B, ...] as groups [G, R, ...]."""
        groups = []
        for part in rows:
            size = tf.shape(part)[0]
            lead = tf.where(self.by_row, tf.stack([size, 1]), tf.stack([1, size]))
            shaped = tf.reshape(part, tf.concat([lead, tf.shape(part)[1:]], axis=0))
            groups.append(tf.ensure_shape(shaped, [None, None, *part.shape[1:]]))
        return groups

    def map(self, function, groups: list, spec):
        """Returns the results of a function for each group, [G, ...].

        Args:
            function: function of the parts of a group, [R, ...] each, and of its numbers by name, scalars.
            groups: list of tensors. Shape [G, R, ...].
            spec: `tf.TensorSpec` of a result.
        """
        elements = groups, self._numbers
        return tf.map_fn(lambda group: function(*group[0], **group[1]), elements, fn_output_signature=spec)

    def joined(self, values):
        """Returns results [G, R, ...] as rows [B, ...]."""
        rows = tf.reshape(values, tf.concat([[-1], tf.shape(values)[2:]], axis=0))
        return tf.ensure_shape(rows, [None, *values.shape[2:]])

    def joined_draws(self, draws):
        """Returns draws [G, S, R, ...] with an axis of rows.

        Their shape is [S, B, ...] for one group, and [B, S, ...] for a group of each row.
        """
        sizes = tf.shape(draws)
        lead = tf.where(self.by_row, tf.stack([sizes[0], sizes[1]]), tf.stack([sizes[1], sizes[2]]))
        joined = tf.reshape(draws, tf.concat([lead, sizes[3:]], axis=0))
        return tf.ensure_shape(joined, [None, None, *draws.shape[3:]])

    def without_group(self, values):
        """Returns results [G, ...], for one group without the first axis."""
        return tf.reshape(values, tf.shape(values)[1 - tf.cast(self.by_row, tf.int32) :])
