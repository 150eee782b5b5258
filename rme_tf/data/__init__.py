"""Image data sets, the pipelines from them to a model, and the tables of what there is."""

from collections.abc import Callable

from rme_tf.data.binarization import BINARIZATIONS, Binarization, binarize, evaluation_array
from rme_tf.data.digits import load_digits
from rme_tf.data.images import (
    ImageSplits,
    evaluation_dataset,
    reshuffled_dataset,
    steps_per_epoch,
    training_dataset,
)
from rme_tf.data.mnist import load_mnist
from rme_tf.registry import lookup

# A loader takes the keywords `data_dir` and `download`, and returns ImageSplits.
DATASETS: dict[str, Callable[..., ImageSplits]] = {"digits": load_digits, "mnist": load_mnist}


def load_images(name, *, data_dir=None, download=True, train_size=None, test_size=None):
    """Returns the splits of a data set, or the first images of each.

    Args:
        name: one of `DATASETS`.
        data_dir: where the data sets are kept; None is TensorFlow Datasets' own default.
        download: whether to fetch a data set that is not there.
        train_size: the number of training images; None is all.
        test_size: the number of test images and the most of validation images; None is all.

    Returns:
        splits: uint8 arrays. Shape [N, H, W, C].
    """
    loader = lookup(DATASETS, name, "data set")
    train, validation, test = loader(data_dir=data_dir, download=download)
    train = _first(train, train_size, "train_size")
    test = _first(test, test_size, "test_size")
    return ImageSplits(train, validation[:test_size], test)


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
):
    """Returns one split of a data set, ready for `fit` or `evaluate`.

    The training split is shuffled, and its noise redrawn if `binarization` says so, each time
    it is iterated over; the validation and test splits never change.

    Args:
        name: one of `DATASETS`.
        split: "train", "validation" or "test".
        batch_size: B.
        binarization: one of `BINARIZATIONS`.
        seed: of the order and of the noise; not negative.
        data_dir: where the data sets are kept; None is TensorFlow Datasets' own default.
        download: whether to fetch a data set that is not there.
        limit: the number of images to keep, the first ones; None is all.

    Returns:
        dataset: of float32 batches. Shape [B, H, W, C]; the last one may be smaller.
    """
    splits = load_images(name, data_dir=data_dir, download=download)
    images = _first(lookup(splits._asdict(), split, "split"), limit, "limit")
    if split == "train":
        return reshuffled_dataset(images, batch_size=batch_size, binarization=binarization, seed=seed)
    return evaluation_dataset(evaluation_array(images, binarization, seed), batch_size)


def _first(images, size, argument):
    """Returns the first `size` images, all of them if it is None."""
    if size is not None and not 1 <= size <= len(images):
        raise ValueError(f"`{argument}` must be from 1 to {len(images)}. Received: {size}.")
    return images[:size]


__all__ = [
    "BINARIZATIONS",
    "Binarization",
    "DATASETS",
    "ImageSplits",
    "binarize",
    "evaluation_array",
    "evaluation_dataset",
    "load",
    "load_digits",
    "load_images",
    "load_mnist",
    "reshuffled_dataset",
    "steps_per_epoch",
    "training_dataset",
]
