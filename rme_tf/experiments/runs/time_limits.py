"""Callbacks for time limits and study progress."""

import math
import time
from collections.abc import Mapping, Sequence

import keras


class OutOfTime(Exception):  # noqa: N818  not an error: the training is resumed later
    """A deadline has passed before the end of a training."""


def deadline_in(minutes: float | None) -> float:
    """Returns the `time.monotonic` value after some minutes; infinity for None."""
    return math.inf if minutes is None else time.monotonic() + 60.0 * minutes


class StopAfter(keras.callbacks.Callback):
    """Ends a training after the epoch that exceeds a time limit.

    Args:
        minutes: time limit of all epochs; None is no limit.
        history: dict of lists with a value an epoch, including `seconds` and the epochs before an interruption, such as
            `ResumableCheckpoint.history`. The checkpoint must precede this callback in the list.
    """

    def __init__(self, minutes: float | None, history: Mapping[str, Sequence[float]]):
        super().__init__()
        self.seconds = math.inf if minutes is None else 60.0 * minutes
        self.history = history

    @property
    def is_over(self) -> bool:
        """Whether the time is used up."""
        return sum(self.history.get("seconds", [])) >= self.seconds

    def on_epoch_end(self, epoch, logs=None):
        """Ends the training if the time is used up."""
        if self.is_over:
            self.model.stop_training = True


class Deadline(keras.callbacks.Callback):
    """Raises `OutOfTime` after the first epoch past a deadline.

    It is not raised after the last epoch of the training. Callbacks that save the epoch must precede this callback.

    Args:
        end: deadline, as a value of `time.monotonic`.
    """

    def __init__(self, end: float):
        super().__init__()
        self.end = end

    def on_epoch_end(self, epoch, logs=None):
        """Compares the time with the deadline.

        Raises:
            OutOfTime: if the deadline has passed.
        """
        is_over = self.model.stop_training or epoch + 1 >= self.params["epochs"]
        if not is_over and time.monotonic() >= self.end:
            raise OutOfTime(f"The time was up after epoch {epoch + 1}.")


class Progress(keras.callbacks.Callback):
    """Updates a progress bar of a study by the cost of epochs.

    The cost of epochs that are not trained is subtracted from the total.

    Args:
        bar: `tqdm.tqdm` whose total is the cost of all epochs.
        epochs: planned number of epochs of the run.
        cost: cost of an epoch.
    """

    def __init__(self, bar, epochs: int, cost: float):
        super().__init__()
        self.bar, self.epochs, self.cost = bar, epochs, cost
        self.left = epochs

    def on_epoch_begin(self, epoch, logs=None):
        """Subtracts the epochs trained before an interruption."""
        self.leave_out(self.left - (self.epochs - epoch))

    def on_epoch_end(self, epoch, logs=None):
        """Updates the bar by the cost of an epoch."""
        self.left -= 1
        self.bar.update(self.cost)

    def leave_out(self, epochs: int) -> None:
        """Subtracts epochs from the total of the bar."""
        self.left -= epochs
        self.bar.total -= epochs * self.cost
        self.bar.refresh()
