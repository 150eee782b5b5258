"""Data sets by way of TensorFlow Datasets, and what to do where one is missing."""

import numpy as np

from rme_tf.data.images import ImageSplits


def prepared_builder(name, *, data_dir=None, download=True):
    """Returns the TensorFlow Datasets builder of a data set, prepared already or by now.

    Args:
        name: of the data set.
        data_dir: where TensorFlow Datasets keeps its sets; None is its own default.
        download: whether to fetch the set if it is not there. Without a network TensorFlow
            Datasets tries for some minutes before it gives up.

    Raises:
        ValueError: if the set is neither there nor to be had; the message says how to get it.
    """
    import tensorflow_datasets as tfds  # here, since other data sets do without

    builder = tfds.builder(name, data_dir=data_dir)
    if not builder.is_prepared():
        _prepare(name, builder, data_dir, download)
    return builder


def load_train_and_test(name, *, num_validation, data_dir=None, download=True):
    """Returns the images of a data set without a validation split: the last training images are for that.

    Args:
        name: of the data set.
        num_validation: so many of them, in the order of TensorFlow Datasets.
        data_dir: as of `prepared_builder`.
        download: as of `prepared_builder`.

    Raises:
        ValueError: as `prepared_builder` does.
    """
    builder = prepared_builder(name, data_dir=data_dir, download=download)
    train, test = builder.as_dataset(split=["train", "test"], batch_size=-1)
    train, test = np.asarray(train["image"]), np.asarray(test["image"])
    return ImageSplits(train[:-num_validation], train[-num_validation:], test)


def _prepare(name, builder, data_dir, download):
    """Downloads and prepares the set, or raises a ValueError that says how to get it."""
    cause, reason = None, "`download` is False"
    if download:
        try:
            builder.download_and_prepare()
            return
        except Exception as error:  # no network, no space, a proxy: the remedy is the same
            cause, reason = error, f"it could not be downloaded ({type(error).__name__}: {error})"
    where = "" if data_dir is None else f", data_dir={str(data_dir)!r}"
    raise ValueError(
        f"Expected {name!r}, prepared by TensorFlow Datasets, in {builder.data_path}; it is not "
        f"there, and {reason}. Either give a `data_dir` that holds it, or, on a machine with a network, run\n"
        f'    python -c "import tensorflow_datasets as tfds; tfds.load({name!r}{where})"\n'
        "and copy its data directory here."
    ) from cause
