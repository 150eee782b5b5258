"""OMNIGLOT's handwritten characters, 28 x 28, in the split of Burda et al."""

import numpy as np

from rme_tf.data.files import check_size, local_file, read_mat
from rme_tf.data.images import ImageSplits

URL = "https://github.com/yburda/iwae/raw/master/datasets/OMNIGLOT/chardata.mat"
SIZES = (24_345, 8_070)  # of the file: for training, and test
NUM_VALIDATION = 1_345


def load_omniglot(*, data_dir=None, download=True, path=None):
    """Returns 23,000 training, 1,345 validation and 8,070 test images, [N, 28, 28, 1]; the strokes are white.

    The training images are shuffled, with a fixed seed, before the last of them are held out. The file's grey, 0 to
    1, becomes 0 to 255.

    Args:
        data_dir: keeps `omniglot/chardata.mat`; None is TensorFlow Datasets' own default.
        download: whether to fetch that file if it is not there.
        path: of the file, or a URL, with `#sha256=...` after it if it is to be compared with a checksum.

    Raises:
        ValueError: if the file is neither there nor to be had, when the message says how to get it, or is another.

    References:
        Burda, Grosse and Salakhutdinov (2016), https://arxiv.org/abs/1509.00519
    """
    file = local_file("omniglot", path, url=URL, data_dir=data_dir, download=download)
    arrays = read_mat(file, {"data": (784, None), "testdata": (784, None)})
    train, test = (_images(file, arrays[name]) for name in ("data", "testdata"))
    for images, size in zip((train, test), SIZES, strict=True):
        check_size(file, images, size)
    train = train[np.random.Generator(np.random.PCG64(0)).permutation(len(train))]
    return ImageSplits(train[:-NUM_VALIDATION], train[-NUM_VALIDATION:], test)


def _images(file, columns):
    """Returns images [N, 28, 28, 1] of columns [784, N], each read from top to bottom."""
    if not (columns.min() >= 0 and columns.max() <= 1):
        raise ValueError(f"Expected grey from 0 to 1 in {file}. Received: {columns.min()} to {columns.max()}.")
    pixels = np.rint(columns * 255.0).astype(np.uint8)
    return np.ascontiguousarray(pixels.T.reshape(-1, 28, 28).swapaxes(1, 2)[..., np.newaxis])
