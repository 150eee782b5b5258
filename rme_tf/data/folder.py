"""Image folders as data sets: one size, memory-mapped, unreadable files reported."""

import collections
import hashlib
import itertools
import os
import pathlib
import warnings
from concurrent import futures

import numpy as np

from rme_tf.core.files import as_path
from rme_tf.core.validation import check_count, is_count, optional, require
from rme_tf.data.census import passed_over, summary, take_census
from rme_tf.data.image_files import MODES, image_suffixes, read_with_losses
from rme_tf.data.images import ImageSplits
from rme_tf.data.labels import class_folders, named
from rme_tf.data.mapped import arrays_folder, mapped_splits

HELD_OUT = 10  # one file in ten is for validation, another one for test

_BATCH = 64  # files that a thread reads at a time
_THREADS = 8  # at most two batches a thread are in memory
_VERSION = 2  # of the pixels that are computed from the files and stored


def load_folder(*, data_dir=None, download=True, path=None, size=64, channels=3, bits=None):
    """Returns the images of a folder and its subfolders, split 80 / 10 / 10.

    Each image is turned upright, cropped to the central square and resized. The pixels are stored in `data_dir`, read
    from there batch by batch, and computed again when a file has changed. The sorted file names are shuffled with a
    fixed seed and split, so the split does not depend on which files can be read.

    Args:
        data_dir: folder of the data sets, for the stored pixels; None is the default of TensorFlow Datasets.
        download: ignored, part of the common signature of loaders.
        path: folder of image files in any format that Pillow can open, except documents, icons and videos; only the
            first frame of an animation is read. Hidden files and links to folders are skipped.
        size: pixels on a side.
        channels: 1 for gray or 3 for RGB; transparency and color profiles are ignored.
        bits: significant bits of the values in gray 16-bit files, such as 12 for many cameras; None is 16, or the
            smaller number that a TIFF file declares.

    Returns:
        splits: memory-mapped arrays, with the class folders as labels if there are two at least: see
            `labels.class_folders`. Shape [N, size, size, channels].

    Raises:
        ValueError: if the folder does not exist, has fewer than three images, or a split has no readable image.

    Warns:
        UserWarning: if files were skipped, unreadable, or read with a loss; with their number and first names.
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

    parts = split_names(names)

    def read():
        """Yields the pixels of each split."""
        return {split: _pixels(root, part, (size, channels, bits), skipped, lossy) for split, part in parts.items()}

    def facts():
        """Returns the unreadable and lossy files of the last `read`."""
        kinds = {kind: sorted(lossy[kind]) for kind in sorted(lossy)}
        return {"folder": str(root), "skipped": dict(sorted(skipped.items())), "lossy": kinds}

    splits, stored = mapped_splits(folder, read, facts)
    message = summary(root, sum(map(len, splits)), census, stored["skipped"], stored["lossy"], folder / "index.json")
    if message is not None:
        warnings.warn(message, stacklevel=3)
    return splits.with_labels(_labels(names, parts, stored["skipped"]))


def _labels(names, parts, skipped):
    """Returns the class folders of the images that have been read, or None without classes."""
    classes = dict(zip(names, class_folders(names), strict=True))
    return named([classes[name] for name in part if name not in skipped] for part in parts.values())


def split_names(names) -> dict[str, list[str]]:
    """Returns the names by split, in the ratio 80 / 10 / 10.

    Validation and test get at least one name each.
    """
    order = np.random.Generator(np.random.PCG64(0)).permutation(len(names))
    held_out = max(1, len(names) // HELD_OUT)
    parts = np.split(order, [len(names) - 2 * held_out, len(names) - held_out])
    return {split: [names[i] for i in part] for split, part in zip(ImageSplits._fields, parts, strict=True)}


def _check(path, size, channels, bits):
    """Raises ValueError for an invalid argument of `load_folder`."""
    known = isinstance(path, str | os.PathLike) and os.path.isdir(as_path(path, "path"))
    require(known, "path", "be a folder of images", path)
    require(is_count(channels) and channels in MODES, "channels", "be 1 (grey) or 3 (RGB)", repr(channels))
    check_count("size", size)
    optional(check_count, "bits", bits, 9, most=16)


def _pixels(root, names, choices, skipped, lossy):
    """Yields batches [B, size, size, channels] of the readable images, in order.

    Args:
        root: folder of the files.
        names: file names relative to `root`.
        choices: size, channels and bits.
        skipped: dict that receives the reason for each unreadable file.
        lossy: dict that receives the names for each kind of loss.
    """

    def read(part):
        """Returns the pixels of the readable files of a part, and pairs (kind of loss, name)."""
        images, losses = [], []
        for name in part:
            try:
                pixels, kinds = read_with_losses(os.path.join(root, name), *choices)
            except Exception as error:  # a broken file may raise any error
                skipped[name] = f"{type(error).__name__}: {error}".replace(f"{root}{os.sep}", "")
            else:
                images.append(pixels)
                losses += [(kind, name) for kind in kinds]
        return images, losses

    parts = (names[start : start + _BATCH] for start in range(0, len(names), _BATCH))
    with futures.ThreadPoolExecutor(_THREADS) as pool:  # a task reads a batch: one task a file takes twice as long
        coming = collections.deque(pool.submit(read, part) for part in itertools.islice(parts, 2 * _THREADS))
        while coming:
            images, losses = coming.popleft().result()
            coming.extend(pool.submit(read, part) for part in itertools.islice(parts, 1))
            for kind, name in losses:
                lossy[kind].append(name)
            if images:
                yield np.stack(images)


def _fingerprint(root, names, size, channels, bits):
    """Returns a name that changes with the files (path, size, time of change) and with the options."""
    made = f"{root.resolve()}\0{size}\0{channels}\0{bits}\0{_VERSION}"
    digest = hashlib.sha256(made.encode(errors="surrogateescape"))
    for name in names:
        path = root / name
        stat = path.stat() if path.exists() else path.lstat()  # a link may be broken
        digest.update(f"\0{name}\0{stat.st_size}\0{stat.st_mtime_ns}".encode(errors="surrogateescape"))
    return digest.hexdigest()[:16]
