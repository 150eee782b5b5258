"""Base class of callbacks that log to a tracker of runs."""

import importlib
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from rme_tf.callbacks.run_params import flat, params_of
from rme_tf.callbacks.showcase import Showcase
from rme_tf.core.files import read_json, write_json


class RunLogger(keras.callbacks.Callback):
    """Logs parameters once, numbers of each epoch, images at the end.

    It changes nothing in the training. Several calls of `fit` with one logger, and a resumed training with the same
    `directory`, are one run of the tracker. A training that ends by an error marks its run as failed.

    Args:
        data: observations whose reconstructions are logged with samples at the end of a training, an array, a
            `tf.data.Dataset` or a `Showcase`; None logs none.
        params: parameters to log in addition to the choices of the model, such as a recipe's configuration.
        directory: directory with the id of the run, from which a later process continues the run; None keeps none.
        history: dict of lists of the earlier epochs of a resumed training, such as `ResumableCheckpoint.history`.

    Raises:
        ImportError: if the package of the tracker is missing; the message has the command that installs it.

    To be implemented by subclasses:
        * `package`: name of the tracker's package, which is the name of the extra too.
        * `begin(run_id, params)`: starts a run or continues the one with an id; returns its id.
        * `log_metrics(metrics, epoch)`: logs a dict of floats of an epoch, counted from 1.
        * `log_image(name, image)`, `log_lines(name, lines)`: logs an image [H, W, C] in [0, 1], and lines of text.
        * `finish(failed)`: ends the run.
    """

    package = ""
    keeps_logs = True  # so `fit` warns of callbacks after it that add to the logs

    def __init__(
        self,
        data=None,
        *,
        params: Mapping[str, Any] | None = None,
        directory=None,
        history: Mapping[str, Sequence[float]] | None = None,
    ):
        super().__init__()
        self.client = imported(self.package, type(self).__name__)
        self.showcase = Showcase(data) if data is not None and not isinstance(data, Showcase) else data
        self.more_params, self.history = params, history
        self.path = None if directory is None else pathlib.Path(directory) / f"{self.package}_run.json"
        self.run_id: str | None = None
        self._running = False
        if self.path is not None and self.path.exists():
            self.run_id = read_json(self.path)["run_id"]

    def begin(self, run_id: str | None, params: dict) -> str:
        """Starts or continues a run; returns its id."""
        raise NotImplementedError

    def log_metrics(self, metrics: dict[str, float], epoch: int) -> None:
        """Logs the numbers of an epoch, counted from 1."""
        raise NotImplementedError

    def log_image(self, name: str, image) -> None:
        """Logs an image [H, W, C] in [0, 1]."""
        raise NotImplementedError

    def log_lines(self, name: str, lines: list[str]) -> None:
        """Logs lines of text."""
        raise NotImplementedError

    def finish(self, failed: bool) -> None:
        """Ends the run."""
        raise NotImplementedError

    def on_train_begin(self, logs=None):
        """Starts the run, or continues it."""
        params = {**params_of(self.model), **flat(self.more_params or {})}
        self.run_id = self.begin(self.run_id, params)
        self._running = True
        if self.path is not None:
            write_json(self.path, {"run_id": self.run_id})

    def on_epoch_end(self, epoch, logs=None):
        """Logs the numbers of the epoch."""
        self.log_metrics({name: float(value) for name, value in (logs or {}).items()}, epoch + 1)

    def on_train_end(self, logs=None):
        """Logs images or sentences, and ends the run."""
        if self.showcase is not None:
            for name, image in self.showcase.images(self.model).items():
                self.log_image(name, image)
            for name, lines in self.showcase.texts(self.model).items():
                self.log_lines(name, lines)
        self._running = False
        self.finish(failed=False)

    def after_fit(self) -> None:
        """Marks the run as failed, if `fit` ended by an error."""
        if self._running:
            self._running = False
            self.finish(failed=True)


def imported(package: str, user: str):
    """Returns a package that is an extra.

    Args:
        package: name of the package and of the extra.
        user: name of the class that needs the package, for the message.

    Raises:
        ImportError: if the package is missing.
    """
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise ImportError(
            f"{user} needs the package {package}, an extra of rme_tf. Install it with: "
            f'pip install "rme_tf[{package}]" ({error}).'
        ) from error
