"""Transforms from uint8 pixels to model inputs: binarization and dequantization."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from rme_tf.core.registry import lookup
from rme_tf.core.validation import check_count, require


class Binarization(NamedTuple):
    """A transform from pixels to model inputs.

    Args:
        transform: function of pixels in [0, 255] and noise, uniform in [0, 1), that returns the model inputs. All are
            float32 arrays of one shape, of NumPy or TensorFlow.
        redrawn: whether new noise is drawn for each training batch; otherwise noise is drawn once.
        noisy: whether the result depends on the noise.
        values: "binary" (0 and 1), "levels" (256 pixel levels) or "real" (a density), the kind of the model inputs.
        compiled: form of `transform` whose bits are the same under XLA, which multiplies by reciprocals; None for
            `transform`.
    """

    transform: Callable
    redrawn: bool = False
    noisy: bool = True
    values: str = "binary"
    compiled: Callable | None = None


def _below_shares(pixels, noise):
    """Returns noise < pixels / 255 by a table of the quotients."""
    return noise < tf.gather(np.arange(256, dtype=np.float32) / 255, tf.cast(pixels, tf.int32))


BINARIZATIONS: dict[str, Binarization] = {
    "dequantized": Binarization(lambda pixels, noise: (pixels + noise) / 256, redrawn=True, values="real"),
    "dynamic": Binarization(lambda pixels, noise: noise < pixels / 255, redrawn=True, compiled=_below_shares),
    "none": Binarization(lambda pixels, noise: pixels / 255, noisy=False, values="levels"),
    "static": Binarization(lambda pixels, noise: noise < pixels / 255),
    "threshold": Binarization(lambda pixels, noise: pixels / 255 >= 0.5, noisy=False),
}


def evaluation_array(images, binarization, seed):
    """Returns model inputs of a validation or test set, with fixed noise.

    The noise of an image depends only on `seed` and its index, so the first images of a set do not depend on the
    number of images after them.

    Args:
        images: pixels, uint8. Shape [N, H, W, C].
        binarization: one of `BINARIZATIONS`.
        seed: non-negative seed of the noise.

    Returns:
        data: float32. Shape [N, H, W, C].
    """
    transform = lookup(BINARIZATIONS, binarization, "binarization").transform
    check_images(images)
    check_count("seed", seed, 0)
    generator = np.random.Generator(np.random.PCG64(seed))
    noise = generator.random(images.shape, dtype=np.float32)
    return transform(images.astype(np.float32), noise).astype(np.float32)


def evaluation_rows(images, indices, binarization, seed):
    """Returns the selected rows of `evaluation_array`, without computing the other rows.

    Args:
        images: pixels, uint8; only the selected rows of a memory-mapped array are read. Shape [N, H, W, C].
        indices: non-negative row numbers. Shape [B].
        binarization: one of `BINARIZATIONS`.
        seed: non-negative seed of the noise.

    Returns:
        data: float32. Shape [B, H, W, C].
    """
    mode = lookup(BINARIZATIONS, binarization, "binarization")
    check_images(images)
    check_count("seed", seed, 0)
    indices = np.asarray(indices)
    inside = indices.ndim == 1 and indices.dtype.kind in "iu" and bool(np.all((indices >= 0) & (indices < len(images))))
    require(inside and indices.size, "indices", f"be row numbers from 0 to {len(images) - 1}", repr(indices))
    noise = np.stack([_noise_of(index, images.shape[1:], seed) for index in indices]) if mode.noisy else np.float32(0)
    return mode.transform(images[indices].astype(np.float32), noise).astype(np.float32)


def _noise_of(index, shape, seed):
    """Returns the noise [H, W, C] of one image; NumPy draws two float32 numbers from each 64 random bits."""
    before = int(index) * math.prod(shape)
    generator = np.random.Generator(np.random.PCG64(seed).advance(before // 2))
    generator.random(before % 2, dtype=np.float32)
    return generator.random(shape, dtype=np.float32)


def binarize(images, *, seed):
    """Returns one draw of Bernoulli(pixel / 255) for each pixel: float32, 0 or 1.

    Args:
        images: pixels, uint8. Shape [N, H, W, C].
        seed: non-negative seed of the draw.

    Returns:
        data: Shape [N, H, W, C].

    References:
        Salakhutdinov and Murray (2008), https://doi.org/10.1145/1390156.1390266
    """
    return evaluation_array(images, "static", seed)


def check_images(images):
    """Checks that `images` is a uint8 NumPy array [N, H, W, C].

    Raises:
        ValueError: if the type, the dtype or the rank differs.
    """
    if not isinstance(images, np.ndarray) or images.dtype != np.uint8 or images.ndim != 4:
        shape, dtype = getattr(images, "shape", None), getattr(images, "dtype", type(images))
        raise ValueError(
            "`images` is expected to be a uint8 NumPy array of shape [N, H, W, C], pixels from 0 "
            f"to 255. Received: shape {shape}, dtype {dtype}."
        )
