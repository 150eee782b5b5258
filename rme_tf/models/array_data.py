"""Arrays of `fit` and `evaluate` as data sets without autotuning."""

import math

import keras
import tensorflow as tf

from rme_tf.core.arrays import is_array
from rme_tf.core.pipelines import array_batches


def fit_batches(x, y, validation_data, *, batch_size=None, validation_split=0.0, **options):
    """Return the arguments of Keras's `fit`, with data sets for arrays.

    Labels of arrays are dropped, and other data are returned unchanged.

    Args:
        x: result of `checked`.
        y: labels, which no step reads.
        validation_data: result of `checked_pair`.
        batch_size: number of observations B in a batch; None for Keras's default.
        validation_split: fraction of an array's observations, the last ones, for validation.
        **options: further keyword arguments of Keras's `fit`.

    Returns:
        x, y, validation_data, options: arguments of Keras's `fit`.

    Raises:
        ValueError: if there are more or fewer labels than observations, a split leaves one side empty, or the batch
            size is invalid.
    """
    if is_array(x):
        _check_labels(x, y, "x")
        if validation_split and validation_data is None:
            x, validation_data = _split(x, validation_split)
        x = array_batches(x, batch_size, steps=options.get("steps_per_epoch"), shuffle=options.pop("shuffle", True))
        y = None
    if isinstance(x, tf.data.Dataset):
        options.setdefault("shuffle", False)  # the data set shuffles; Keras warns otherwise
    if validation_data is not None:
        first, *labels = validation_data if isinstance(validation_data, tuple) else (validation_data,)
        if is_array(first):
            size = options.get("validation_batch_size") or batch_size
            steps = options.get("validation_steps")
            validation_data, _ = as_batches(first, labels, name="validation_data", batch_size=size, steps=steps)
    return x, y, validation_data, {**options, "batch_size": batch_size, "validation_split": validation_split}


def as_batches(x, y=None, *, name: str = "x", batch_size=None, steps=None):
    """Return the batches of an array in order, without labels.

    Other data and their labels are returned unchanged.

    Args:
        x: result of `checked`.
        y: labels, which no step reads.
        name: name of the data, for messages.
        batch_size: number of observations B in a batch; None for Keras's default.
        steps: number of batches; None for all.

    Raises:
        ValueError: if there are more or fewer labels than observations, or the batch size is invalid.
    """
    if not is_array(x):
        return x, y
    _check_labels(x, y, name)
    return array_batches(x, batch_size, steps=steps), None


def _split(x, share: float):
    """Returns an array split before its last observations, like by Keras's `validation_split`."""
    count = len(x)
    at = math.floor(count * (1.0 - share))
    if not 0 < at < count:
        raise ValueError(
            f"`validation_split` must leave at least one of {count} observations to train on, and one to validate. "
            f"Received: {share}, which leaves {at} to train on. Choose another share, or pass `validation_data`."
        )
    return x[:at], x[at:]


def _check_labels(x, y, name: str) -> None:
    """Raises ValueError if there are more or fewer labels than observations."""
    for labels in keras.tree.flatten(y):
        if labels is None or not is_array(labels):
            continue
        count = len(labels) if len(labels.shape) > 0 else "no axis of"
        if count != len(x):
            raise ValueError(
                f"`{name}` must have as many labels as observations. Received: {count} labels of {len(x)} "
                "observations. Labels are ignored: leave them out."
            )
