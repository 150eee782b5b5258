"""Seeds of random numbers: integers, stateless seeds, or none."""

import contextlib
import random
from collections.abc import Iterator

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from rme_tf.core.validation import require


@tf.autograph.experimental.do_not_convert
def as_seed(seed):
    """Return a stateless seed. Shape [2].

    Args:
        seed: an integer n, which stands for [n, 0]; a stateless seed of shape [2]; or None, for a seed from the global
            generator of TensorFlow, which `keras.utils.set_random_seed` makes reproducible.

    Raises:
        ValueError: for anything else.
    """
    if seed is None:
        return tfp.random.sanitize_seed(None)
    integers, shape = _kind(seed)
    expected = "be an integer, a stateless seed of two integers, or None, for other numbers at each call"
    require(integers and shape in ((), (2,)), "seed", expected, repr(seed))
    seed = tf.convert_to_tensor(seed, None if tf.is_tensor(seed) else _dtype_of(seed))
    if seed.dtype not in (tf.int32, tf.int64):
        seed = tf.cast(seed, tf.int64)
    return seed if shape else tf.stack([seed, tf.zeros_like(seed)])


@contextlib.contextmanager
def seeded_initializers(seed: int) -> Iterator[None]:
    """Draws the seeds of Keras's initializers from a seed, within the context.

    Keras draws them from the module `random`, whose state is restored.

    Args:
        seed: seed of the initial weights.
    """
    state = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)


def _kind(seed) -> tuple:
    """Returns whether a value holds integers, and its shape; of a tensor of unknown shape (2,)."""
    if tf.is_tensor(seed):
        return seed.dtype.is_integer, tuple(seed.shape) if seed.shape.rank is not None else (2,)
    try:
        array = np.asarray(seed)
    except (TypeError, ValueError):
        return False, None
    return array.dtype.kind in "iu", array.shape


def _dtype_of(seed):
    """Returns the type of Python integers: int32 if they fit."""
    return tf.int32 if np.abs(np.asarray(seed)).max() < 2**31 else tf.int64
