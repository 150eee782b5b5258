"""MNIST's handwritten digits, 28 x 28, by way of TensorFlow Datasets."""

from rme_tf.data.images import ImageSplits

NUM_VALIDATION = 10_000  # the last of the training images


def load_mnist(*, data_dir=None, download=True):
    """Returns 50,000 training, 10,000 validation and 10,000 test images, [N, 28, 28, 1].

    Args:
        data_dir: where TensorFlow Datasets keeps its sets; None is its own default.
        download: whether to fetch the set if it is not there. Without a network TensorFlow
            Datasets tries for some minutes before it gives up.

    Raises:
        ValueError: if the set is neither there nor to be had; the message says how to get it.
    """
    import tensorflow_datasets as tfds  # here, since other data sets do without

    builder = tfds.builder("mnist", data_dir=data_dir)
    if not builder.is_prepared():
        _prepare(builder, data_dir, download)
    train, test = builder.as_dataset(split=["train", "test"], batch_size=-1)
    train, test = train["image"].numpy(), test["image"].numpy()
    return ImageSplits(train[:-NUM_VALIDATION], train[-NUM_VALIDATION:], test)


def _prepare(builder, data_dir, download):
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
        f"Expected MNIST, prepared by TensorFlow Datasets, in {builder.data_path}; it is not "
        f"there, and {reason}. Either give a `data_dir` that holds mnist/{builder.version}, or, "
        f"on a machine with a network, run\n"
        f'    python -c "import tensorflow_datasets as tfds; '
        f"tfds.load('mnist'{where})\"\nand copy its data directory here."
    ) from cause
