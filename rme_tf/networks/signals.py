"""Shape checks and first and last layers of networks for signals [T, C]."""

import math
from collections.abc import Sequence

import keras

from rme_tf.core.validation import check_counts, check_sizes, is_size, require
from rme_tf.networks.images import PARAMS_DTYPE, check_weights

MORE_STRIDES = "Give `filters` more entries, each of which shortens the signal, or take larger `strides`"


def check_signal_shape(shape, network: str) -> tuple[int, int]:
    """Returns steps and channels of a checked shape.

    Args:
        shape: (T, C).
        network: name of the network, for the message.

    Raises:
        ValueError: if the shape is not two positive integers.
    """
    sizes = tuple(shape) if isinstance(shape, Sequence) else (shape,)
    if len(sizes) != 2:
        raise ValueError(
            f"The {network} network needs signals of shape (steps, channels). Received: {shape}. Add a channel axis, "
            "(steps, 1), or choose the 'mlp' networks, or 'conv' for images."
        )
    if not all(map(is_size, sizes)):
        raise ValueError(
            f"The {network} network needs signals whose steps and channels are known, integers of at least 1. "
            f"Received: {shape}. Cut or pad the signals to one length."
        )
    steps, channels = map(int, sizes)
    return steps, channels


def check_strided(shape, filters, *, kernel_size, strides, hidden, network: str, empty: bool = True) -> None:
    """Checks the options of strided convolutions, and their number of weights.

    Args:
        shape: (T, C), checked.
        filters: number of filters of each convolution.
        kernel_size: steps of the kernels, at least `strides`.
        strides: stride of each convolution.
        hidden: units of the dense layer next to the last map.
        network: name of the network, for the message.
        empty: whether `filters` may have no entry.

    Raises:
        ValueError: if an option is invalid, or there are more than `images.MAX_WEIGHTS`.
    """
    check_sizes("filters", filters, empty=empty)
    check_counts(kernel_size=kernel_size, strides=strides, hidden=hidden)
    remedy = "A convolution with a longer stride would skip steps."
    require(strides <= kernel_size, "strides", f"be at most `kernel_size`, {kernel_size}", repr(strides), remedy)
    count = shortened(shape[0], strides, len(filters)) * [shape[-1], *filters][-1] * hidden
    check_weights(count, shape, network, MORE_STRIDES)


def shortened(steps: int, strides: int, times: int) -> int:
    """Returns the steps of a signal after some convolutions with a stride."""
    return math.ceil(steps / strides**times)


def short_signal(inputs, steps: int, filters: int):
    """Returns a signal [N, steps, filters] from a dense layer with ReLU."""
    flat = keras.layers.Dense(steps * filters, activation="relu")(inputs)
    return keras.layers.Reshape((steps, filters))(flat)


def cut(outputs, steps: int):
    """Returns the first `steps` steps of a signal [N, T, C]."""
    surplus = outputs.shape[1] - steps
    return keras.layers.Cropping1D((0, surplus), dtype=PARAMS_DTYPE)(outputs) if surplus else outputs
