"""Image data sets as arrays, and the tf.data pipelines that feed training and evaluation.

An array may be memory-mapped (`np.memmap`): the pipelines then read from the disk what a batch needs.
N images of a split, B images of a batch, H height, W width, C channels.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from rme_tf.core.registry import lookup
from rme_tf.data.binarization import BINARIZATIONS
from rme_tf.data.pipelines import untuned
from rme_tf.data.rows import row_reader


class ImageSplits(NamedTuple):
    """The three parts of a data set: uint8 NumPy arrays of pixels, 0 to 255; of a large one memory-mapped."""

    train: np.ndarray  # [N, H, W, C]
    validation: np.ndarray  # [N', H, W, C]
    test: np.ndarray  # [N'', H, W, C]


def steps_per_epoch(num_images, batch_size, *, drop_remainder=True, noun="images"):
    """Returns the number of batches in one pass, at least 1.

    Raises:
        ValueError: if `batch_size` is below 1, or if not one batch can be filled.
    """
    if batch_size < 1:
        raise ValueError(f"`batch_size` must be at least 1. Received: {batch_size}.")
    least = batch_size if drop_remainder else 1
    if num_images < least:
        raise ValueError(f"Too few {noun} for a batch. Expected: {least} at least. Received: {num_images}.")
    return num_images // batch_size if drop_remainder else -(-num_images // batch_size)


def training_dataset(images, *, batch_size, binarization="dynamic", seed=0, first_epoch=0, drop_remainder=True):
    """Returns an unending data set of shuffled batches, epoch after epoch.

    The order and the noise of epoch e depend on (seed, e) alone, so that a training resumed at
    `first_epoch` sees exactly what an uninterrupted one would have seen. `fit` must be given
    `steps_per_epoch(len(images), batch_size)`, for one epoch flows into the next.

    Args:
        images: pixels, uint8. Shape [N, H, W, C].
        batch_size: B.
        binarization: one of `BINARIZATIONS`.
        seed: of the order and of the noise; not negative.
        first_epoch: the epoch to start with, counted from 0.
        drop_remainder: whether to leave out the images that do not fill a batch, others each epoch.

    Returns:
        dataset: of float32 batches. Shape [B, H, W, C].
    """
    if first_epoch < 0:
        raise ValueError(f"`first_epoch` must be at least 0. Received: {first_epoch}.")
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
    """Returns one pass over shuffled batches; iterating over it again draws the next pass.

    This is what `fit` takes without `steps_per_epoch`. The passes follow from `seed`, but a
    resumed training starts again with the first of them: see `training_dataset`.

    Args:
        images: pixels, uint8. Shape [N, H, W, C].
        batch_size: B.
        binarization: one of `BINARIZATIONS`.
        seed: of the order and of the noise; not negative.
        drop_remainder: whether to leave out the images that do not fill a batch.

    Returns:
        dataset: of float32 batches. Shape [B, H, W, C]; the last one may be smaller.
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
    """Returns the rows of `array` in their order, in batches, the last of which may be smaller.

    Args:
        array: what `evaluation_array` returns. Shape [N, H, W, C].
        batch_size: B.

    Returns:
        dataset: of batches. Shape [B, H, W, C].
    """
    steps_per_epoch(len(array), batch_size, drop_remainder=False)
    return untuned(tf.data.Dataset.from_tensor_slices(array).batch(batch_size).prefetch(2))


def held_out_dataset(images, *, batch_size, binarization="dynamic", seed=0):
    """Returns validation or test images in their order, as `evaluation_array` makes data of them, in batches.

    Args:
        images: pixels, uint8; of a memory-mapped array no more is in memory than a few batches. Shape [N, H, W, C].
        batch_size: B.
        binarization: one of `BINARIZATIONS`.
        seed: of the noise; not negative.

    Returns:
        dataset: of float32 batches. Shape [B, H, W, C]; the last one may be smaller.
    """
    steps_per_epoch(len(images), batch_size, drop_remainder=False)
    rows = row_reader(images, binarization=binarization, seed=seed, fixed=True)
    indices = tf.data.Dataset.range(len(images)).batch(batch_size)
    return untuned(indices.map(rows, 2, deterministic=True).prefetch(2))


def _batches(epochs, images, *, batch_size, binarization, seed, drop_remainder):
    """Returns the batches [B, H, W, C] of each epoch number that the data set `epochs` yields."""
    way = lookup(BINARIZATIONS, binarization, "binarization")
    rows = row_reader(images, binarization=binarization, seed=seed)

    def shuffled(epoch):
        seeds = tf.stack([seed, epoch])
        order = tf.random.experimental.stateless_shuffle(tf.range(len(images)), seed=seeds)
        steps = tf.data.Dataset.from_tensor_slices(order).batch(batch_size, drop_remainder)
        return steps.enumerate().map(lambda step, indices: (seeds, step, indices))

    def gathered(seeds, step, indices):
        batch = rows(indices)  # [B, H, W, C]
        if not way.redrawn:
            return batch
        noise = tf.random.stateless_uniform(tf.shape(batch), tf.random.fold_in(seeds, step))
        return tf.cast(way.transform(tf.cast(batch, tf.float32), noise), tf.float32)

    return untuned(epochs.flat_map(shuffled).map(gathered, 2, deterministic=True).prefetch(2))
