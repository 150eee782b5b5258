"""Checks of the arguments that every Keras layer takes."""

from typing import Any

import keras

from rme_tf.core.validation import check_flag, require


def check_layer_options(name=None, dtype=None, trainable=True, **others: Any) -> None:
    """Checks name, dtype policy and `trainable` of a model.

    Args:
        name: name of the model; None for one of Keras.
        dtype: dtype policy or its name; None for the global policy.
        trainable: whether the weights are trained.
        **others: ignored arguments.

    Raises:
        ValueError: if one of them is of another type, or Keras has no such policy.
    """
    del others
    fits = name is None or (isinstance(name, str) and "/" not in name)
    require(fits, "name", "be text without a slash, or None", repr(name))
    check_flag("trainable", trainable)
    try:
        keras.dtype_policies.get(dtype)
    except Exception as error:  # Keras raises errors of several types
        raise ValueError(f"`dtype` must be a dtype policy of Keras, its name or None. Received: {dtype!r}.") from error
