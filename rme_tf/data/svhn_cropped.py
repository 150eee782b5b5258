"""SVHN house numbers, cropped to color digits, 32 x 32, from TensorFlow Datasets."""

from rme_tf.data.prepared import load_train_and_test

NUM_VALIDATION = 7_257  # the last of the 73,257 training images


def load_svhn_cropped(*, data_dir=None, download=True):
    """Returns 66,000 training, 7,257 validation and 26,032 test images, [N, 32, 32, 3].

    The extra training images are not used.

    Args:
        data_dir: folder of the data sets; None is the default of TensorFlow Datasets.
        download: whether to download a missing data set. Without a network, TensorFlow Datasets retries for some
            minutes before it fails.

    Raises:
        ValueError: if the data set is missing and cannot be downloaded; the message gives the remedy.
    """
    return load_train_and_test("svhn_cropped", num_validation=NUM_VALIDATION, data_dir=data_dir, download=download)
