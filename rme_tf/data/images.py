"""Image data sets as arrays, and `tf.data` pipelines for training and evaluation.

An array may be memory-mapped (`np.memmap`): the pipelines then read one batch at a time from the disk.
N images of a split, B images of a batch, H height, W width, C channels.
"""

import functools
import math
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from rme_tf.core.pipelines import untuned, with_start
from rme_tf.core.registry import lookup
from rme_tf.core.resident import ResidentRows, with_rows
from rme_tf.core.validation import check_count, check_flag, require
from rme_tf.data import noise
from rme_tf.data.binarization import BINARIZATIONS, Binarization, check_images
from rme_tf.data.labels import Labels
from rme_tf.data.missing import hide
from rme_tf.data.rows import row_reader, rows_in_memory


class _Images(NamedTuple):
    """The three arrays of `ImageSplits`."""

    train: np.ndarray  # [N, H, W, C]
    validation: np.ndarray  # [N', H, W, C]
    test: np.ndarray  # [N'', H, W, C]


class ImageSplits(_Images):
    """Training, validation and test images, with labels as an attribute.

    The tuple has the three arrays; `labels` is no part of it.

    Args:
        train: uint8 pixels, memory-mapped if large. Shape [N, H, W, C].
        validation: Shape [N', H, W, C].
        test: Shape [N'', H, W, C].
        labels: `Labels` of the images; None without labels. Training never sees them.

    Raises:
        ValueError: if a split has another number of labels than images.
    """

    labels: Labels | None = None

    def __new__(cls, train, validation, test, labels=None):
        """Returns the tuple of the three arrays, with `labels` as its attribute."""
        splits = super().__new__(cls, train, validation, test)
        if labels is not None:
            sizes, counts = list(map(len, splits)), list(map(len, labels[:3]))
            require(sizes == counts, "labels", f"be as many as the images of the splits, {sizes}", counts)
        splits.labels = labels
        return splits

    def _replace(self, **changes):
        """Returns splits with other arrays, without labels unless they are replaced, too."""
        labels = changes.pop("labels", None if changes else self.labels)
        return type(self)(**{**self._asdict(), **changes}, labels=labels)

    def first(self, *, train=None, validation=None, test=None) -> "ImageSplits":
        """Returns the first images of each split, with their labels.

        Args:
            train: number of training images; None is all.
            validation: number of validation images; None is all.
            test: number of test images; None is all.
        """
        sizes = {"train": train, "validation": validation, "test": test}
        labels = None if self.labels is None else self.labels.first(sizes)
        parts = ImageSplits(*(images[: sizes[split]] for split, images in self._asdict().items()))
        return parts.with_labels(labels)

    def with_labels(self, labels) -> "ImageSplits":
        """Returns the same images with other `Labels`, or with none."""
        return ImageSplits(self.train, self.validation, self.test, labels)


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
    check_count("num_images", num_images, 0)
    check_flag("drop_remainder", drop_remainder)
    least = batch_size if drop_remainder else 1
    if num_images < least:
        raise ValueError(f"Too few {noun} for a batch. Expected: {least} at least. Received: {num_images}.")
    return num_images // batch_size if drop_remainder else -(-num_images // batch_size)


