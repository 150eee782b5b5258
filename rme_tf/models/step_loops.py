"""Loops of training or evaluation steps in graph code."""

from collections.abc import Callable

import tensorflow as tf

from rme_tf.core.resident import ResidentRows


def loop_over_iterator(function: Callable, alone: bool) -> Callable:
    """Returns a function that takes steps on an iterator.

    The function is (iterator, steps) -> (steps taken, whether there may be more, logs).

    Args:
        function: Keras's function of a list of batches, whose step is run.
        alone: whether the function takes one step for every `steps`.
    """

    def step(iterator, taken, logs):
        """Takes one step if there is a batch; returns the state of the loop."""
        batch = iterator.get_next_as_optional()
        return tf.cond(
            batch.has_value(),
            lambda: (taken + 1, True, function([batch.get_value()])),
            lambda: (taken, False, logs),
        )

    def run(iterator, steps):
        """Takes at most a number of steps."""
        taken, going = tf.zeros_like(steps), tf.constant(True)
        if tf.executing_eagerly():
            logs: dict = {}
            while going and taken < steps:
                taken, going, logs = step(iterator, taken, logs)
            return taken, going, logs
        zeros = _zero_logs(function, iterator.element_spec)
        if alone:
            return step(iterator, taken, zeros)
        return tf.while_loop(
            lambda taken, going, _: tf.logical_and(going, taken < steps),
            lambda taken, _, logs: step(iterator, taken, logs),
            (taken, going, zeros),
        )

    return run


def loop_over_rows(function: Callable, rows: ResidentRows, jit_compile: bool) -> Callable:
    """Returns a function that takes steps on rows.

    The function is (rows, batches, seeds, extent) -> logs of the last step. Its arguments are `ResidentRows.rows`,
    `Segment.batches`, `Segment.seeds` and the vector of `Segment.first`, `begin` and `steps`.

    Args:
        function: Keras's function of a list of batches, whose step is run.
        rows: rows with the transform and the signature of the batches.
        jit_compile: whether the function is compiled by XLA.
    """
    transform, spec = rows.transform, rows.spec

    def batch_of(array, batches, seeds, first, step):
        """Returns the observations of a step."""
        batch = tf.gather(array, tf.gather(batches, step - first))
        batch = batch if transform is None else transform(batch, seeds, step, jit_compile)
        batch.set_shape(spec.shape)  # traced like a batch of the data set
        return batch

    def run(array, batches, seeds, extent):
        """Takes steps."""
        first, begin, count = tf.unstack(extent)
        end = begin + count
        if tf.executing_eagerly():
            for step in tf.range(begin, end):
                logs = function([batch_of(array, batches, seeds, first, step)])
            return logs

        def body(step, logs):
            """Takes one step."""
            del logs
            return step + 1, function([batch_of(array, batches, seeds, first, step)])

        zeros = _zero_logs(function, spec)
        return tf.while_loop(lambda step, _: step < end, body, (begin, zeros))[1]

    return run


def _zero_logs(function, spec):
    """Returns the logs of a loop before its first step, zeros.

    Args:
        function: Keras's function of a list of batches, whose step is traced here once for all its calls.
        spec: signature of a batch.
    """
    traced = tf.function(lambda batch: function([batch]), autograph=False).get_concrete_function(spec)
    return tf.nest.map_structure(lambda value: tf.zeros(value.shape, value.dtype), traced.structured_outputs)
