"""CelebA faces, aligned, cropped and resized, from TensorFlow Datasets."""

import tensorflow as tf

from rme_tf.core.pipelines import untuned
from rme_tf.core.validation import check_count
from rme_tf.data.images import ImageSplits
from rme_tf.data.mapped import arrays_folder, mapped_splits
from rme_tf.data.prepared import prepared_builder

CROP = 148  # pixels on a side, of 218 x 178

_BATCH = 256  # images in memory at once


def load_celeb_a(*, data_dir=None, download=True, size=64):
    """Returns the splits of CelebA, [N, size, size, 3], memory-mapped.

    There are 162,770 training, 19,867 validation and 19,962 test images: the central 148 x 148 pixels, resized by
    averages over areas. The result, 2.5 GB at size 64, is stored in `data_dir`, and batches are read from there.

    Args:
        data_dir: folder of the data sets; None is the default of TensorFlow Datasets.
        download: whether to download a missing data set. Without a network, TensorFlow Datasets retries for some
            minutes before it fails.
        size: pixels on a side, at most 148.

    Raises:
        ValueError: if the data set is missing and cannot be downloaded (the message gives the remedy), or the disk
            has no room for the pixels.

    References:
        Larsen et al. (2016), for the crop, https://arxiv.org/abs/1512.09300
    """
    check_count("size", size, most=CROP)

    def make():
        builder = prepared_builder("celeb_a", data_dir=data_dir, download=download)
        return {split: _faces(builder.as_dataset(split=split), size) for split in ImageSplits._fields}

    splits, _ = mapped_splits(arrays_folder(data_dir, f"celeb_a-{size}"), make)
    return splits


def _faces(dataset, size):
    """Yields batches of cropped and resized faces: uint8 [B, size, size, 3]."""

    def face(example):
        crop = tf.image.resize_with_crop_or_pad(example["image"], CROP, CROP)
        pixels = tf.image.resize(crop, (size, size), method="area")
        return tf.cast(tf.round(pixels), tf.uint8)

    return untuned(dataset.map(face, 2, deterministic=True).batch(_BATCH).prefetch(2)).as_numpy_iterator()
