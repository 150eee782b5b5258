"""What the convolutional networks have in common: shapes of images, and how their decoders start and end."""

import math
from collections.abc import Sequence

import keras

from rme_tf.shapes import is_size

# Of a decoder's last layer, whatever the policy: 16 bits would round pixels by half a level, and gradients of a
# likelihood to infinity.
PARAMS_DTYPE = "float32"


def check_image_shape(shape, network: str) -> tuple[int, int, int]:
    """Returns height, width and channels; raises ValueError if the shape is not of three positive integers."""
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


def small_map(inputs, output_shape, stride: int, filters: int, activation="relu"):
    """Returns a map [N, ceil(H / stride), ceil(W / stride), filters] made of vectors by a dense layer."""
    rows, columns = (math.ceil(size / stride) for size in output_shape[:2])
    flat = keras.layers.Dense(rows * columns * filters, activation=activation)(inputs)
    return keras.layers.Reshape((rows, columns, filters))(flat)


def cropped(outputs, output_shape):
    """Returns the map without the rows and columns that are too many."""
    surplus = [outputs.shape[axis + 1] - output_shape[axis] for axis in (0, 1)]
    crop = keras.layers.Cropping2D([(0, size) for size in surplus], dtype=PARAMS_DTYPE)
    return crop(outputs) if any(surplus) else outputs
