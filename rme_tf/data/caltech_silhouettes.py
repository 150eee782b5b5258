"""Caltech 101 silhouettes, 28 x 28, black and white, in the authors' split."""

import numpy as np

from rme_tf.data.files import check_size, local_file, read_mat
from rme_tf.data.images import ImageSplits
from rme_tf.data.labels import numbered

URL = "https://people.cs.umass.edu/~marlin/data/caltech101_silhouettes_28_split1.mat"
CHECKSUM = "md5=4483e9c14b188fd09937f9ea6f9ea777"  # of google-deepmind/dm_nevis
SIZES = (4_100, 2_264, 2_307)
NUM_CLASSES = 101

_ARRAYS = ("train_data", "val_data", "test_data")
_CLASSES = ("train_labels", "val_labels", "test_labels")  # from 1 on


def load_caltech_silhouettes(*, data_dir=None, download=True, path=None):
    """Returns the splits of Caltech 101 silhouettes, [N, 28, 28, 1], pixels 0 or 255.

    There are 4,100 training, 2,264 validation and 2,307 test images. A 1 in the file becomes 0 and a 0 becomes 255, as
    in the code of Tomczak and Welling (2018), so that results compare.

    Args:
        data_dir: folder of the data sets, with `caltech_silhouettes/caltech101_silhouettes_28_split1.mat`; None is
            the default of TensorFlow Datasets.
        download: whether to download a missing file.
        path: file or URL; `#sha256=...` at its end adds a checksum to compare with.

    Raises:
        ValueError: if the file is missing and cannot be downloaded (the message gives the remedy), or has other
            contents.

    References:
        Marlin et al. (2010), https://proceedings.mlr.press/v9/marlin10a.html
    """
    file = local_file("caltech_silhouettes", path, url=URL, checksum=CHECKSUM, data_dir=data_dir, download=download)
    arrays = read_mat(file, dict.fromkeys(_ARRAYS, (None, 784)), _CLASSES)
    splits = ImageSplits(*(_images(file, arrays[name]) for name in _ARRAYS))
    for images, size in zip(splits, SIZES, strict=True):
        check_size(file, images, size)
    classes = [arrays[name].ravel().astype(np.int32) - 1 for name in _CLASSES if name in arrays]
    if tuple(map(len, classes)) != SIZES:  # a file without them, or with others
        return splits
    return splits.with_labels(numbered(classes, [f"class {number}" for number in range(1, NUM_CLASSES + 1)]))


def _images(file, rows):
    """Returns images [N, 28, 28, 1] of rows [N, 784], in column-major order."""
    if not np.isin(rows, (0, 1)).all():
        raise ValueError(f"Expected pixels of 0 and 1 in {file}. Received: {rows.min()} to {rows.max()}.")
    pixels = (255 * (1 - rows.astype(np.int16))).astype(np.uint8)
    return np.ascontiguousarray(pixels.reshape(-1, 28, 28).swapaxes(1, 2)[..., np.newaxis])
