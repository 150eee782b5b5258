"""What the convolutional networks have in common: shapes of images, and how their decoders start and end."""

import math
from collections.abc import Sequence

import keras

from rme_tf.core.validation import is_size

# Of a decoder's last layer, whatever the policy: 16 bits would round pixels by half a level, and gradients of a
# likelihood to infinity.
PARAMS_DTYPE = "float32"

MAX_WEIGHTS = 2**29  # of a network by name: 2 GiB in float32, and three times that for a gradient and Adam's moments
MORE_HALVINGS = "Give `filters` more entries, each of which halves the image"


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


def check_weights(count: int, shape, network: str, remedy: str) -> None:
    """Raises ValueError, before there are any, if a network has far more weights than anyone asks for by a name.

    Args:
        count: the weights that grow with the size of the image.
        shape: of the image, or of what is decoded.
        network: name.
        remedy: what else to choose.
    """
    if count > MAX_WEIGHTS:
        raise ValueError(
            f"The {network} network for shape {tuple(shape)} would have {count:,} weights. Expected at most "
            f"{MAX_WEIGHTS:,}. {remedy}, make the images smaller, or give a Keras model of your own."
        )


def check_last_map(image_shape, filters, size: int, network: str) -> None:
    """Does `check_weights` for a dense layer of that size beside the last map of convolutions of stride 2.

    Args:
        image_shape: (H, W, C).
        filters: one entry for each convolution.
        size: of the layer.
        network: name.
    """
    rows, columns = (math.ceil(side / 2 ** len(filters)) for side in image_shape[:2])
    count = rows * columns * [image_shape[-1], *filters][-1] * size
    check_weights(count, image_shape, network, MORE_HALVINGS)


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
