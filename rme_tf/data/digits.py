"""Handwritten digits of scikit-learn, 8 x 8, without a download."""

import numpy as np

from rme_tf.data.images import ImageSplits
from rme_tf.data.labels import numbered


def load_digits(*, data_dir=None, download=True):
    """Returns 1,257 training, 180 validation and 360 test images, [N, 8, 8, 1].

    The 17 gray levels, 0 to 16, are spread over 0 to 255. The data set is sorted by writer, so it is shuffled with a
    fixed seed before it is split. The labels are the digits.

    Args:
        data_dir: ignored, part of the common signature of loaders.
        download: ignored, part of the common signature of loaders.
    """
    del data_dir, download
    from sklearn import datasets  # imported here: it takes a second that other data sets save

    bunch = datasets.load_digits()
    levels = bunch.images[..., np.newaxis]  # [1797, 8, 8, 1]
    pixels = np.rint(levels * (255 / 16)).astype(np.uint8)
    order = np.random.Generator(np.random.PCG64(0)).permutation(len(pixels))
    images, digits = (np.split(array[order], [1257, 1257 + 180]) for array in (pixels, bunch.target))
    return ImageSplits(*images).with_labels(numbered(digits, bunch.target_names))
