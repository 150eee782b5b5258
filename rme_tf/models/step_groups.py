"""Groups of steps in one execution, which end with the epoch."""

import contextlib
import functools
import itertools
import math
from typing import Any, NamedTuple

import tensorflow as tf

from rme_tf.core import keras_compat
from rme_tf.core.pipelines import batches_from, skip
from rme_tf.core.resident import ResidentBatches, ResidentIterator, on_device, rows_of
from rme_tf.core.validation import check_count
from rme_tf.models.group_sizes import FixedSize, GroupChoice, GroupSizes, default_group_choice
from rme_tf.models.replica_steps import ReplicaStep
from rme_tf.models.step_loops import loop_over_iterator, loop_over_rows


def checked_group_size(steps_per_execution) -> int | str:
    """Returns the checked `steps_per_execution`, an int or "auto".

    Raises:
        ValueError: if it is neither "auto" nor an integer of at least 1.
    """
    if isinstance(steps_per_execution, str) and steps_per_execution == "auto":
        return "auto"
    return check_count("steps_per_execution", steps_per_execution, remedy='Or "auto", chosen by time.')


class BrokenEpoch(NamedTuple):
    """State of an epoch that was broken off after a step.

    Args:
        steps: number of its steps.
        total: sums of the running means. Shape [names].
        count: numbers of observations in the running means. Shape [names].
    """

    steps: int
    total: Any
    count: Any


class GroupedModel(keras_compat.TrainerHooks):
    """A Keras model with exact epochs for every `steps_per_execution`.

    Keras runs complete groups: with 10 steps an epoch, groups of 4 and infinite data, an epoch has 12 steps. Here the
    last group of an epoch has the remaining steps. For a seed, the weights equal the weights of
    `steps_per_execution=1`.

    Attributes:
        chooses_steps: whether the number of steps in an execution is chosen for each `fit` and `evaluate`.
        group_choice: `GroupChoice` of the last `fit`; None before it, and for a fixed number.
        broken_epoch: `BrokenEpoch` that the next `fit` continues; None for a new epoch.
        continues_epoch: whether the present epoch of a `fit` began before its first step here.
    """

    steps_per_execution: int
    running_means: Any
    chooses_steps: bool = False
    group_choice: GroupChoice | None = None
    broken_epoch: BrokenEpoch | None = None
    continues_epoch: bool = False
    _sizes: GroupSizes | FixedSize | None = None
    _test_sizes: GroupSizes | None = None
    _begins_fit: bool = False  # whether the next iterator of epochs is the one of a `fit`
    _epochs: Any = None  # iterator of the epochs of the present `fit`
    _steps_done: int = 0  # in the epoch that a `fit` continues, before its first step here

    @contextlib.contextmanager
    def groups_of_fit(self, callbacks):
        """Returns a context that chooses the groups of a `fit`.

        Args:
            callbacks: callbacks of the user.
        """
        self._begins_fit, self._steps_done = True, 0
        if self.chooses_steps:
            self.group_choice = default_group_choice(self, callbacks)
            self._sizes = GroupSizes(self.group_choice, callbacks)
            self._test_sizes = GroupSizes(default_group_choice(self, callbacks, testing=True))
        try:
            yield
        finally:
            self._sizes = self._test_sizes = self._epochs = None

    @contextlib.contextmanager
    def groups_of_evaluation(self, callbacks=()):
        """Returns a context for an `evaluate`, in a `fit` or alone.

        Args:
            callbacks: callbacks of the user, if it is alone.
        """
        if not self.chooses_steps:
            yield
            return
        before = self._sizes
        self._sizes = self._test_sizes or GroupSizes(default_group_choice(self, callbacks, testing=True))
        try:
            yield
        finally:
            self._sizes = before

    def prepare_epochs(self, epochs) -> None:
        """Replaces the groups of steps of `fit` or `evaluate`."""
        sizes = self._sizes or FixedSize(self.steps_per_execution)
        if self.chooses_steps and epochs.steps_per_epoch is None and epochs.data_adapter.num_batches is None:
            sizes = FixedSize(1)
        if not tf.distribute.has_strategy() and self.distribute_strategy is tf.distribute.get_strategy():
            _keep_on_device(epochs, jit_compile=self.jit_compile)
        epochs.steps_per_execution = 1  # Keras counts single steps
        if self._begins_fit:
            self._epochs, self._begins_fit = epochs, False
        keras_compat.replace_groups(epochs, lambda: _groups(epochs, sizes, self._take_steps_done(epochs)))

    def continue_epoch(self) -> dict | None:
        """Continues a broken epoch, and returns its logs so far, or None.

        The next epoch of `fit` begins after the batches that have been used.
        """
        broken, self.broken_epoch = self.broken_epoch, None
        self.continues_epoch = broken is not None
        if broken is None:
            return None
        self._steps_done = broken.steps
        self.running_means.total.assign(broken.total)
        self.running_means.count.assign(broken.count)
        self.make_train_function()
        return {name: float(value) for name, value in self.running_means.result().items()}

    def _take_steps_done(self, epochs) -> int:
        """Returns the steps done in the epoch that begins, 0 for evaluations and later epochs."""
        if epochs is not self._epochs:
            return 0
        steps, self._steps_done = self._steps_done, 0
        return steps

    def wrapped_function(self, function):
        """Returns a train or test function that also takes a `StepGroup`."""
        alone = self.steps_per_execution == 1 and not self.chooses_steps
        return _of_groups(function, alone=alone, jit_compile=self.jit_compile, run_eagerly=self.run_eagerly)

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
        iterator: `tf.data.Iterator`, a distributed iterator, or a `ResidentIterator`.
        steps: number of batches.

    Attributes:
        taken: number of available batches, after the call of the function.
    """

    def __init__(self, iterator, steps: int):
        self.iterator, self.steps, self.taken = iterator, steps, steps


def _keep_on_device(epochs, *, jit_compile: bool) -> None:
    """Replaces the data of an iterator of epochs by their rows on the device, if they have rows that fit."""
    rows = rows_of(keras_compat.data_of(epochs))
    rows = rows and on_device(rows, jit_compile=jit_compile)
    if rows:
        keras_compat.replace_data(epochs, ResidentBatches(rows))


def _groups(epochs, sizes, done: int = 0):
    """Yields the first step, the last step and the `StepGroup` of each group of an epoch.

    Args:
        epochs: Keras's iterator of epochs. It decides when finite data start again, by its count of single steps.
        sizes: sizes of the groups, from `group_sizes`.
        done: number of steps of the epoch that are not repeated.
    """
    steps_of_keras = _without_first(epochs, done)
    for begin, _, iterator in steps_of_keras:
        size, of_epoch, of_data = sizes.begin(), epochs.steps_per_epoch, keras_compat.batches_of_data(epochs)
        rest_of_data = of_data - keras_compat.batches_seen(epochs) + 1 if of_data else size
        steps = min(size, of_epoch - begin if of_epoch else size, rest_of_data)
        group = StepGroup(iterator, steps)
        yield begin, begin + steps - 1, group
        sizes.end(steps)
        ended = group.taken < steps  # data of unknown length
        for _ in itertools.islice(steps_of_keras, group.taken if ended else steps - 1):
            pass
        if ended:
            raise tf.errors.OutOfRangeError(None, None, "The data end within a group of steps.")  # Keras handles it


def _without_first(epochs, done: int):
    """Returns Keras's groups of steps of an epoch, without the first steps and their batches."""
    steps_of_keras = keras_compat.groups_of(epochs)
    if done == 0:
        return steps_of_keras
    data = keras_compat.data_of(epochs)
    rest = batches_from(data, done)
    if rest is not None:
        keras_compat.replace_data(epochs, rest)
    first = next(iter(steps_of_keras), None)
    keras_compat.replace_data(epochs, data)
    if first is not None and rest is None:
        skip(first[-1], done)
    for _ in itertools.islice(steps_of_keras, done - 1):
        pass
    return steps_of_keras


