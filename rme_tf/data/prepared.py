"""Builders of TensorFlow Datasets, with a remedy for a missing data set."""

import numpy as np

from rme_tf.data.images import ImageSplits
from rme_tf.data.labels import numbered

LABEL = "label"  # feature of the class of an image


def prepared_builder(name, *, data_dir=None, download=True):
    """Returns the prepared TensorFlow Datasets builder of a data set.

    Args:
        name: name of the data set in TensorFlow Datasets.
        data_dir: folder of the data sets; None is the default of TensorFlow Datasets.
        download: whether to download a missing data set. Without a network, TensorFlow Datasets retries for some
            minutes before it fails.

    Raises:
        ValueError: if the data set is missing and cannot be downloaded; the message gives the remedy.
    """
    import tensorflow_datasets as tfds  # imported here: other data sets do not need it

    builder = tfds.builder(name, data_dir=data_dir)
    if not builder.is_prepared():
        _prepare(name, builder, data_dir, download)
    return builder


def load_train_and_test(name, *, num_validation, data_dir=None, download=True):
    """Returns the splits of a data set without a validation split.

    The last training images, in the order of TensorFlow Datasets, become the validation split. The labels are the
    classes of the feature "label".

    Args:
        name: name of the data set in TensorFlow Datasets.
        num_validation: number of validation images.
        data_dir: folder of the data sets, see `prepared_builder`.
        download: whether to download a missing data set, see `prepared_builder`.

    Raises:
        ValueError: if the data set is missing and cannot be downloaded; the message gives the remedy.
    """
    builder = prepared_builder(name, data_dir=data_dir, download=download)
    parts = builder.as_dataset(split=["train", "test"], batch_size=-1)
    images, classes = ([np.asarray(part[key]) for part in parts] for key in ("image", LABEL))
    return held_out_splits(images, num_validation, classes, builder.info.features[LABEL].names)


def held_out_splits(images, num_validation, classes=None, names=()):
    """Returns splits whose validation images are the last training images.

    Args:
        images: pair of training and test images, uint8. Shapes [N, H, W, C].
        num_validation: number of validation images.
        classes: pair of the numbers of their labels, shapes [N]; None without labels.
        names: names of these numbers.
    """

    def cut(train, test):
        return train[:-num_validation], train[-num_validation:], test

    return ImageSplits(*cut(*images)).with_labels(None if classes is None else numbered(cut(*classes), names))


def _prepare(name, builder, data_dir, download):
    """Downloads and prepares the data set, or raises a ValueError with the remedy."""
    cause, reason = None, "`download` is False"
    if download:
        try:
            builder.download_and_prepare()
            return
        except Exception as error:  # no network, no space, a proxy: one remedy for all
            cause, reason = error, f"it could not be downloaded ({type(error).__name__}: {error})"
    where = "" if data_dir is None else f", data_dir={str(data_dir)!r}"
    raise ValueError(
        f"Expected {name!r}, prepared by TensorFlow Datasets, in {builder.data_path}; it is not "
        f"there, and {reason}. Either give a `data_dir` that holds it, or, on a machine with a network, run\n"
        f'    python -c "import tensorflow_datasets as tfds; tfds.load({name!r}{where})"\n'
        "and copy its data directory here."
    ) from cause
