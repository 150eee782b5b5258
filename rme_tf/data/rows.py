"""Row access to image arrays inside a `tf.data` pipeline."""

import numpy as np
import tensorflow as tf

from rme_tf.core.registry import lookup
from rme_tf.data.binarization import BINARIZATIONS, check_images, evaluation_array, evaluation_rows


def rows_in_memory(images, *, binarization, seed, fixed=False):
    """Returns a tensor of rows, or None for a memory-mapped array.

    The rows are uint8 pixels if the noise of the binarization is redrawn, otherwise float32 model inputs.

    Args:
        images: pixels, uint8. Shape [N, H, W, C].
        binarization: one of `BINARIZATIONS`.
        seed: non-negative seed of noise that is drawn once.
        fixed: whether the noise of every binarization is drawn once.
    """
    redrawn = lookup(BINARIZATIONS, binarization, "binarization").redrawn and not fixed
    check_images(images)
    if isinstance(images, np.memmap):
        return None
    # On the CPU, where tf.data runs: a tensor on a GPU would be copied back for every batch.
    with tf.device("CPU:0"):
        return tf.constant(images if redrawn else evaluation_array(images, binarization, seed))


def row_reader(images, rows=None, *, binarization, seed, fixed=False):
    """Returns a function from a tensor of indices [B] to rows.

    A memory-mapped array is read batch by batch.

    Args:
        images: pixels, uint8. Shape [N, H, W, C].
        rows: result of `rows_in_memory`.
        binarization: one of `BINARIZATIONS`.
        seed: non-negative seed of noise that is drawn once.
        fixed: whether the noise of every binarization is drawn once.
    """
    redrawn = lookup(BINARIZATIONS, binarization, "binarization").redrawn and not fixed
    if rows is not None:
        return lambda indices: tf.gather(rows, indices)

    def read(indices):
        return images[indices] if redrawn else evaluation_rows(images, indices, binarization, seed)

    def gathered(indices):
        # Not "stateful": with deterministic operations, batches would be read one at a time.
        batch = tf.numpy_function(read, [indices], tf.uint8 if redrawn else tf.float32, stateful=False)
        return tf.ensure_shape(batch, [indices.shape[0], *images.shape[1:]])

    return gathered
