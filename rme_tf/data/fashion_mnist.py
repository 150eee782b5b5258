"""Fashion-MNIST's articles of clothing, 28 x 28, by way of TensorFlow Datasets."""

from rme_tf.data.prepared import load_train_and_test

NUM_VALIDATION = 10_000  # the last of the training images


def load_fashion_mnist(*, data_dir=None, download=True):
    """Returns 50,000 training, 10,000 validation and 10,000 test images, [N, 28, 28, 1].

    Args:
        data_dir: where TensorFlow Datasets keeps its sets; None is its own default.
        download: whether to fetch the set if it is not there. Without a network TensorFlow
            Datasets tries for some minutes before it gives up.

    Raises:
        ValueError: if the set is neither there nor to be had; the message says how to get it.
    """
    return load_train_and_test("fashion_mnist", num_validation=NUM_VALIDATION, data_dir=data_dir, download=download)
