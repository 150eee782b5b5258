"""Number of steps in an execution: fixed, or chosen by time."""

import time
from typing import NamedTuple

import keras

from rme_tf.core import keras_compat

SECONDS = 0.5  # longest time of an execution, for which the progress bar and Ctrl-C wait
MOST_STEPS = 1024
TRAIN_HOOKS = ("on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end")
TEST_HOOKS = ("on_test_batch_begin", "on_test_batch_end")
# Callbacks of Keras that count the steps of an execution, save in time, or act at NaN, which ends a `fit` anyway.
BETWEEN_EXECUTIONS = (
    keras.callbacks.ModelCheckpoint,
    keras.callbacks.OrbaxCheckpoint,
    keras.callbacks.ProgbarLogger,
    keras.callbacks.TerminateOnNaN,
)


class GroupChoice(NamedTuple):
    """Choice of `steps_per_execution="auto"`, with the reason; see docs/training.md."""

    single: bool  # whether an execution has one step
    reason: str


def default_group_choice(model, callbacks=(), *, testing: bool = False) -> GroupChoice:
    """Returns the choice of `steps_per_execution="auto"` for the callbacks of a `fit`.

    Args:
        model: compiled `VAE`.
        callbacks: callbacks of the user.
        testing: whether the steps are the steps of an evaluation.
    """
    if model.run_eagerly:
        return GroupChoice(True, "the steps run eagerly")
    if model.distribute_strategy.num_replicas_in_sync > 1:
        return GroupChoice(True, "several replicas take single steps")
    hooks = TEST_HOOKS if testing else TRAIN_HOOKS
    for callback in keras.tree.flatten(callbacks):
        if callback is not None and _sees_every_step(callback, hooks):
            return GroupChoice(True, f"{type(callback).__name__} sees every step")
    return GroupChoice(False, f"as many steps as take {SECONDS} seconds at most")


class GroupSizes:
    """Sizes of groups of steps by their time.

    The sizes double from one step up to a number that takes `SECONDS` at most. A group ends where a
    `ModelCheckpoint` or an `OrbaxCheckpoint` with an integer `save_freq` saves.

    Args:
        choice: whether all groups have one step.
        callbacks: callbacks of the user.
    """

    def __init__(self, choice: GroupChoice, callbacks=()):
        self.choice, self.size = choice, 1
        callbacks = keras.tree.flatten(callbacks)
        saving = [one for one in callbacks if isinstance(one, keras_compat.STEP_COUNTERS)]
        self._saving = [callback for callback in saving if callback.save_freq != "epoch"]
        self._counting = [callback for callback in callbacks if hasattr(callback, "steps_to_save")]
        self._start = 0.0

    def begin(self) -> int:
        """Returns the size of the next group, and starts its time."""
        self._start = time.perf_counter()
        counts = [*map(keras_compat.steps_to_save, self._saving), *(one.steps_to_save() for one in self._counting)]
        return min([self.size, *(count for count in counts if count is not None)])

    def end(self, steps: int) -> None:
        """Adapts the size to the time of a group.

        Args:
            steps: number of steps of the group, which may be fewer than the size.
        """
        seconds = time.perf_counter() - self._start
        if seconds > SECONDS:  # once for a step that was traced
            self.size = max(1, self.size // 2)
        elif seconds < SECONDS / 2 and steps == self.size and not self.choice.single:
            self.size = min(2 * self.size, MOST_STEPS)


class FixedSize:
    """A fixed size of groups of steps, in the form of `GroupSizes`.

    Args:
        size: number of steps.
    """

    def __init__(self, size: int):
        self.size = size

    def begin(self) -> int:
        """Returns the size."""
        return self.size

    def end(self, steps: int) -> None:
        """Leaves the size unchanged."""


def _sees_every_step(callback, hooks) -> bool:
    """Returns whether a callback acts between the steps of an execution.

    Callbacks with a true `acts_between_executions` do not.
    """
    if getattr(callback, "acts_between_executions", False):
        return False
    methods = [getattr(callback, name) for name in hooks if not _is_default(callback, name)]
    if not methods:
        return False
    if not all(map(keras_compat.is_of_keras, methods)):
        return True
    if isinstance(callback, keras.callbacks.TensorBoard):
        return keras_compat.observes_steps(callback)
    if isinstance(callback, keras.callbacks.BackupAndRestore):
        return callback.save_freq != "epoch"  # in an epoch after the first, it misses a step of the first execution
    return not isinstance(callback, BETWEEN_EXECUTIONS)


def _is_default(callback, name: str) -> bool:
    """Returns whether a callback has the method of Keras's base class."""
    method = getattr(callback, name)
    return getattr(method, "__func__", method) is getattr(keras.callbacks.Callback, name)
