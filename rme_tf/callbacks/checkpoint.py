"""Checkpoints for an exact continuation of training."""

import contextlib
import math
import pathlib
import sys
import time
import warnings

import keras
import numpy as np

from rme_tf.callbacks.callback_states import named, set_states, states_of
from rme_tf.callbacks.checkpoint_folder import CheckpointFolder
from rme_tf.callbacks.manifests import Manifest, Position
from rme_tf.core.interruptions import HeldSignals
from rme_tf.core.printing import print_line
from rme_tf.core.replicas import has_workers
from rme_tf.core.validation import check_count, check_number, optional
from rme_tf.core.writers import LOCK, FolderLock
from rme_tf.models.epoch_logs import append
from rme_tf.models.step_groups import BrokenEpoch
from rme_tf.networks.copies import refresh


class ResumableCheckpoint(keras.callbacks.Callback):
    """Saves weights, optimizer, random state and history of a training.

    A checkpoint is saved after each epoch, and within long ones. A resumed training equals an uninterrupted one, bit
    for bit. A checkpoint is complete or absent, so a process may be killed at any moment. SIGINT and SIGTERM end the
    program after the step, which is saved, with exit status 130 or 143. A damaged checkpoint is named in a warning,
    and the one before it is restored. The data must continue too: see `first_epoch` in
    `rme_tf.data.training_dataset`; `fit` itself leaves out the batches of the broken epoch that have been used.

    Several workers of a `tf.distribute` strategy save after each epoch alone, and signals end them at once: all save
    together, and a clock or a signal is not of all.

    The checkpoint has the state of the callbacks before it in the list of `fit`: of Keras's with best values, such as
    `EarlyStopping`, and of any with `get_state()`, which returns JSON values, and `set_state(state)`.

    Args:
        model: compiled `VAE`, whose state is restored if the directory has a checkpoint.
        directory: directory of the checkpoints.
        keep: number of checkpoints that are kept, the last ones.
        every_minutes: time after which a checkpoint is saved within an epoch; None for no such limit.
        every_steps: number of steps after which a checkpoint is saved within an epoch, with the execution of steps
            that reaches it; None for no such limit.
        resumed_by: command that resumes the training, for the line after a signal; None for the same program.

    Raises:
        ValueError: if a number is out of range, the directory has a checkpoint of another model, or damaged ones
            alone; at the start of a training, if another process writes into the directory.

    Attributes:
        history: dict of lists with one value an epoch, of this training and the resumed ones; NaN if the logs of an
            epoch lack a name.
        epoch: number of completed epochs.
        step: number of completed steps of the epoch after them, in the restored checkpoint.
    """

    keeps_logs = True
    acts_between_executions = True

    def __init__(
        self,
        model,
        directory,
        *,
        keep: int = 2,
        every_minutes: float | None = 5.0,
        every_steps: int | None = None,
        resumed_by: str | None = None,
    ):
        super().__init__()
        optional(check_number, "every_minutes", every_minutes, above=0.0)
        optional(check_count, "every_steps", every_steps)
        self.every_minutes, self.every_steps, self.resumed_by = every_minutes, every_steps, resumed_by
        parts = {
            "weights": [variable.value for variable in model.variables],
            "optimizer": [variable.value for variable in model.optimizer.variables],
            "seed": model.seed_generator.state.value,
        }
        self.directory = pathlib.Path(directory)
        self.folder = CheckpointFolder(self.directory, parts, check_count("keep", keep))
        self._alone = not has_workers(model.distribute_strategy)
        self.trained, self.names = model.epochs_trained, list(model.metrics_names)
        self.history: dict[str, list] = {}
        self.step = 0
        self._others: list = []  # callbacks before this one
        self._signals, self._held = HeldSignals(), contextlib.ExitStack()
        self._start, self._seconds, self._steps, self._in_epoch = time.perf_counter(), 0.0, 0, False
        self._saved, self._saved_step = time.monotonic(), 0
        self._means: dict[str, list] | None = None
        self._restored = self.folder.restore()
        if self._restored is not None:
            self._resume(model, self._restored)

    def _resume(self, model, manifest: Manifest) -> None:
        """Takes over the state of a restored checkpoint."""
        if refresh(model):
            model.forget_functions()
        self.step, self._seconds = manifest.position.step, manifest.seconds
        for name, values in manifest.history.items():
            self.history[name] = [math.nan if value is None else value for value in values]
        if self.step:
            means = {name: np.array(values, np.float32) for name, values in manifest.means.items()}
            model.broken_epoch = BrokenEpoch(self.step, **means)
        if self.folder.damaged:
            warnings.warn(
                f"{self.folder.reasons} in {self.directory}. The checkpoint before it is used: "
                f"{manifest.position.name}, after {manifest.position.words}.",
                stacklevel=3,
            )
        elif not self.folder.has_history(manifest):
            warnings.warn(
                f"history.json in {self.directory} is missing or damaged; it is written again from "
                f"{manifest.position.name}.",
                stacklevel=3,
            )
            self.folder.write_history(manifest)

    @property
    def epoch(self) -> int:
        """The number of completed epochs."""
        return int(self.trained.numpy())

    def had_ended(self, callbacks) -> bool:
        """Returns whether a callback had ended the training that is resumed.

        A callback with more patience than before has not.

        Args:
            callbacks: callbacks of `fit`.
        """
        if self._restored is None or not self._restored.stopped:
            return False
        states = self._restored.callbacks
        waits = {name: callback for name, callback in named(callbacks).items() if "wait" in states.get(name, {})}
        waited = any(states[name]["wait"] >= callback.patience for name, callback in waits.items())
        return waited or any(getattr(callback, "is_over", False) for callback in callbacks)

    def on_train_begin(self, logs=None):
        """Locks the directory, holds the signals, and prints the resumed position."""
        self._held.enter_context(FolderLock(self.directory / LOCK, str(self.directory)))
        if self._alone:
            self._signals = self._held.enter_context(HeldSignals())
        self._saved = time.monotonic()
        if self._restored is not None and (self.params or {}).get("verbose"):
            position = self._restored.position
            print_line(f"Resuming after {position.words}, from {self.directory / position.name}.")

    def all_begun(self, callbacks) -> None:
        """Sets the states of the callbacks before this one.

        Args:
            callbacks: callbacks of `fit`, which have begun.
        """
        index = next(index for index, callback in enumerate(callbacks) if callback is self)
        self._others, later = callbacks[:index], named(callbacks[index + 1 :])
        if later:
            names = ", ".join(name.rpartition("_")[0] for name in later)
            warnings.warn(
                f"Checkpoints have no state of {names}, which comes after ResumableCheckpoint in the list of "
                "callbacks. Put it before.",
                stacklevel=2,
            )
        if self._restored is not None:
            arrays = self.folder.arrays(self._restored.position) if named(self._others) else {}
            set_states(self._others, self._restored.callbacks, arrays)
            self._restored = None

    def on_epoch_begin(self, epoch, logs=None):
        """Starts the timer of the epoch, or ends a signaled program."""
        self._end_if_signaled(Position(self.epoch))
        self._start, self._in_epoch = time.perf_counter(), True
        self._steps = self._saved_step = self.step if getattr(self.model, "continues_epoch", False) else 0
        if not self._steps:
            self._seconds = 0.0
        self.step = 0

    def on_train_batch_end(self, batch, logs=None):
        """Saves a checkpoint if it is due, or ends a signaled program."""
        self._steps = batch + 1
        is_last = self._steps == self.params.get("steps")  # the end of the epoch saves, too
        due = self._alone and self._is_due() and not is_last
        if due or self._signals.number is not None:
            self._save_within()

    def on_test_begin(self, logs=None):
        """Keeps the running means of the epoch, which an evaluation replaces."""
        self._means = self._running_means() if self._in_epoch else None

    def on_test_batch_end(self, batch, logs=None):
        """Saves a checkpoint if a signal ends the program within the validation."""
        if self._signals.number is not None and self._in_epoch:
            self._save_within(self._means)

    def on_epoch_end(self, epoch, logs=None):
        """Adds the epoch to the history and saves a checkpoint."""
        logs = {**(logs or {}), "seconds": self._elapsed()}
        append(self.history, logs, self.names)
        self._in_epoch, self._seconds, self._means = False, 0.0, None
        self._save(0, {})

    def on_train_end(self, logs=None):
        """Ends the program after a signal."""
        self._end_if_signaled(Position(self.epoch))

    def after_fit(self) -> None:
        """Unlocks the directory, and lets signals end the program."""
        self._held.close()

    def steps_to_save(self) -> int | None:
        """Returns the steps before a checkpoint is due by `every_steps`, or None."""
        if self.every_steps is None:
            return None
        return self.every_steps - self._steps % self.every_steps

    def _is_due(self) -> bool:
        """Returns whether a checkpoint within the epoch is due."""
        by_steps = self.every_steps is not None and (
            self._steps // self.every_steps > self._saved_step // self.every_steps
        )
        by_time = self.every_minutes is not None and time.monotonic() - self._saved >= 60.0 * self.every_minutes
        return by_steps or by_time

    def _elapsed(self) -> float:
        """Returns the seconds of the epoch, with those before an interruption."""
        return self._seconds + time.perf_counter() - self._start

    def _running_means(self) -> dict[str, list]:
        means = self.model.running_means
        return {name: getattr(means, name).numpy().tolist() for name in ("total", "count")}

    def _save_within(self, means=None) -> None:
        """Saves a checkpoint within the epoch, and ends the program after a signal."""
        self._save(self._steps, self._running_means() if means is None else means)
        self._end_if_signaled(Position(self.epoch, self._steps))

    def _save(self, step: int, means: dict[str, list]) -> None:
        """Saves a checkpoint."""
        states = states_of(self._others)
        history = {
            name: [value if math.isfinite(value) else None for value in values] for name, values in self.history.items()
        }
        stopped = bool(getattr(self.model, "stop_training", False))
        seconds = self._elapsed() if step else 0.0
        manifest = Manifest(Position(self.epoch, step), history, means, seconds, states.values, stopped)
        self.folder.save(manifest, states.arrays)
        self._saved, self._saved_step = time.monotonic(), step

    def _end_if_signaled(self, position: Position) -> None:
        """Ends a signaled program, with a line on the saved position."""
        if self._signals.number is None:
            return
        how = self.resumed_by or "the same program"
        line = f"{self._signals.name}: saved after {position.words} in {self.directory}. To resume: {how}."
        print(line, file=sys.stderr, flush=True)
        self._signals.end()
