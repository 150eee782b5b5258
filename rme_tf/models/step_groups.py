"""Groups of `steps_per_execution` steps that end with the epoch."""

import itertools
import math

import tensorflow as tf

from rme_tf.core import keras_compat
from rme_tf.core.validation import check_count


def checked_group_size(steps_per_execution) -> int:
    """Returns the checked `steps_per_execution` as an int.

    Raises:
        ValueError: if it is not an integer of at least 1.
    """
    return check_count("steps_per_execution", steps_per_execution, remedy="It is not tuned automatically.")


class GroupedModel(keras_compat.TrainerHooks):
    """A Keras model with exact epochs for every `steps_per_execution`.

    Keras runs complete groups: with 10 steps an epoch, groups of 4 and infinite data, an epoch has 12 steps. Here the
    last group of an epoch has the remaining steps. For a seed, the weights equal the weights of
    `steps_per_execution=1`.
    """

    steps_per_execution: int

    def prepare_epochs(self, epochs) -> None:
        """Shortens the last group of each epoch of `fit` or `evaluate`."""
        keras_compat.replace_groups(epochs, lambda: _exact_groups(epochs))

    def wrapped_function(self, function):
        """Returns a train or test function that also takes a `StepGroup`."""
        return _of_groups(function, alone=self.steps_per_execution == 1, run_eagerly=self.run_eagerly)

    def predict(self, x, *, steps=None, **kwargs):
        """Predicts like Keras, in groups whose size divides `steps`.

        Args:
            x: data in any form that Keras takes.
            steps: number of batches; None is all batches.
            **kwargs: further arguments of `keras.Model.predict`.
        """
        self.make_predict_function()  # for groups of any size
        size = self.steps_per_execution
        self.steps_per_execution = math.gcd(steps or size, size)
        try:
            return super().predict(x, steps=steps, **kwargs)
        finally:
            self.steps_per_execution = size


class StepGroup:
    """The batches for one call of a train or test function.

    Args:
        iterator: `tf.data.Iterator`, or a distributed iterator.
        steps: number of batches.

    Attributes:
        taken: number of available batches, after the call of the function.
    """

    def __init__(self, iterator, steps: int):
        self.iterator, self.steps, self.taken = iterator, steps, steps


def _exact_groups(epochs):
    """Yields the first step, the last step and the `StepGroup` of each group of an epoch, like Keras's iterator.

    Keras counts the batches seen, which decides when finite data start again. The count is corrected to single steps.
    """
    size, seen = epochs.steps_per_execution, None
    for begin, _, iterator in keras_compat.groups_of(epochs):
        seen = keras_compat.batches_seen(epochs) - size if seen is None else seen
        of_epoch, of_data = epochs.steps_per_epoch, keras_compat.batches_of_data(epochs)
        steps = min(size, of_epoch - begin if of_epoch else size, of_data - seen if of_data else size)
        group = StepGroup(iterator, steps)
        # Data of unknown length may end here.
        keras_compat.set_batches_seen(epochs, seen + (steps if of_data else 1))
        yield begin, begin + steps - 1, group
        seen += group.taken
        keras_compat.set_batches_seen(epochs, seen if group.taken == steps else seen + 1)
        if group.taken < steps:
            raise tf.errors.OutOfRangeError(None, None, "The data end within a group of steps.")  # Keras handles it


def _of_groups(function, *, alone: bool, run_eagerly: bool):
    """Returns a train or test function that takes a `StepGroup` or, like Keras's `function`, a list of batches.

    At the end of the data no state changes. Keras's function for groups of one step, in contrast, counts another step
    of the optimizer and draws another seed there, since neither needs a batch.

    Args:
        function: Keras's function, whose step is run.
        alone: whether every group has one step.
        run_eagerly: whether the function is not compiled.
    """
    run = _loop(function, alone)
    if not run_eagerly:
        run = tf.function(run, reduce_retracing=True, autograph=False)

    def of_groups(batches):
        """Returns the logs of a group of steps."""
        if not isinstance(batches, StepGroup):
            return function(batches)
        if isinstance(batches.iterator, tf.distribute.DistributedIterator):
            return _one_by_one(function, batches)
        taken, _, logs = run(batches.iterator, tf.constant(batches.steps, tf.int64))
        batches.taken = int(taken)
        if batches.taken == 0:
            raise StopIteration
        return logs

    return of_groups


def _loop(function, alone: bool):
    """Returns a function (iterator, steps) -> (steps taken, whether there may be more, logs)."""
    last: dict = {"logs": {}}

    def step(iterator, taken, logs_at_the_end):
        """Takes one step if there is a batch; returns the state of the loop."""
        batch = iterator.get_next_as_optional()

        def take():
            last["logs"] = function([batch.get_value()])
            return taken + 1, True, last["logs"]

        return tf.cond(batch.has_value(), take, lambda: (taken, False, logs_at_the_end()))

    def run(iterator, steps):
        """Takes at most a number of steps."""

        def unfinished(taken, going, logs):
            return tf.logical_and(going, taken < steps)

        first = step(iterator, tf.zeros_like(steps), lambda: _zeros_like(last["logs"]))
        if alone:
            return first
        return tf.while_loop(unfinished, lambda taken, _, logs: step(iterator, taken, lambda: logs), first)

    return run


def _one_by_one(function, group: StepGroup):
    """Returns the logs of the last step; with several replicas, a step cannot be in a condition."""
    group.taken = 0
    for batch in itertools.islice(group.iterator, group.steps):
        logs = function([batch])
        group.taken += 1
    if group.taken == 0:
        raise StopIteration
    return logs


def _zeros_like(logs):
    """Returns zeros with the shapes of tensors that may belong to another graph."""
    return tf.nest.map_structure(lambda value: tf.zeros(value.shape, value.dtype), logs)
