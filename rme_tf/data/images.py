"""Image data sets as arrays, and `tf.data` pipelines for training and evaluation.

An array may be memory-mapped (`np.memmap`): the pipelines then read one batch at a time from the disk.
N images of a split, B images of a batch, H height, W width, C channels.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from rme_tf.core.pipelines import untuned
from rme_tf.core.registry import lookup
from rme_tf.core.validation import check_count
from rme_tf.data.binarization import BINARIZATIONS
from rme_tf.data.rows import row_reader


class ImageSplits(NamedTuple):
    """Training, validation and test images: uint8 NumPy arrays, memory-mapped if large."""

    train: np.ndarray  # [N, H, W, C]
    validation: np.ndarray  # [N', H, W, C]
    test: np.ndarray  # [N'', H, W, C]


def steps_per_epoch(num_images, batch_size, *, drop_remainder=True, noun="images"):
    """Returns the number of batches in one pass, at least 1.

    Args:
        num_images: number of images N.
        batch_size: number of images B in a batch.
        drop_remainder: whether a last batch of fewer images is left out.
        noun: plural noun for the images in the message.

    Raises:
        ValueError: if `batch_size` is below 1, or there are too few images for one batch.
    """
    check_count("batch_size", batch_size)
    least = batch_size if drop_remainder else 1
    if num_images < least:
        raise ValueError(f"Too few {noun} for a batch. Expected: {least} at least. Received: {num_images}.")
    return num_images // batch_size if drop_remainder else -(-num_images // batch_size)


def training_dataset(images, *, batch_size, binarization="dynamic", seed=0, first_epoch=0, drop_remainder=True):
    """Returns an infinite data set of shuffled batches, epoch after epoch.

    The order and the noise of epoch e depend only on (seed, e), so a training resumed at `first_epoch` sees the same
    batches as an uninterrupted one. `fit` needs `steps_per_epoch(len(images), batch_size)`, since the data set does
    not end after an epoch.

    Args:
        images: pixels, uint8. Shape [N, H, W, C].
        batch_size: number of images B in a batch.
        binarization: one of `BINARIZATIONS`.
        seed: non-negative seed of the order and of the noise.
        first_epoch: first epoch, counted from 0.
        drop_remainder: whether to leave out the images that do not fill a batch, other ones in each epoch.

    Returns:
        dataset: float32 batches. Shape [B, H, W, C].
    """
    check_count("first_epoch", first_epoch, 0)
    steps_per_epoch(len(images), batch_size, drop_remainder=drop_remainder)
    dataset = _batches(
        tf.data.Dataset.range(first_epoch, tf.int64.max),
        images,
        batch_size=batch_size,
        binarization=binarization,
        seed=seed,
        drop_remainder=drop_remainder,
    )
    return dataset.apply(tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY))


def reshuffled_dataset(images, *, batch_size, binarization="dynamic", seed=0, drop_remainder=False):
    """Returns one pass over shuffled batches, reshuffled at each iteration.

    `fit` takes this data set without `steps_per_epoch`. The passes depend on `seed`, but a resumed training starts
    again with the first pass: see `training_dataset`.

    Args:
        images: pixels, uint8. Shape [N, H, W, C].
        batch_size: number of images B in a batch.
        binarization: one of `BINARIZATIONS`.
        seed: non-negative seed of the order and of the noise.
        drop_remainder: whether to leave out the images that do not fill a batch.

    Returns:
        dataset: float32 batches. Shape [B, H, W, C]; the last batch may be smaller.
    """
    num_steps = steps_per_epoch(len(images), batch_size, drop_remainder=drop_remainder)
    dataset = _batches(
        tf.data.Dataset.random(seed=seed, rerandomize_each_iteration=True).take(1),
        images,
        batch_size=batch_size,
        binarization=binarization,
        seed=seed,
        drop_remainder=drop_remainder,
    )
    return dataset.apply(tf.data.experimental.assert_cardinality(num_steps))


def evaluation_dataset(array, batch_size):
    """Returns the rows of an array in order, in batches.

    Args:
        array: result of `evaluation_array`. Shape [N, H, W, C].
        batch_size: number of images B in a batch.

    Returns:
        dataset: batches. Shape [B, H, W, C]; the last batch may be smaller.
    """
    steps_per_epoch(len(array), batch_size, drop_remainder=False)
    return untuned(tf.data.Dataset.from_tensor_slices(array).batch(batch_size).prefetch(2))


def held_out_dataset(images, *, batch_size, binarization="dynamic", seed=0):
    """Returns the rows of `evaluation_array` in order, in batches.

    Args:
        images: pixels, uint8; a few batches of a memory-mapped array are in memory at a time. Shape [N, H, W, C].
        batch_size: number of images B in a batch.
        binarization: one of `BINARIZATIONS`.
        seed: non-negative seed of the noise.

    Returns:
        dataset: float32 batches. Shape [B, H, W, C]; the last batch may be smaller.
    """
    steps_per_epoch(len(images), batch_size, drop_remainder=False)
    rows = row_reader(images, binarization=binarization, seed=seed, fixed=True)
    indices = tf.data.Dataset.range(len(images)).batch(batch_size)
    return untuned(indices.map(rows, 2, deterministic=True).prefetch(2))


def _batches(epochs, images, *, batch_size, binarization, seed, drop_remainder):
    """Returns the batches [B, H, W, C] of each epoch number that the data set `epochs` yields."""
    mode = lookup(BINARIZATIONS, binarization, "binarization")
    rows = row_reader(images, binarization=binarization, seed=seed)

    def shuffled(epoch):
        seeds = tf.stack([seed, epoch])
        order = tf.random.experimental.stateless_shuffle(tf.range(len(images)), seed=seeds)
        steps = tf.data.Dataset.from_tensor_slices(order).batch(batch_size, drop_remainder)
        return steps.enumerate().map(lambda step, indices: (seeds, step, indices))

    def gathered(seeds, step, indices):
        batch = rows(indices)  # [B, H, W, C]
        if not mode.redrawn:
            return batch
        noise = tf.random.stateless_uniform(tf.shape(batch), tf.random.fold_in(seeds, step))
        return tf.cast(mode.transform(tf.cast(batch, tf.float32), noise), tf.float32)

    return untuned(epochs.flat_map(shuffled).map(gathered, 2, deterministic=True).prefetch(2))
