"""Frey faces: frames of a gray video of one face, 28 x 20."""

import numpy as np

from rme_tf.data.files import check_size, local_file, read_mat
from rme_tf.data.images import ImageSplits

URL = "https://cs.nyu.edu/~roweis/data/frey_rawface.mat"
CHECKSUM = "sha1=32c4bc7a947721c46df32d4f4973f31daf5d3946"  # of acwooding/dimension_reduction
SIZES = (1_565, 200, 200)


def load_frey_faces(*, data_dir=None, download=True, path=None):
    """Returns 1,565 training, 200 validation and 200 test images, [N, 28, 20, 1].

    Consecutive frames look alike, so the frames are shuffled with a fixed seed before they are split.

    Args:
        data_dir: folder of the data sets, with `frey_faces/frey_rawface.mat`; None is the default of TensorFlow
            Datasets.
        download: whether to download a missing file.
        path: file or URL; `#sha256=...` at its end adds a checksum to compare with.

    Raises:
        ValueError: if the file is missing and cannot be downloaded (the message gives the remedy), or has other
            contents.
    """
    file = local_file("frey_faces", path, url=URL, checksum=CHECKSUM, data_dir=data_dir, download=download)
    columns = read_mat(file, {"ff": (560, None)})["ff"]
    if columns.dtype != np.uint8:
        raise ValueError(f"Expected uint8 pixels in {file}. Received: {columns.dtype}.")
    images = columns.T.reshape(-1, 28, 20, 1)
    check_size(file, images, sum(SIZES))
    images = images[np.random.Generator(np.random.PCG64(0)).permutation(len(images))]
    return ImageSplits(*np.split(images, np.cumsum(SIZES)[:-1]))
