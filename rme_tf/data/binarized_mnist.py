"""Larochelle's statically binarized MNIST, the data set of the published tables."""

import numpy as np

from rme_tf.core.files import as_path
from rme_tf.data.files import check_size, data_folder
from rme_tf.data.images import ImageSplits
from rme_tf.data.prepared import prepared_builder

SIZES = (50_000, 10_000, 10_000)
FILES = tuple(f"binarized_mnist_{split}.amat" for split in ("train", "valid", "test"))


def load_binarized_mnist(*, data_dir=None, download=True, path=None):
    """Returns the splits of binarized MNIST, [N, 28, 28, 1], pixels 0 or 255.

    There are 50,000 training, 10,000 validation and 10,000 test images. Every binarization except "dequantized"
    leaves them unchanged.

    Args:
        data_dir: folder of the data sets; None is the default of TensorFlow Datasets. Larochelle's three .amat files
            are read from its folder `binarized_mnist/`; without them, the data set of TensorFlow Datasets is read,
            which has the same images in another order.
        download: whether TensorFlow Datasets downloads the data set if both are missing.
        path: another folder of the three .amat files.

    Raises:
        ValueError: if the data set is missing and cannot be downloaded (the message gives the remedy), or a file has
            other contents.

    References:
        Larochelle and Murray (2011), https://proceedings.mlr.press/v15/larochelle11a.html
    """
    folder = data_folder(data_dir) / "binarized_mnist" if path is None else as_path(path, "path")
    if path is not None or all((folder / name).is_file() for name in FILES):
        return ImageSplits(*(_images(folder / name, size) for name, size in zip(FILES, SIZES, strict=True)))
    builder = prepared_builder("binarized_mnist", data_dir=data_dir, download=download)
    splits = builder.as_dataset(split=list(ImageSplits._fields), batch_size=-1)
    return ImageSplits(*(255 * np.asarray(split["image"]) for split in splits))


def _images(path, size):
    """Returns the images of one file with 784 digits a line: uint8 [N, 28, 28, 1]."""
    if not path.is_file():
        source = "http://www.cs.toronto.edu/~larocheh/public/datasets/binarized_mnist/"
        raise ValueError(f"Expected {', '.join(FILES)}, from {source}, in {path.parent}. {path.name} is not there.")
    digits = np.frombuffer(path.read_bytes().translate(None, b" \t\r\n"), np.uint8) - ord("0")
    if digits.size % 784 or digits.max(initial=0) > 1:
        raise ValueError(f"Expected lines of 784 digits, 0 or 1, in {path}. Received: another file.")
    images = 255 * digits.reshape(-1, 28, 28, 1)
    check_size(path, images, size)
    return images
