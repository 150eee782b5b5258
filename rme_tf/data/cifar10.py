"""CIFAR-10's colour photographs, 32 x 32, by way of TensorFlow Datasets."""

from rme_tf.data.prepared import load_train_and_test

NUM_VALIDATION = 5_000  # the last of the training images


def load_cifar10(*, data_dir=None, download=True):
    """Returns 45,000 training, 5,000 validation and 10,000 test images, [N, 32, 32, 3].

    Args:
        data_dir: where TensorFlow Datasets keeps its sets; None is its own default.
        download: whether to fetch the set if it is not there. Without a network TensorFlow
            Datasets tries for some minutes before it gives up.

    Raises:
        ValueError: if the set is neither there nor to be had; the message says how to get it.
    """
    return load_train_and_test("cifar10", num_validation=NUM_VALIDATION, data_dir=data_dir, download=download)
