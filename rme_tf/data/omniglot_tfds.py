"""OMNIGLOT, 28 x 28, in the authors' split, from TensorFlow Datasets."""

import numpy as np
import tensorflow as tf

from rme_tf.core.pipelines import untuned
from rme_tf.data.prepared import held_out_splits, prepared_builder

LABEL = "alphabet"  # the test set has other alphabets than the training set
NUM_VALIDATION = 1_280  # the last of the 19,280 training images

_BATCH = 256  # images of 105 x 105 in memory at once


def load_omniglot_tfds(*, data_dir=None, download=True):
    """Returns 18,000 training, 1,280 validation and 13,180 test images, [N, 28, 28, 1].

    The strokes are white. The test images have other alphabets than the training images, and the images are resized by
    averages over areas, unlike Burda's: results on `omniglot` do not compare. The labels are the alphabets.

    Args:
        data_dir: folder of the data sets; None is the default of TensorFlow Datasets.
        download: whether to download a missing data set. Without a network, TensorFlow Datasets retries for some
            minutes before it fails.

    Raises:
        ValueError: if the data set is missing and cannot be downloaded; the message gives the remedy.

    References:
        Lake, Salakhutdinov and Tenenbaum (2015), https://doi.org/10.1126/science.aab3050
    """
    builder = prepared_builder("omniglot", data_dir=data_dir, download=download)
    parts = [_characters(dataset) for dataset in builder.as_dataset(split=["train", "test"])]
    images, alphabets = zip(*parts, strict=True)
    return held_out_splits(images, NUM_VALIDATION, alphabets, builder.info.features[LABEL].names)


def _characters(dataset):
    """Returns all images of a split, uint8 [N, 28, 28, 1], and their alphabets [N]."""

    def white_on_black(example):
        pixels = 255.0 - tf.image.resize(example["image"][..., :1], (28, 28), method="area")
        return tf.cast(tf.round(pixels), tf.uint8), example[LABEL]

    batches = untuned(dataset.map(white_on_black, 2, deterministic=True).batch(_BATCH))
    return tuple(np.concatenate(arrays) for arrays in zip(*batches.as_numpy_iterator(), strict=True))
