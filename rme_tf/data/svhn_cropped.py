"""The house numbers of SVHN, cropped to single digits, 32 x 32 in colour, by way of TensorFlow Datasets."""

from rme_tf.data.prepared import load_train_and_test

NUM_VALIDATION = 7_257  # the last of the 73,257 training images


def load_svhn_cropped(*, data_dir=None, download=True):
    """Returns 66,000 training, 7,257 validation and 26,032 test images, [N, 32, 32, 3]; the extra ones are not used.

    Args:
        data_dir: where TensorFlow Datasets keeps its sets; None is its own default.
        download: whether to fetch the set if it is not there. Without a network TensorFlow
            Datasets tries for some minutes before it gives up.

    Raises:
        ValueError: if the set is neither there nor to be had; the message says how to get it.
    """
    return load_train_and_test("svhn_cropped", num_validation=NUM_VALIDATION, data_dir=data_dir, download=download)
