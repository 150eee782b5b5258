"""The console output of `fit` and `evaluate`: one line an epoch."""

import time
from collections.abc import Iterable

import keras

from rme_tf.core.estimates import short
from rme_tf.core.printing import print_line
from rme_tf.models.phases import phase_of

SHOWN = ("elbo", "reconstruction", "kl")  # of the quantities in the epoch log, in this order
VALIDATION = "val_elbo"


class EpochLines(keras.callbacks.ProgbarLogger):
    """Readable lines in place of Keras's list of all logs.

    With `verbose=2` an epoch is one line, and `evaluate` is one line:

        Epoch 3/50 | elbo -98.31 | reconstruction -80.12 | kl 18.19 | validation elbo -97.80 | 12.3 s | warm start, ...

    With `verbose=1` it is Keras's progress bar with these quantities, under a header with the phase. All numbers of the
    epoch are in the `History`. `rme_tf.VAE.fit` adds this callback, unless there is a `ProgbarLogger`.

    Args:
        names: names of the library's logs, of which only some are shown. Logs of other callbacks are shown.
    """

    async_safe = True  # it changes no state of the model
    target: int | None

    def __init__(self, names: Iterable[str] = ()):
        super().__init__()
        self.names = frozenset(names)
        self._fitting = False

    def on_train_begin(self, logs=None):
        """Notes that validations are silent."""
        self._fitting = True

    def on_train_end(self, logs=None):
        """Notes that the training is over."""
        self._fitting = False

    def on_epoch_begin(self, epoch, logs=None):
        """Starts the time of the epoch, and a progress bar."""
        self._begin()
        if self.verbose == 1:
            phase = phase_of(self.model)
            header = f"Epoch {epoch + 1}/{self.epochs}" if self.epochs > 1 else ""
            header = ": ".join(filter(None, [header, phase]))
            if header:
                print_line(header)

    def on_train_batch_end(self, batch, logs=None):
        """Moves the progress bar."""
        self._move(batch, logs)

    def on_epoch_end(self, epoch, logs=None):
        """Prints the line of the epoch."""
        phase = phase_of(self.model) if self.verbose == 2 else ""
        self._end(f"Epoch {epoch + 1:>{len(str(self.epochs))}}/{self.epochs}", logs, phase)

    def on_test_begin(self, logs=None):
        """Starts the progress bar of an `evaluate`."""
        if not self._fitting:
            self._begin()

    def on_test_batch_end(self, batch, logs=None):
        """Moves the progress bar of an `evaluate`."""
        if not self._fitting:
            self._move(batch, logs)

    def on_test_end(self, logs=None):
        """Prints the line of an `evaluate`."""
        if not self._fitting:
            self._end("Evaluation", logs)

    def shown(self, logs) -> dict[str, float]:
        """Returns the logs on the console by name, in their order.

        Args:
            logs: logs of an epoch.
        """
        logs, known = logs or {}, self.names
        listed = [name for name in (*SHOWN, VALIDATION) if name in logs]
        others = [name for name in logs if name not in known and name.removeprefix("val_") not in known]
        return {name: logs[name] for name in [*listed, *others]}

    def _begin(self):
        self._start, self.seen = time.perf_counter(), 0
        if self._bar:
            self.progbar = keras.utils.Progbar(self.target, verbose=self.verbose, stateless_metrics=())

    @property
    def _bar(self) -> bool:
        return self.verbose == 1

    def _move(self, batch, logs):
        self.seen = batch + 1
        if self._bar:
            self.progbar.update(self.seen, list(self.shown(logs).items()), finalize=False)

    def _end(self, title, logs, phase=""):
        if self._bar:
            if self.target is None:
                self.target = self.progbar.target = self.seen
            self.progbar.update(self.target, list(self.shown(logs).items()), finalize=True)
        elif self.verbose:
            numbers = [f"{_title(name)} {_number(name, value)}" for name, value in self.shown(logs).items()]
            print_line(
                " | ".join([title, *numbers, f"{time.perf_counter() - self._start:.1f} s", *filter(None, [phase])])
            )


def _title(name: str) -> str:
    """Returns the name of a quantity in words."""
    return f"validation {name.removeprefix('val_')}" if name.startswith("val_") else name.replace("_", " ")


def _number(name: str, value) -> str:
    """Returns a value as text: nats, or the digits that matter in another quantity."""
    try:
        return short(float(value)) if name in (*SHOWN, VALIDATION) else f"{float(value):.3g}"
    except (TypeError, ValueError):
        return str(value)
