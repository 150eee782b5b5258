"""What ends a training before its last epoch, and what tells how far a study is: callbacks of `fit`, for runs."""

import math
import time
from collections.abc import Mapping, Sequence

import keras


class OutOfTime(Exception):  # noqa: N818  it is no error: the training goes on another time
    """A deadline has passed, and the training that it ended is not over."""


def deadline_in(minutes: float | None) -> float:
    """Returns the time so many minutes from now, by `time.monotonic`; infinity for None."""
    return math.inf if minutes is None else time.monotonic() + 60.0 * minutes


class StopAfter(keras.callbacks.Callback):
    """Ends a training with the epoch in which its epochs have taken so many minutes; it is over then.

    Args:
        minutes: None for no limit.
        history: dict of lists of an epoch's values, `seconds` among them, those before an interruption included: as of
            `ResumableCheckpoint`, which comes before this in the list of callbacks.
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
        """Looks at the clock."""
        if self.is_over:
            self.model.stop_training = True


class Deadline(keras.callbacks.Callback):
    """Raises `OutOfTime` after the first epoch that ends past a deadline, unless the training is over with it.

    What is to be kept of the epoch must be kept by callbacks before this.

    Args:
        end: of `time.monotonic`.
    """

    def __init__(self, end: float):
        super().__init__()
        self.end = end

    def on_epoch_end(self, epoch, logs=None):
        """Looks at the clock.

        Raises:
            OutOfTime: if it is late.
        """
        is_over = self.model.stop_training or epoch + 1 >= self.params["epochs"]
        if not is_over and time.monotonic() >= self.end:
            raise OutOfTime(f"The time was up after epoch {epoch + 1}.")


class Progress(keras.callbacks.Callback):
    """Moves a bar by the cost of an epoch, and takes out of its total what need not be done.

    Args:
        bar: a `tqdm.tqdm` whose total has the cost of all epochs.
        epochs: of the run, if nothing cuts it short.
        cost: of one.
    """

    def __init__(self, bar, epochs: int, cost: float):
        super().__init__()
        self.bar, self.epochs, self.cost = bar, epochs, cost
        self.left = epochs

    def on_epoch_begin(self, epoch, logs=None):
        """Takes out what was trained before an interruption."""
        self.leave_out(self.left - (self.epochs - epoch))

    def on_epoch_end(self, epoch, logs=None):
        """Moves the bar."""
        self.left -= 1
        self.bar.update(self.cost)

    def leave_out(self, epochs: int) -> None:
        """Takes so many epochs out of the total."""
        self.left -= epochs
        self.bar.total -= epochs * self.cost
        self.bar.refresh()