def training_dataset(
    images, *, batch_size, binarization="dynamic", seed=0, first_epoch=0, drop_remainder=True, seen=None
):
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
        seen: booleans that broadcast to the images, false where a pixel is missing; None if all are seen.

    Returns:
        dataset: float32 batches, NaN where a pixel is missing. Shape [B, H, W, C].
    """
    check_count("first_epoch", first_epoch, 0)
    check_images(images)
    steps_per_epoch(len(images), batch_size, drop_remainder=drop_remainder)
    return _batches(
        tf.data.Dataset.range(first_epoch, tf.int64.max),
        images,
        batch_size=batch_size,
        binarization=binarization,
        seed=seed,
        drop_remainder=drop_remainder,
        num_steps=tf.data.INFINITE_CARDINALITY,
        seen=seen,
    )


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
    check_images(images)
    check_count("seed", seed, 0)
    num_steps = steps_per_epoch(len(images), batch_size, drop_remainder=drop_remainder)
    return _batches(
        tf.data.Dataset.random(seed=seed, rerandomize_each_iteration=True).take(1),
        images,
        batch_size=batch_size,
        binarization=binarization,
        seed=seed,
        drop_remainder=drop_remainder,
        num_steps=num_steps,
    )


def evaluation_dataset(array, batch_size):
    """Returns the rows of an array in order, in batches.

    Args:
        array: result of `evaluation_array`. Shape [N, H, W, C].
        batch_size: number of images B in a batch.

    Returns:
        dataset: batches. Shape [B, H, W, C]; the last batch may be smaller.
    """
    known = hasattr(array, "shape") and len(array.shape) > 0
    require(known, "array", "be an array [N, ...]", type(array).__name__)
    steps_per_epoch(len(array), batch_size, drop_remainder=False)
    return untuned(tf.data.Dataset.from_tensor_slices(array).batch(batch_size).prefetch(2))


def held_out_dataset(images, *, batch_size, binarization="dynamic", seed=0, seen=None):
    """Returns the rows of `evaluation_array` in order, in batches.

    Args:
        images: pixels, uint8; a few batches of a memory-mapped array are in memory at a time. Shape [N, H, W, C].
        batch_size: number of images B in a batch.
        binarization: one of `BINARIZATIONS`.
        seed: non-negative seed of the noise.
        seen: booleans that broadcast to the images, false where a pixel is missing; None if all are seen.

    Returns:
        dataset: float32 batches, NaN where a pixel is missing. Shape [B, H, W, C]; the last batch may be smaller.
    """
    check_images(images)
    check_count("seed", seed, 0)
    seen = _checked_seen(seen, images)
    steps_per_epoch(len(images), batch_size, drop_remainder=False)
    rows = rows_in_memory(images, binarization=binarization, seed=seed, fixed=True)
    read = row_reader(images, rows, binarization=binarization, seed=seed, fixed=True)

    def observed(indices):
        """Returns images, without their missing pixels."""
        return read(indices) if seen is None else hide(read(indices), tf.gather(seen, indices))

    indices = tf.data.Dataset.range(len(images)).batch(batch_size)
    dataset = untuned(indices.map(observed, 2, deterministic=True).prefetch(2))
    if rows is None or seen is not None:
        return dataset
    orders = tf.data.Dataset.from_tensors((tf.range(len(images), dtype=tf.int64), tf.zeros([2], tf.int64)))
    examples = functools.partial(_examples, images, BINARIZATIONS[binarization])
    return with_rows(dataset, ResidentRows(rows, untuned(orders), batch_size, examples=examples))


def _batches(epochs, images, *, batch_size, binarization, seed, drop_remainder, num_steps, seen=None):
    """Returns the batches [B, H, W, C] of each epoch number that the data set `epochs` yields, `num_steps` in all."""
    mode = lookup(BINARIZATIONS, binarization, "binarization")
    check_count("seed", seed, 0)
    seen = _checked_seen(seen, images)
    rows = rows_in_memory(images, binarization=binarization, seed=seed)
    read = row_reader(images, rows, binarization=binarization, seed=seed)

    def ordered(epoch):
        """Returns the order and the seeds of an epoch."""
        seeds = tf.stack([seed, epoch])
        return tf.random.experimental.stateless_shuffle(tf.range(len(images)), seed=seeds), seeds

    def cut(order, seeds):
        """Returns the seeds, the number and the indices of each step."""
        steps = tf.data.Dataset.from_tensor_slices(order).batch(batch_size, drop_remainder)
        return steps.enumerate().map(lambda step, indices: (seeds, step, indices))

    def gathered(seeds, step, indices):
        batch = read(indices)  # [B, H, W, C]
        batch = _redrawn(batch, seeds, step, mode=mode) if mode.redrawn else batch
        return batch if seen is None else hide(batch, tf.gather(seen, indices))

    def batches(step=0):
        """Returns the batches from a step of the first epoch on."""
        dataset = untuned(orders.flat_map(cut).skip(step).map(gathered, 2, deterministic=True).prefetch(2))
        return dataset.apply(tf.data.experimental.assert_cardinality(num_steps))

    orders = epochs.map(ordered)
    dataset = with_start(batches(), batches) if num_steps == tf.data.INFINITE_CARDINALITY else batches()
    if rows is None or seen is not None:
        return dataset
    whole = len(images) // batch_size * batch_size if drop_remainder else len(images)
    resident = ResidentRows(
        rows,
        untuned(orders.map(lambda order, seeds: (tf.cast(order[:whole], tf.int64), seeds)).prefetch(1)),
        batch_size,
        transform=functools.partial(_redrawn, mode=mode) if mode.redrawn else None,
        examples=functools.partial(_examples, images, mode),
    )
    return with_rows(dataset, resident)


def _checked_seen(seen, images):
    """Returns booleans that broadcast to images, or None; raises ValueError for others."""
    if seen is None:
        return None
    array = np.asarray(seen)
    try:
        fits = array.dtype == bool and np.broadcast_shapes(array.shape, images.shape) == images.shape
    except ValueError:  # of shapes that do not broadcast
        fits = False
    require(fits, "seen", f"be booleans that broadcast to {images.shape}", f"{array.dtype}, shape {array.shape}")
    return seen


def _redrawn(pixels, seeds, step, compiled=False, *, mode: Binarization):
    """Returns model inputs with new noise.

    Args:
        pixels: uint8. Shape [B, H, W, C].
        seeds: stateless seed of the epoch, int64. Shape [2].
        step: number of the batch in the epoch, int64.
        compiled: whether XLA compiles this function, which then has the same bits.
        mode: binarization with redrawn noise.
    """
    if compiled:
        transform, draw = mode.compiled or mode.transform, noise.uniform(tf.shape(pixels), noise.fold_in(seeds, step))
    else:
        transform, draw = mode.transform, tf.random.stateless_uniform(tf.shape(pixels), tf.random.fold_in(seeds, step))
    return tf.cast(transform(tf.cast(pixels, tf.float32), draw), tf.float32)


def _examples(images, mode: Binarization):
    """Returns model inputs [N, H, W, C] with the values of all pixels, for the lowest and the highest noise."""
    occurs = np.zeros(256, bool)
    occurs[images] = True
    levels, ends = np.flatnonzero(occurs).astype(np.float32), np.array([0, 1 - 2**-23], np.float32)
    values = np.unique(mode.transform(levels[:, None], ends).astype(np.float32))
    return np.resize(values, [math.ceil(len(values) / math.prod(images.shape[1:])), *images.shape[1:]])
