"""Missing entries of observations: NaN where an entry is not seen."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from rme_tf.core.registry import lookup
from rme_tf.core.validation import check_count, require


@tf.autograph.experimental.do_not_convert
def hide(x, seen):
    """Returns x as floats, with NaN where entries are not seen.

    NumPy's masked arrays mark the missing entries instead: `x.filled(np.nan)`, or `hide(x.data, ~x.mask)`.

    Args:
        x: observations, an array or a tensor of real numbers. Shape [N, ...].
        seen: booleans, or 0 and 1: whether an entry is seen; broadcasts against x.

    Returns:
        hidden: float32, or float64 for float64; a tensor if x or `seen` is one. Shape [N, ...].

    Raises:
        ValueError: if `seen` has other values, or does not broadcast to the shape of x.
    """
    if tf.is_tensor(x) or tf.is_tensor(seen):
        x = tf.convert_to_tensor(x)
        x = x if x.dtype == tf.float64 else tf.cast(x, tf.float32)
        return tf.where(tf.cast(seen, tf.bool), x, tf.constant(np.nan, x.dtype))
    x, seen = np.asarray(x), np.asarray(seen)
    valid = seen.dtype == bool or (seen.dtype.kind in "uif" and np.isin(seen, (0, 1)).all())
    require(valid, "seen", "be booleans, or 0 and 1", f"values of dtype {seen.dtype}")
    try:
        fits = np.broadcast_shapes(x.shape, seen.shape) == x.shape
    except ValueError:
        fits = False
    require(fits, "seen", f"broadcast to the shape {x.shape} of `x`", f"shape {seen.shape}")
    x = x if x.dtype == np.float64 else x.astype(np.float32)
    return np.where(seen.astype(bool), x, np.asarray(np.nan, x.dtype))


def _halves(rows, columns, height, width):
    """Returns the upper, the lower, the left and the right half."""
    return [rows < height // 2, rows >= height // 2, columns < width // 2, columns >= width // 2]


def _lower_half(rows, columns, height, width):
    """Returns the lower half."""
    return _halves(rows, columns, height, width)[1:2]


def _quarters(rows, columns, height, width):
    """Returns the four quarters."""
    upper, lower, left, right = _halves(rows, columns, height, width)
    return [upper & left, upper & right, lower & left, lower & right]


# Blocks of pixels that may be hidden: functions of row and column numbers, height and width.
HIDDEN_BLOCKS: dict[str, Callable] = {"half": _halves, "lower_half": _lower_half, "quarter": _quarters}


def seen_pixels(name, num_images, image_shape, *, seed=0):
    """Returns which pixels are seen if one block is hidden.

    The block of an image depends only on `seed` and its index: it is one of those in `HIDDEN_BLOCKS`, with equal
    probabilities.

    Args:
        name: one of `HIDDEN_BLOCKS`.
        num_images: number of images N.
        image_shape: (H, W, C), at least two rows and columns.
        seed: non-negative seed of the blocks.

    Returns:
        seen: booleans. Shape [N, H, W, 1].

    Raises:
        ValueError: if the name is unknown, or the images are too small.
    """
    blocks = lookup(HIDDEN_BLOCKS, name, "block of hidden pixels")
    height, width = (check_count("image_shape", size, 2) for size in image_shape[:2])
    rows, columns = np.indices((height, width))
    hidden = np.stack(blocks(rows, columns, height, width))  # [blocks, H, W]
    chosen = np.random.Generator(np.random.PCG64(seed)).random(num_images)
    return ~hidden[np.floor(len(hidden) * chosen).astype(int)][..., np.newaxis]
