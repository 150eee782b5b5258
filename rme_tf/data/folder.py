"""Any folder of images, read once, at one size; what cannot be read is left out, counted and named."""

import collections
import hashlib
import itertools
import os
import pathlib
import warnings
from concurrent import futures

import numpy as np

from rme_tf.data.census import passed_over, summary, take_census
from rme_tf.data.image_files import MODES, image_suffixes, read_with_losses
from rme_tf.data.images import ImageSplits
from rme_tf.data.mapped import arrays_folder, mapped_splits

HELD_OUT = 10  # one file in so many is for validation, another for test

_BATCH = 64  # files that a thread reads in one go
_THREADS = 8  # each of which may be two batches ahead: no more is in memory
_VERSION = 2  # of what is made of the files, and kept


def load_folder(*, data_dir=None, download=True, path=None, size=64, channels=3, bits=None):
    """Returns the images of a folder and of all folders within it, about 80 / 10 / 10 in a hundred.

    Each is turned upright, cut to the square in its middle and resized. The pixels are kept in `data_dir`, to be read
    from there batch by batch, and are made anew when a file has changed. The split is of the sorted names, by a
    shuffle with a fixed seed: it is the same whichever of the files can be read.

    Args:
        data_dir: where the pixels are kept; None is TensorFlow Datasets' own default.
        download: not used, there for the loaders' common signature.
        path: of the folder. Files of every format that Pillow can open, of several frames the first; but no documents,
            icons and videos. Hidden files and links to folders are passed over.
        size: pixels on a side.
        channels: 1 is grey, 3 is RGB; transparency and color profiles are ignored.
        bits: of the values in grey files of 16 bits, 12 of a camera with so many, say; None is 16, or fewer where a
            TIFF says so.

    Returns:
        splits: memory-mapped. Shape [N, size, size, channels].

    Raises:
        ValueError: if there is no such folder, it has less than three images, or one split none that can be read.

    Warns:
        UserWarning: which files were passed over, could not be read, or were read with a loss: how many, and the
            first names.
    """
    del download
    _check(path, size, channels, bits)
    root, suffixes = pathlib.Path(path), image_suffixes()
    census = take_census(root, suffixes)
    names = census.images
    if len(names) < 3:
        others = f"; {passed_over(census)}" if census.others else ""
        raise ValueError(
            f"Expected three files at least of {', '.join(sorted(suffixes))} in {root}. Received: {len(names)}{others}."
        )
    skipped: dict[str, str] = {}
    lossy: dict[str, list[str]] = collections.defaultdict(list)
    folder = arrays_folder(data_dir, f"folder-{_fingerprint(root, names, size, channels, bits)}")

    def read():
        """Yields the pixels of each split."""
        parts = split_names(names).items()
        return {split: _pixels(root, part, (size, channels, bits), skipped, lossy) for split, part in parts}

    def facts():
        """Returns what was found when the pixels were read."""
        kinds = {kind: sorted(lossy[kind]) for kind in sorted(lossy)}
        return {"folder": str(root), "skipped": dict(sorted(skipped.items())), "lossy": kinds}

    splits, found = mapped_splits(folder, read, facts)
    words = summary(root, sum(map(len, splits)), census, found["skipped"], found["lossy"], folder / "index.json")
    if words is not None:
        warnings.warn(words, stacklevel=3)
    return splits


def split_names(names) -> dict[str, list[str]]:
    """Returns the names of each split: a tenth, one at least, is for validation and as many for test."""
    order = np.random.Generator(np.random.PCG64(0)).permutation(len(names))
    held_out = max(1, len(names) // HELD_OUT)
    parts = np.split(order, [len(names) - 2 * held_out, len(names) - held_out])
    return {split: [names[i] for i in part] for split, part in zip(ImageSplits._fields, parts, strict=True)}


def _check(path, size, channels, bits):
    """Raises ValueError for an argument of `load_folder` that makes no sense."""
    if path is None or not pathlib.Path(path).is_dir():
        raise ValueError(f"`path` must be a folder of images. Received: {path}.")
    if channels not in MODES:
        raise ValueError(f"`channels` must be 1 (grey) or 3 (RGB). Received: {channels}.")
    if size < 1:
        raise ValueError(f"`size` must be at least 1. Received: {size}.")
    if bits is not None and not 8 < bits <= 16:
        raise ValueError(f"`bits` must be from 9 to 16. Received: {bits}.")


def _pixels(root, names, choices, skipped, lossy):
    """Yields batches [B, size, size, channels] of what can be read, in order.

    Args:
        root: the folder.
        names: relative to it.
        choices: size, channels and bits.
        skipped: to be filled with the reason for each name that cannot be read.
        lossy: to be filled with the names of each kind of loss.
    """

    def read(part):
        """Returns the pixels of those of some files that can be read, and pairs of a kind of loss and a name."""
        images, losses = [], []
        for name in part:
            try:
                pixels, kinds = read_with_losses(os.path.join(root, name), *choices)
            except Exception as error:  # of many kinds: a broken file may break anything
                skipped[name] = f"{type(error).__name__}: {error}".replace(f"{root}{os.sep}", "")
            else:
                images.append(pixels)
                losses += [(kind, name) for kind in kinds]
        return images, losses

    parts = (names[start : start + _BATCH] for start in range(0, len(names), _BATCH))
    with futures.ThreadPoolExecutor(_THREADS) as pool:  # a batch a task: a file a task costs as much again
        coming = collections.deque(pool.submit(read, part) for part in itertools.islice(parts, 2 * _THREADS))
        while coming:
            images, losses = coming.popleft().result()
            coming.extend(pool.submit(read, part) for part in itertools.islice(parts, 1))
            for kind, name in losses:
                lossy[kind].append(name)
            if images:
                yield np.stack(images)


def _fingerprint(root, names, size, channels, bits):
    """Returns a name that changes with the files, by path, size and time, and with what is made of them."""
    made = f"{root.resolve()}\0{size}\0{channels}\0{bits}\0{_VERSION}"
    digest = hashlib.sha256(made.encode(errors="surrogateescape"))
    for name in names:
        path = root / name
        stat = path.stat() if path.exists() else path.lstat()  # a link may lead nowhere
        digest.update(f"\0{name}\0{stat.st_size}\0{stat.st_mtime_ns}".encode(errors="surrogateescape"))
    return digest.hexdigest()[:16]
