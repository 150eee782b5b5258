"""Image data sets, their `tf.data` pipelines, and the tables of both."""

import inspect
from collections.abc import Callable

from rme_tf.core.registry import lookup
from rme_tf.core.validation import check_count, optional
from rme_tf.data.binarization import BINARIZATIONS, Binarization, binarize, evaluation_array, evaluation_rows
from rme_tf.data.binarized_mnist import load_binarized_mnist
from rme_tf.data.caltech_silhouettes import load_caltech_silhouettes
from rme_tf.data.celeb_a import load_celeb_a
from rme_tf.data.cifar10 import load_cifar10
from rme_tf.data.digits import load_digits
from rme_tf.data.fashion_mnist import load_fashion_mnist
from rme_tf.data.folder import load_folder
from rme_tf.data.frey_faces import load_frey_faces
from rme_tf.data.images import (
    ImageSplits,
    evaluation_dataset,
    held_out_dataset,
    reshuffled_dataset,
    steps_per_epoch,
    training_dataset,
)
from rme_tf.data.labels import UNLABELED, Labels, RowLabels
from rme_tf.data.missing import HIDDEN_BLOCKS, hide, seen_pixels
from rme_tf.data.mnist import load_mnist
from rme_tf.data.omniglot import load_omniglot
from rme_tf.data.omniglot_tfds import load_omniglot_tfds
from rme_tf.data.photographs import cut_photographs
from rme_tf.data.svhn_cropped import load_svhn_cropped

# A loader takes the keywords `data_dir` and `download`, and any of `path`, `size`, `channels` and `bits` that apply to
# its data set. It returns ImageSplits: arrays in memory, or memory-mapped arrays if the data set is large.
DATASETS: dict[str, Callable[..., ImageSplits]] = {
    "binarized_mnist": load_binarized_mnist,
    "caltech_silhouettes": load_caltech_silhouettes,
    "celeb_a": load_celeb_a,
    "cifar10": load_cifar10,
    "digits": load_digits,
    "fashion_mnist": load_fashion_mnist,
    "folder": load_folder,
    "frey_faces": load_frey_faces,
    "mnist": load_mnist,
    "omniglot": load_omniglot,
    "omniglot_tfds": load_omniglot_tfds,
    "svhn_cropped": load_svhn_cropped,
}


def given_options(name, **options):
    """Returns the options of a data set that are not None.

    Args:
        name: one of `DATASETS`.
        **options: keyword arguments of the data set's loader; None stands for its default.

    Raises:
        ValueError: if `DATASETS` lacks the name, or the loader does not take an option that is not None.
    """
    chosen = {option: value for option, value in options.items() if value is not None}
    allowed = set(inspect.signature(lookup(DATASETS, name, "data set")).parameters)
    for option, value in chosen.items():
        if option not in allowed:
            raise ValueError(f"`{option}` must be None for the data set {name!r}. Received: {value!r}.")
    return chosen


def load_images(
    name,
    *,
    data_dir=None,
    download=True,
    train_size=None,
    test_size=None,
    path=None,
    size=None,
    channels=None,
    bits=None,
):
    """Returns the splits of a data set, or their first images.

    Args:
        name: one of `DATASETS`.
        data_dir: folder of the data sets; None is the default of TensorFlow Datasets.
        download: whether to download a missing data set.
        train_size: number of training images; None is all.
        test_size: largest number of test images and of validation images; None is all.
        path: file or folder of a data set that does not come from TensorFlow Datasets: see data/README.md.
        size: pixels on a side, for `celeb_a` and `folder`.
        channels: 1 or 3, for `folder`.
        bits: significant bits of the values in 16-bit files, from 9 to 16, for `folder`.

    Returns:
        splits: uint8 arrays, memory-mapped for `celeb_a` and `folder`, with `labels` if the data set has classes.
            Shape [N, H, W, C].

    Raises:
        ValueError: if the data set is unavailable or an argument does not apply to it.
    """
    options = given_options(name, path=path, size=size, channels=channels, bits=bits)
    splits = DATASETS[name](data_dir=data_dir, download=download, **options)
    optional(check_count, "train_size", train_size, most=len(splits.train))
    optional(check_count, "test_size", test_size)
    return splits.first(train=train_size, validation=test_size, test=test_size)


def load(
    name,
    split,
    batch_size,
    *,
    binarization="dynamic",
    seed=0,
    data_dir=None,
    download=True,
    limit=None,
    path=None,
    size=None,
    channels=None,
    bits=None,
):
    """Returns one split of a data set, ready for `fit` or `evaluate`.

    Each iteration over the training split shuffles it, and draws new noise if `binarization` is "dynamic" or
    "dequantized". The validation and test splits never change.

    Args:
        name: one of `DATASETS`.
        split: "train", "validation" or "test".
        batch_size: number of images B in a batch.
        binarization: one of `BINARIZATIONS`.
        seed: non-negative seed of the order and of the noise.
        data_dir: folder of the data sets; None is the default of TensorFlow Datasets.
        download: whether to download a missing data set.
        limit: number of images, from the first on; None is all.
        path: file or folder of the data set, see `load_images`.
        size: pixels on a side, see `load_images`.
        channels: number of channels, see `load_images`.
        bits: significant bits of 16-bit files, see `load_images`.

    Returns:
        dataset: float32 batches. Shape [B, H, W, C]; the last batch may be smaller.

    Raises:
        ValueError: if the data set is unavailable or an argument is invalid.
    """
    options = {"path": path, "size": size, "channels": channels, "bits": bits}
    splits = load_images(name, data_dir=data_dir, download=download, **options)
    images = lookup(splits._asdict(), split, "split")
    optional(check_count, "limit", limit, most=len(images))
    images = images[:limit]
    if split == "train":
        return reshuffled_dataset(images, batch_size=batch_size, binarization=binarization, seed=seed)
    return held_out_dataset(images, batch_size=batch_size, binarization=binarization, seed=seed)


__all__ = [
    "BINARIZATIONS",
    "Binarization",
    "DATASETS",
    "HIDDEN_BLOCKS",
    "ImageSplits",
    "Labels",
    "RowLabels",
    "UNLABELED",
    "binarize",
    "cut_photographs",
    "evaluation_array",
    "evaluation_dataset",
    "evaluation_rows",
    "given_options",
    "held_out_dataset",
    "hide",
    "load",
    "load_binarized_mnist",
    "load_caltech_silhouettes",
    "load_celeb_a",
    "load_cifar10",
    "load_digits",
    "load_fashion_mnist",
    "load_folder",
    "load_frey_faces",
    "load_images",
    "load_mnist",
    "load_omniglot",
    "load_omniglot_tfds",
    "load_svhn_cropped",
    "reshuffled_dataset",
    "seen_pixels",
    "steps_per_epoch",
    "training_dataset",
]
