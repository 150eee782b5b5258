"""Rows of arrays that are in memory, or on the disk and memory-mapped, inside a tf.data pipeline."""

import numpy as np
import tensorflow as tf

from rme_tf.core.registry import lookup
from rme_tf.data.binarization import BINARIZATIONS, check_images, evaluation_array, evaluation_rows


def row_reader(images, *, binarization, seed, fixed=False):
    """Returns a function of indices [B], a tensor: the pixels there, uint8, or the data, float32, drawn once.

    An array in memory becomes a tensor. Of a memory-mapped one no more is read than a batch.

    Args:
        images: pixels, uint8. Shape [N, H, W, C].
        binarization: one of `BINARIZATIONS`; it gives pixels if its noise is redrawn, else data.
        seed: of noise that is drawn once.
        fixed: draw the noise once whatever the binarization.
    """
    redrawn = lookup(BINARIZATIONS, binarization, "binarization").redrawn and not fixed
    check_images(images)
    if not isinstance(images, np.memmap):
        # On the CPU, where tf.data runs: a copy on a GPU would come back for every batch.
        with tf.device("CPU:0"):
            rows = tf.constant(images if redrawn else evaluation_array(images, binarization, seed))
        return lambda indices: tf.gather(rows, indices)

    def read(indices):
        return images[indices] if redrawn else evaluation_rows(images, indices, binarization, seed)

    def gathered(indices):
        # Not "stateful", which under deterministic operations would mean one batch at a time.
        batch = tf.numpy_function(read, [indices], tf.uint8 if redrawn else tf.float32, stateful=False)
        return tf.ensure_shape(batch, [indices.shape[0], *images.shape[1:]])

    return gathered
