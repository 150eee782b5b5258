"""OMNIGLOT handwritten characters, 28 x 28, in the split of Burda et al."""

import numpy as np

from rme_tf.data.files import check_size, local_file, read_mat
from rme_tf.data.prepared import held_out_splits

URL = "https://github.com/yburda/iwae/raw/master/datasets/OMNIGLOT/chardata.mat"
SIZES = (24_345, 8_070)  # training and test images in the file
NUM_VALIDATION = 1_345
NUM_ALPHABETS = 50

_ALPHABETS = ("target", "testtarget")  # indicators, a row for each alphabet


def load_omniglot(*, data_dir=None, download=True, path=None):
    """Returns 23,000 training, 1,345 validation and 8,070 test images, [N, 28, 28, 1].

    The strokes are white. The training images are shuffled with a fixed seed before the last ones are held out. Gray
    values from 0 to 1 in the file become 0 to 255. The labels are the alphabets, which have no names in the file.

    Args:
        data_dir: folder of the data sets, with `omniglot/chardata.mat`; None is the default of TensorFlow Datasets.
        download: whether to download a missing file.
        path: file or URL; `#sha256=...` at its end adds a checksum to compare with.

    Raises:
        ValueError: if the file is missing and cannot be downloaded (the message gives the remedy), or has other
            contents.

    References:
        Burda, Grosse and Salakhutdinov (2016), https://arxiv.org/abs/1509.00519
    """
    file = local_file("omniglot", path, url=URL, data_dir=data_dir, download=download)
    arrays = read_mat(file, {"data": (784, None), "testdata": (784, None)}, _ALPHABETS)
    train, test = (_images(file, arrays[name]) for name in ("data", "testdata"))
    for images, size in zip((train, test), SIZES, strict=True):
        check_size(file, images, size)
    order = np.random.Generator(np.random.PCG64(0)).permutation(len(train))
    images = (train[order], test)
    shapes = [arrays[name].shape for name in _ALPHABETS if name in arrays]
    if shapes != [(NUM_ALPHABETS, size) for size in SIZES]:  # a file without them, or with others
        return held_out_splits(images, NUM_VALIDATION)
    alphabets, of_test = (arrays[name].argmax(axis=0) for name in _ALPHABETS)
    names = [f"alphabet {number}" for number in range(NUM_ALPHABETS)]
    return held_out_splits(images, NUM_VALIDATION, (alphabets[order], of_test), names)


def _images(file, columns):
    """Returns images [N, 28, 28, 1] of columns [784, N], in column-major order."""
    if not (columns.min() >= 0 and columns.max() <= 1):
        raise ValueError(f"Expected grey from 0 to 1 in {file}. Received: {columns.min()} to {columns.max()}.")
    pixels = np.rint(columns * 255.0).astype(np.uint8)
    return np.ascontiguousarray(pixels.T.reshape(-1, 28, 28).swapaxes(1, 2)[..., np.newaxis])
