"""Shape checks and first and last layers of convolutional networks."""

import math
from collections.abc import Sequence

import keras

from rme_tf.core.validation import check_count, is_size, optional

# Dtype of a decoder's last layer under every policy: 16 bits would round pixels by half a level, and gradients of a
# likelihood to infinity.
PARAMS_DTYPE = "float32"

MAX_WEIGHTS = 2**29  # of a network by name: 2 GiB in float32, and 6 GiB for the gradient and Adam's moments
MORE_HALVINGS = "Give `filters` more entries, each of which halves the image"


def check_image_shape(shape, network: str) -> tuple[int, int, int]:
    """Returns height, width and channels of a checked shape.

    Args:
        shape: (H, W, C).
        network: name of the network, for the message.

    Raises:
        ValueError: if the shape is not three positive integers.
    """
    remedies = ("Add a channel axis, or choose the 'mlp' networks.", "")
    height, width, channels = check_axes(shape, network, "images", ("height", "width", "channels"), remedies)
    return height, width, channels


def check_axes(shape, network: str, kind: str, axes: Sequence[str], remedies: tuple[str, str]) -> tuple[int, ...]:
    """Returns the sizes of a checked shape.

    Args:
        shape: sizes of the axes.
        network: name of the network, for the message.
        kind: observations with these axes, in the plural, for the message.
        axes: names of the axes.
        remedies: sentences on what to do about another number of axes, and about an invalid size.

    Raises:
        ValueError: if the shape is not one positive integer for each axis.
    """
    sizes = tuple(shape) if isinstance(shape, Sequence) else (shape,)
    if len(sizes) != len(axes):
        raise ValueError(
            f"The {network} network needs {kind} of shape ({', '.join(axes)}). Received: {shape}. {remedies[0]}"
        )
    if not all(map(is_size, sizes)):
        raise ValueError(
            f"The {network} network needs {kind} whose {', '.join(axes[:-1])} and {axes[-1]} are known, integers of at "
            f"least 1. Received: {shape}. {remedies[1]}".rstrip()
        )
    return tuple(map(int, sizes))


def last_layers(output_size: int | None) -> list:
    """Returns the last layer of an encoder, in a list.

    Args:
        output_size: size of the output; the list is empty for None.

    Raises:
        ValueError: if the size is neither None nor an integer of at least 1.
    """
    optional(check_count, "output_size", output_size)
    return [] if output_size is None else [keras.layers.Dense(output_size)]


def check_weights(count: int, shape, network: str, remedy: str) -> None:
    """Checks the number of weights of a network before they are created.

    Args:
        count: number of weights that grow with the size of the image.
        shape: shape of the image or of the decoder's output.
        network: name of the network, for the message.
        remedy: another choice, for the message.

    Raises:
        ValueError: if `count` exceeds `MAX_WEIGHTS`.
    """
    if count > MAX_WEIGHTS:
        raise ValueError(
            f"The {network} network for shape {tuple(shape)} would have {count:,} weights. Expected at most "
            f"{MAX_WEIGHTS:,}. {remedy}, make the observations smaller, or give a Keras model of your own."
        )


def check_last_map(shape, filters, size: int, network: str, *, stride: int = 2, remedy: str = MORE_HALVINGS) -> None:
    """Checks the number of weights from last map to dense layer.

    Args:
        shape: (H, W, C), or (T, C).
        filters: number of filters of each convolution.
        size: units of the dense layer next to the last map.
        network: name of the network, for the message.
        stride: stride of each convolution.
        remedy: another choice, for the message.

    Raises:
        ValueError: if there are more than `MAX_WEIGHTS`.
    """
    positions = math.prod(math.ceil(side / stride ** len(filters)) for side in shape[:-1])
    check_weights(positions * [shape[-1], *filters][-1] * size, shape, network, remedy)


def small_map(inputs, output_shape, stride: int, filters: int, activation="relu"):
    """Returns a map [N, ceil(H / stride), ceil(W / stride), filters] from a dense layer.

    Args:
        inputs: vectors. Shape [N, D].
        output_shape: (H, W, C), or (T, C) for a map with one axis of steps.
        stride: ratio of the output's sides to the map's sides.
        filters: number of filters of the map.
        activation: activation of the dense layer.
    """
    sides = [math.ceil(size / stride) for size in output_shape[:-1]]
    flat = keras.layers.Dense(math.prod(sides) * filters, activation=activation)(inputs)
    return keras.layers.Reshape((*sides, filters))(flat)


def cropped(outputs, output_shape):
    """Returns the map cropped to the sides of `output_shape`.

    Args:
        outputs: map. Shape [N, H', W', C] or [N, T', C].
        output_shape: (H, W, C), or (T, C).
    """
    crops = [(0, outputs.shape[axis + 1] - size) for axis, size in enumerate(output_shape[:-1])]
    if len(crops) == 1:
        crop = keras.layers.Cropping1D(crops[0], dtype=PARAMS_DTYPE)
    else:
        crop = keras.layers.Cropping2D(crops, dtype=PARAMS_DTYPE)
    return crop(outputs) if any(surplus for _, surplus in crops) else outputs
