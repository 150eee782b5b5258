"""How pixels become the numbers that a likelihood is put on, and the table of the ways."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from rme_tf.core.registry import lookup


class Binarization(NamedTuple):
    """A way from pixels to data.

    transform: maps pixels in [0, 255] and noise, uniform in [0, 1), to data; float32 arrays of
        NumPy or TensorFlow alike, of one shape.
    redrawn: whether each batch of a training meets new noise; if not, it is drawn once.
    noisy: whether the noise matters.
    values: what the data are then: "binary" (0 and 1), "levels" (the 256 of the pixels) or "real" (a density has them).
    """

    transform: Callable
    redrawn: bool = False
    noisy: bool = True
    values: str = "binary"


BINARIZATIONS: dict[str, Binarization] = {
    "dequantized": Binarization(lambda pixels, noise: (pixels + noise) / 256, redrawn=True, values="real"),
    "dynamic": Binarization(lambda pixels, noise: noise < pixels / 255, redrawn=True),
    "none": Binarization(lambda pixels, noise: pixels / 255, noisy=False, values="levels"),
    "static": Binarization(lambda pixels, noise: noise < pixels / 255),
    "threshold": Binarization(lambda pixels, noise: pixels / 255 >= 0.5, noisy=False),
}


def evaluation_array(images, binarization, seed):
    """Returns the data of a validation or test set, whose noise is drawn once.

    The noise of an image depends on `seed` and its place alone, so the first images of a set are
    the same however many follow.

    Args:
        images: pixels, uint8. Shape [N, H, W, C].
        binarization: one of `BINARIZATIONS`.
        seed: of the noise; not negative.

    Returns:
        data: float32. Shape [N, H, W, C].
    """
    transform = lookup(BINARIZATIONS, binarization, "binarization").transform
    check_images(images)
    generator = np.random.Generator(np.random.PCG64(seed))
    noise = generator.random(images.shape, dtype=np.float32)
    return transform(images.astype(np.float32), noise).astype(np.float32)


def evaluation_rows(images, indices, binarization, seed):
    """Returns rows of `evaluation_array`, exactly, without the work of making the others.

    Args:
        images: as of `evaluation_array`; a memory-mapped array is read no further than asked for.
        indices: of the rows; not negative. Shape [B].
        binarization: as of `evaluation_array`.
        seed: as of `evaluation_array`.

    Returns:
        data: float32. Shape [B, H, W, C].
    """
    way = lookup(BINARIZATIONS, binarization, "binarization")
    check_images(images)
    noise = np.stack([_noise_of(index, images.shape[1:], seed) for index in indices]) if way.noisy else np.float32(0)
    return way.transform(images[indices].astype(np.float32), noise).astype(np.float32)


def _noise_of(index, shape, seed):
    """Returns the noise [H, W, C] of one image among all: NumPy makes two float32 of each 64 bits."""
    before = int(index) * math.prod(shape)
    generator = np.random.Generator(np.random.PCG64(seed).advance(before // 2))
    generator.random(before % 2, dtype=np.float32)
    return generator.random(shape, dtype=np.float32)


def binarize(images, *, seed):
    """Returns one draw of Bernoulli(pixel / 255) for each pixel: float32, 0 or 1.

    Args:
        images: pixels, uint8. Shape [N, H, W, C].
        seed: as of `evaluation_array`.

    Returns:
        data: Shape [N, H, W, C].

    References:
        Salakhutdinov and Murray (2008), https://doi.org/10.1145/1390156.1390266
    """
    return evaluation_array(images, "static", seed)


def check_images(images):
    """Raises a ValueError unless `images` is a uint8 NumPy array of shape [N, H, W, C]."""
    if not isinstance(images, np.ndarray) or images.dtype != np.uint8 or images.ndim != 4:
        shape, dtype = getattr(images, "shape", None), getattr(images, "dtype", type(images))
        raise ValueError(
            "`images` is expected to be a uint8 NumPy array of shape [N, H, W, C], pixels from 0 "
            f"to 255. Received: shape {shape}, dtype {dtype}."
        )
