"""Logs of an epoch for callbacks: without missing values, complete in records.

A component that did not train in an epoch has no value in it. Callbacks that compare numbers, such as `EarlyStopping`,
then find no number under its name, as in an epoch without validation; the `History` of `fit` has NaN there, and a file
of `CSVLogger` "NA".
"""

import math
import re
from collections.abc import Iterable

import keras

COMPONENT = re.compile(r"(elbo|alpha)_\d+")  # names of training logs that may lack a value


def drop_missing(logs) -> None:
    """Removes the names of components without a value from the logs.

    Args:
        logs: dict of the logs of an epoch or a batch, which is changed, or None.
    """
    missing = [name for name, value in (logs or {}).items() if COMPONENT.fullmatch(name) and math.isnan(value)]
    for name in missing:
        logs.pop(name)


def append(history: dict[str, list], logs: dict, names: Iterable[str] = ()) -> None:
    """Adds the logs of an epoch to a history of complete lists.

    Args:
        history: dict of lists with one value an epoch, which is changed; missing values are NaN.
        logs: logs of the epoch.
        names: further names to complete, if they are missing in the logs.
    """
    before = max(map(len, history.values()), default=0)
    for name in {**history, **dict.fromkeys(names), **logs}:
        values = history.setdefault(name, [])
        values += [math.nan] * (before - len(values))
        values.append(float(logs.get(name, math.nan)))


class CompleteHistory(keras.callbacks.History):
    """Keras's `History`, with a value in every epoch for the library's names.

    Names of validation have values in the epochs with a validation, as in Keras.

    Args:
        names: names that have a value or NaN in every epoch.
    """

    def __init__(self, names: Iterable[str]):
        super().__init__()
        self.names = list(names)

    def on_epoch_end(self, epoch, logs=None):
        """Adds the logs of the epoch."""
        before = max(map(len, self.history.values()), default=0)
        super().on_epoch_end(epoch, logs)
        for name in self.names:
            values = self.history.setdefault(name, [])
            missing = [math.nan] * (before + 1 - len(values))
            values[:] = [*missing, *values] if name in (logs or {}) else [*values, *missing]


class CompleteColumns(keras.callbacks.Callback):
    """Gives a `CSVLogger` its columns before its first epoch.

    Keras takes the names of the first epoch, in which a warm start has no values for later components.

    Args:
        logger: `CSVLogger` after this callback.
        names: names of columns in addition to the logs of the first epoch.
    """

    def __init__(self, logger: keras.callbacks.CSVLogger, names: Iterable[str]):
        super().__init__()
        self.logger, self.names = logger, list(names)

    def on_epoch_end(self, epoch, logs=None):
        """Sets the columns, if there are none."""
        if self.logger.keys is None:
            columns = sorted({*(logs or {}), *self.names})
            validated = any(name.startswith("val_") for name in columns)
            self.logger.keys = [*columns, *([] if validated else [f"val_{name}" for name in columns])]  # as Keras does
