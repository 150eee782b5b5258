"""Checks of the arguments of `fit`, `evaluate` and `predict`."""

from typing import Any

import keras

from rme_tf.core.forks import refuse_fork
from rme_tf.core.validation import check_count, check_flag, check_number, optional, require

COUNTS = {"epochs": 1, "initial_epoch": 0}  # by their lowest value
OPTIONAL = ("batch_size", "steps", "steps_per_epoch", "validation_batch_size", "validation_steps")
VERBOSE = ("auto", 0, 1, 2)


def check_fit_options(**options: Any) -> None:
    """Checks arguments before Keras does.

    Args:
        **options: arguments of `keras.Model.fit`, `evaluate` or `predict`; others than these are not checked.

    Raises:
        ValueError: if an argument is of another type, out of its range, or a weight of observations.
        RuntimeError: see `refuse_fork`.
    """
    refuse_fork()
    for name, value in options.items():
        if name in COUNTS:
            check_count(name, value, COUNTS[name])
        elif name in OPTIONAL:
            optional(check_count, name, value)
        elif name == "validation_split" and value is not None:
            check_number(name, value, least=0.0, below=1.0)
        elif name in ("shuffle", "return_dict"):
            check_flag(name, value)
        elif name == "verbose":
            known = isinstance(value, str | int) and value in VERBOSE
            require(known, name, f"be one of {', '.join(map(repr, VERBOSE))}", repr(value))
        elif name == "validation_freq":
            _check_validation_freq(value)
        elif name == "callbacks":
            _check_callbacks(value)
    refuse_weights(**options)


def refuse_weights(sample_weight=None, class_weight=None, **others) -> None:
    """Checks that there are no weights of observations.

    Args:
        sample_weight: argument of `fit` that must be None.
        class_weight: argument of `fit` that must be None.
        **others: ignored arguments of `fit`.

    Raises:
        ValueError: if there are weights.
    """
    del others
    if sample_weight is not None or class_weight is not None:
        raise ValueError("`sample_weight` and `class_weight` are not supported: every observation counts once.")


def _check_validation_freq(value) -> None:
    """Raises ValueError for what is neither a number of epochs nor a list of epochs."""
    for epoch in value if isinstance(value, list | tuple | set | range) else (value,):
        check_count("validation_freq", epoch)


def _check_callbacks(callbacks) -> None:
    """Raises ValueError for what is no callback of Keras, and no list of them."""
    if callbacks is None or isinstance(callbacks, keras.callbacks.CallbackList):
        return
    several = callbacks if isinstance(callbacks, list | tuple) else [callbacks]
    for callback in several:
        if not isinstance(callback, keras.callbacks.Callback):
            received = type(callback).__name__ if not isinstance(callback, type) else f"the class {callback.__name__}"
            raise ValueError(f"`callbacks` must be a list of callbacks of Keras. Received: {received} among them.")
