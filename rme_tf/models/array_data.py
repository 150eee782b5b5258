"""Arrays of `fit` and `evaluate` as data sets whose iteration ends at once."""

import math

import keras
import tensorflow as tf

from rme_tf.core.arrays import is_array
from rme_tf.core.pipelines import array_batches


def fit_batches(x, y, validation_data, *, batch_size=None, validation_split=0.0, **options):
    """Return x, y, validation data and the options of Keras's `fit`, with data sets for arrays.

    Labels of arrays are dropped, other data are passed on.

    Args:
        x: data as `checked` returns them.
        y: labels, which no step reads.
        validation_data: data as `checked_pair` returns them.
        batch_size: B; None for Keras's default.
        validation_split: share of an array's observations, the last ones, that validate.
        **options: more keyword arguments of Keras's `fit`.

    Raises:
        ValueError: for labels of another length than the observations, a split that leaves one side empty, or an
            impossible batch size.
    """
    if is_array(x):
        _check_labels(x, y, "x")
        if validation_split and validation_data is None:
            x, validation_data = _split(x, validation_split)
        x = array_batches(x, batch_size, steps=options.get("steps_per_epoch"), shuffle=options.pop("shuffle", True))
        y = None
    if isinstance(x, tf.data.Dataset):
        options.setdefault("shuffle", False)  # it shuffles itself; Keras warns otherwise
    if validation_data is not None:
        first, *labels = validation_data if isinstance(validation_data, tuple) else (validation_data,)
        if is_array(first):
            size = options.get("validation_batch_size") or batch_size
            steps = options.get("validation_steps")
            validation_data, _ = as_batches(first, labels, name="validation_data", batch_size=size, steps=steps)
    return x, y, validation_data, {**options, "batch_size": batch_size, "validation_split": validation_split}


def as_batches(x, y=None, *, name: str = "x", batch_size=None, steps=None):
    """Return an array's batches in their order, and no labels; other data and labels as they are.

    Args:
        x: data as `checked` returns them.
        y: labels, which no step reads.
        name: name of the data, for messages.
        batch_size: B; None for Keras's default.
        steps: number of batches; None for all.

    Raises:
        ValueError: for labels of another length than the observations, or an impossible batch size.
    """
    if not is_array(x):
        return x, y
    _check_labels(x, y, name)
    return array_batches(x, batch_size, steps=steps), None


def _split(x, share: float):
    """Returns an array without its last observations, and those: as many as Keras's `validation_split` takes."""
    count = len(x)
    at = math.floor(count * (1.0 - share))
    if not 0 < at < count:
        raise ValueError(
            f"`validation_split` must leave at least one of {count} observations to train on, and one to validate. "
            f"Received: {share}, which leaves {at} to train on. Choose another share, or pass `validation_data`."
        )
    return x[:at], x[at:]


def _check_labels(x, y, name: str) -> None:
    """Raises ValueError for labels that are not as many as the observations."""
    for labels in keras.tree.flatten(y):
        if labels is not None and is_array(labels) and len(labels) != len(x):
            raise ValueError(
                f"`{name}` must have as many labels as observations. Received: {len(labels)} labels of {len(x)} "
                "observations. Labels are ignored: leave them out."
            )
