"""Shape checks and first and last layers of convolutional networks."""

import math
from collections.abc import Sequence

import keras

from rme_tf.core.validation import is_size

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
    sizes = tuple(shape) if isinstance(shape, Sequence) else (shape,)
    if len(sizes) != 3:
        raise ValueError(
            f"The {network} network needs images of shape (height, width, channels). Received: {shape}. "
            "Add a channel axis, or choose the 'mlp' networks."
        )
    if not all(map(is_size, sizes)):
        raise ValueError(
            f"The {network} network needs images whose height, width and channels are known, integers of at least 1. "
            f"Received: {shape}."
        )
    height, width, channels = map(int, sizes)
    return height, width, channels


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


def check_last_map(image_shape, filters, size: int, network: str) -> None:
    """Checks the number of weights from last map to dense layer.

    Args:
        image_shape: (H, W, C).
        filters: number of filters of each convolution of stride 2.
        size: units of the dense layer next to the last map.
        network: name of the network, for the message.

    Raises:
        ValueError: if there are more than `MAX_WEIGHTS`.
    """
    rows, columns = (math.ceil(side / 2 ** len(filters)) for side in image_shape[:2])
    count = rows * columns * [image_shape[-1], *filters][-1] * size
    check_weights(count, image_shape, network, MORE_HALVINGS)


def small_map(inputs, output_shape, stride: int, filters: int, activation="relu"):
    """Returns a map [N, ceil(H / stride), ceil(W / stride), filters] from a dense layer.

    Args:
        inputs: vectors. Shape [N, D].
        output_shape: (H, W, C).
        stride: ratio of the image's sides to the map's sides.
        filters: number of filters of the map.
        activation: activation of the dense layer.
    """
    rows, columns = (math.ceil(size / stride) for size in output_shape[:2])
    flat = keras.layers.Dense(rows * columns * filters, activation=activation)(inputs)
    return keras.layers.Reshape((rows, columns, filters))(flat)


def cropped(outputs, output_shape):
    """Returns the map cropped to the rows and columns of `output_shape`."""
    surplus = [outputs.shape[axis + 1] - output_shape[axis] for axis in (0, 1)]
    crop = keras.layers.Cropping2D([(0, size) for size in surplus], dtype=PARAMS_DTYPE)
    return crop(outputs) if any(surplus) else outputs
