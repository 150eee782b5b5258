"""Fashion-MNIST, articles of clothing, 28 x 28, from TensorFlow Datasets."""

from rme_tf.data.prepared import load_train_and_test

NUM_VALIDATION = 10_000  # the last of the training images


def load_fashion_mnist(*, data_dir=None, download=True):
    """Returns 50,000 training, 10,000 validation and 10,000 test images, [N, 28, 28, 1].

    Args:
        data_dir: folder of the data sets; None is the default of TensorFlow Datasets.
        download: whether to download a missing data set. Without a network, TensorFlow Datasets retries for some
            minutes before it fails.

    Raises:
        ValueError: if the data set is missing and cannot be downloaded; the message gives the remedy.
    """
    return load_train_and_test("fashion_mnist", num_validation=NUM_VALIDATION, data_dir=data_dir, download=download)
