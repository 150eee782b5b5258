"""Checks of activations."""

import keras

SIZES = (2, 3)  # of a batch, and of the features of each row


def check_activation(activation, name: str = "activation"):
    """Returns a checked activation.

    Args:
        activation: name of an activation of Keras, function of a tensor, layer, or None.
        name: name of the argument, for the message.

    Raises:
        ValueError: for another value, or a function whose result has another shape.
    """
    if activation is not None and not _is_activation(activation):
        raise ValueError(
            f"`{name}` must be the name of a Keras activation, or a function or layer of a tensor whose result has its "
            f"shape. Received: {activation!r}."
        )
    return activation


def _is_activation(activation) -> bool:
    """Returns whether Keras knows a name, or a function or layer keeps the shape of a tensor."""
    try:
        if isinstance(activation, keras.Layer):  # which a call would build
            return tuple(activation.compute_output_shape(SIZES)) == SIZES
        function = keras.activations.get(activation)
        return tuple(keras.ops.shape(keras.ops.convert_to_tensor(function(keras.ops.ones(SIZES))))) == SIZES
    except Exception:  # functions of other values raise errors of any type
        return False
