"""Checks of networks for signals [T, C] and [T]."""

from collections.abc import Sequence

from rme_tf.core.validation import check_counts, check_sizes, require
from rme_tf.networks.images import check_axes, check_last_map

MORE_STRIDES = "Give `filters` more entries, each of which shortens the signal, or take larger `strides`"


def check_signal_shape(shape, network: str) -> tuple[int, int]:
    """Returns steps and channels of a checked shape.

    Args:
        shape: (T, C), or (T,) for one channel.
        network: name of the network, for the message.

    Raises:
        ValueError: if the shape is not one or two positive integers.
    """
    of_rank = "Choose the 'mlp' networks, or 'conv' for images."
    remedies = (of_rank, "Cut or pad the signals to one length.")
    whole = (*shape, 1) if has_one_channel(shape) else shape
    steps, channels = check_axes(whole, network, "signals", ("steps", "channels"), remedies)
    return steps, channels


def has_one_channel(shape) -> bool:
    """Returns whether signals of a shape have no axis of channels."""
    return isinstance(shape, Sequence) and len(shape) == 1


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
    check_last_map(shape, filters, hidden, network, stride=strides, remedy=MORE_STRIDES)
