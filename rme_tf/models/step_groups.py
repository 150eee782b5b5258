"""Groups of steps, `steps_per_execution` at a time, that end where an epoch does."""

import itertools
import math
import numbers

import tensorflow as tf

from rme_tf.core import keras_compat


def checked_group_size(steps_per_execution) -> int:
    """Returns `steps_per_execution` as an int.

    Raises:
        ValueError: if it is not an integer of at least 1.
    """
    whole = isinstance(steps_per_execution, numbers.Integral) and not isinstance(steps_per_execution, bool)
    if not whole or steps_per_execution < 1:
        raise ValueError(
            "`steps_per_execution` must be an integer of at least 1; it is not tuned automatically. "
            f"Received: {steps_per_execution!r}."
        )
    return int(steps_per_execution)


class GroupedModel(keras_compat.TrainerHooks):
    """A Keras model that takes exactly the steps of an epoch, whatever `steps_per_execution`.

    Keras runs whole groups: of 10 steps an epoch and groups of 4, on data that do not end, it takes 12. Here the last
    group of an epoch is as long as the rest of the epoch. The weights that a seed leads to are those of
    `steps_per_execution=1`.
    """

    steps_per_execution: int

    def prepare_epochs(self, epochs) -> None:
        """Shorten the last group of each epoch of a `fit` or an `evaluate`."""
        keras_compat.replace_groups(epochs, lambda: _exact_groups(epochs))

    def wrapped_function(self, function):
        """Return a train or test function that takes a `StepGroup`, too."""
        return _of_groups(function, alone=self.steps_per_execution == 1, run_eagerly=self.run_eagerly)

    def predict(self, x, *, steps=None, **kwargs):
        """Predicts as Keras does, in groups of which a whole number are `steps`."""
        self.make_predict_function()  # for groups of any size
        size = self.steps_per_execution
        self.steps_per_execution = math.gcd(steps or size, size)
        try:
            return super().predict(x, steps=steps, **kwargs)
        finally:
            self.steps_per_execution = size


class StepGroup:
    """The next batches of an iterator, for one call of a train or test function.

    Args:
        iterator: a `tf.data.Iterator`, or a distributed one.
        steps: number of batches.

    Attributes:
        taken: how many there were, once the function has been called.
    """

    def __init__(self, iterator, steps: int):
        self.iterator, self.steps, self.taken = iterator, steps, steps


def _exact_groups(epochs):
    """Yields first step, last step and `StepGroup` of each group of an epoch, as Keras's iterator does its groups.

    It corrects Keras's count of the batches seen, which decides where finite data begin anew, to that of single steps.
    """
    size, seen = epochs.steps_per_execution, None
    for begin, _, iterator in keras_compat.groups_of(epochs):
        seen = keras_compat.batches_seen(epochs) - size if seen is None else seen
        of_epoch, of_data = epochs.steps_per_epoch, keras_compat.batches_of_data(epochs)
        steps = min(size, of_epoch - begin if of_epoch else size, of_data - seen if of_data else size)
        group = StepGroup(iterator, steps)
        # Data of unknown length may end right here.
        keras_compat.set_batches_seen(epochs, seen + (steps if of_data else 1))
        yield begin, begin + steps - 1, group
        seen += group.taken
        keras_compat.set_batches_seen(epochs, seen if group.taken == steps else seen + 1)
        if group.taken < steps:
            raise tf.errors.OutOfRangeError(None, None, "The data end within a group of steps.")  # Keras awaits it


def _of_groups(function, *, alone: bool, run_eagerly: bool):
    """Returns a train or test function that takes a `StepGroup` or, as Keras's own `function`, a list of batches.

    Where the data end nothing moves: Keras's own, for groups of one step, counts another one for the optimizer there,
    and draws another seed, as both need no batch.

    Args:
        function: one of Keras's, whose step it runs.
        alone: whether every group is of one step.
        run_eagerly: as in Keras.
    """
    run = _loop(function, alone)
    if not run_eagerly:
        run = tf.function(run, reduce_retracing=True, autograph=False)

    def of_groups(batches):
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
    """Returns a function of an iterator and a number of steps: how many there were, whether there may be more, logs."""
    last: dict = {"logs": {}}

    def step(iterator, taken, logs_at_the_end):
        batch = iterator.get_next_as_optional()

        def take():
            last["logs"] = function([batch.get_value()])
            return taken + 1, True, last["logs"]

        return tf.cond(batch.has_value(), take, lambda: (taken, False, logs_at_the_end()))

    def run(iterator, steps):
        def unfinished(taken, going, logs):
            return tf.logical_and(going, taken < steps)

        first = step(iterator, tf.zeros_like(steps), lambda: _zeros_like(last["logs"]))
        if alone:
            return first
        return tf.while_loop(unfinished, lambda taken, _, logs: step(iterator, taken, lambda: logs), first)

    return run


def _one_by_one(function, group: StepGroup):
    """Returns the logs of the last step: under a strategy of several replicas, no step can be in a condition."""
    group.taken = 0
    for batch in itertools.islice(group.iterator, group.steps):
        logs = function([batch])
        group.taken += 1
    if group.taken == 0:
        raise StopIteration
    return logs


def _zeros_like(logs):
    """Returns zeros of the shapes of tensors that may be of another graph."""
    return tf.nest.map_structure(lambda value: tf.zeros(value.shape, value.dtype), logs)
