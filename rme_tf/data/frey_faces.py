"""The Frey faces: the frames of one man's face in a short grey video, 28 x 20."""

import numpy as np

from rme_tf.data.files import check_size, local_file, read_mat
from rme_tf.data.images import ImageSplits

URL = "https://cs.nyu.edu/~roweis/data/frey_rawface.mat"
SIZES = (1_565, 200, 200)


def load_frey_faces(*, data_dir=None, download=True, path=None):
    """Returns 1,565 training, 200 validation and 200 test images, [N, 28, 20, 1].

    Neighbours in the video look alike, so it is shuffled, with a fixed seed, before it is split.

    Args:
        data_dir: keeps `frey_faces/frey_rawface.mat`; None is TensorFlow Datasets' own default.
        download: whether to fetch that file if it is not there.
        path: of the file, or a URL, with `#sha256=...` after it if it is to be compared with a checksum.

    Raises:
        ValueError: if the file is neither there nor to be had, when the message says how to get it, or is another.
    """
    file = local_file("frey_faces", path, url=URL, data_dir=data_dir, download=download)
    columns = read_mat(file, {"ff": (560, None)})["ff"]
    if columns.dtype != np.uint8:
        raise ValueError(f"Expected uint8 pixels in {file}. Received: {columns.dtype}.")
    images = columns.T.reshape(-1, 28, 20, 1)
    check_size(file, images, sum(SIZES))
    images = images[np.random.Generator(np.random.PCG64(0)).permutation(len(images))]
    return ImageSplits(*np.split(images, np.cumsum(SIZES)[:-1]))