def _of_groups(function, *, alone: bool, jit_compile: bool, run_eagerly: bool):
    """Returns a train or test function that takes a `StepGroup` or, like Keras's `function`, a list of batches.

    At the end of the data no state changes. Keras's function for groups of one step, in contrast, counts another step
    of the optimizer and draws another seed there, since neither needs a batch.

    Args:
        function: Keras's function, whose step is run.
        alone: whether every group has one step.
        jit_compile: whether XLA compiles steps on rows on the device together.
        run_eagerly: whether the function is not compiled.
    """
    run = loop_over_iterator(function, alone)
    if not run_eagerly:
        # A partial, not a nested function: TensorFlow counts the tracings of a code object, shared by all models.
        run = tf.function(functools.partial(run), reduce_retracing=True, autograph=False)
    of_rows = _of_rows(function, jit_compile=jit_compile, run_eagerly=run_eagerly)

    def of_groups(batches):
        """Returns the logs of a group of steps."""
        if not isinstance(batches, StepGroup):
            return function(batches)
        if isinstance(batches.iterator, ResidentIterator):
            return of_rows(batches)
        if isinstance(batches.iterator, tf.distribute.DistributedIterator):
            return _one_by_one(function, batches)
        taken, _, logs = run(batches.iterator, tf.constant(batches.steps, tf.int64))
        batches.taken = int(taken)
        if batches.taken == 0:
            raise StopIteration
        return logs

    return of_groups


def _of_rows(function, *, jit_compile: bool, run_eagerly: bool):
    """Returns a train or test function of a `StepGroup` on rows on the device."""
    loops: dict = {}  # by the transform and the form of the rows

    def of_rows(group):
        """Returns the logs of a group of steps."""
        rows, form, group.taken, logs = group.iterator.rows, group.iterator.form, 0, {}
        if form not in loops:
            run = loop_over_rows(function, rows, jit_compile)
            options = {"input_signature": rows.signature(), "jit_compile": jit_compile, "autograph": False}
            loops[form] = run if run_eagerly else tf.function(functools.partial(run), **options)
        for segment in group.iterator.take(group.steps):
            extent = tf.constant([segment.first, segment.begin, segment.steps], tf.int64)
            logs = loops[form](rows.rows, segment.batches, segment.seeds, extent)
            group.taken += segment.steps
        if group.taken == 0:
            raise StopIteration
        return logs

    return of_rows


def _one_by_one(function, group: StepGroup):
    """Returns the logs of the last step; with several replicas, a step cannot be in a condition."""
    group.taken = 0
    spec = [group.iterator.element_spec] if isinstance(function, ReplicaStep) else []
    for batch in itertools.islice(group.iterator, group.steps):
        logs = function([batch], *spec)
        group.taken += 1
    if group.taken == 0:
        raise StopIteration
    return logs
