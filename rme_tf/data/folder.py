"""Any folder of images, read once, at one size; what cannot be read is left out, counted and named."""

import collections
import hashlib
import itertools
import mimetypes
import os
import pathlib
import warnings
from concurrent import futures

import numpy as np

from rme_tf.data.images import ImageSplits
from rme_tf.data.mapped import arrays_folder, mapped_splits

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
MODES = {1: "L", 3: "RGB"}  # Pillow's names
HELD_OUT = 10  # one file in so many is for validation, another for test

_BATCH = 64  # files that a thread reads in one go
_THREADS = 8  # each of which may be two batches ahead: no more is in memory
_NAMED = 10  # files in a warning; the index has them all


def load_folder(*, data_dir=None, download=True, path=None, size=64, channels=3):
    """Returns the images of a folder and of all folders within it, about 80 / 10 / 10 in a hundred.

    Each is turned upright, cut to the square in its middle and resized. The pixels are kept in `data_dir`, to be read
    from there batch by batch, and are made anew when a file has changed. The split is of the sorted names, by a
    shuffle with a fixed seed: it is the same whichever of the files can be read.

    Args:
        data_dir: where the pixels are kept; None is TensorFlow Datasets' own default.
        download: not used, there for the loaders' common signature.
        path: of the folder. BMP, GIF, JPEG, PNG, TIFF and WebP files (of several frames the first); hidden ones are
            passed over.
        size: pixels on a side.
        channels: 1 is grey, 3 is RGB; transparency is ignored.

    Returns:
        splits: memory-mapped. Shape [N, size, size, channels].

    Raises:
        ValueError: if there is no such folder, it has less than three images, or one split none that can be read.

    Warns:
        UserWarning: which files were left out, and why; and how many images there are of other kinds.
    """
    del download
    if path is None or not pathlib.Path(path).is_dir():
        raise ValueError(f"`path` must be a folder of images. Received: {path}.")
    if channels not in MODES:
        raise ValueError(f"`channels` must be 1 (grey) or 3 (RGB). Received: {channels}.")
    if size < 1:
        raise ValueError(f"`size` must be at least 1. Received: {size}.")
    root = pathlib.Path(path)
    files = file_names(root)
    names = image_names(files)
    if len(names) < 3:
        raise ValueError(f"Expected three files at least of {', '.join(SUFFIXES)} in {root}. Received: {len(names)}.")
    skipped: dict[str, str] = {}
    folder = arrays_folder(data_dir, f"folder-{_fingerprint(root, names, size, channels)}")
    splits, facts = mapped_splits(
        folder,
        lambda: {split: _pixels(root, part, size, channels, skipped) for split, part in split_names(names).items()},
        lambda: {"folder": str(root), "skipped": dict(sorted(skipped.items()))},
    )
    _warn(root, facts["skipped"], len(names), folder)
    _warn_of_others(root, other_images(files))
    return splits


def file_names(root) -> list[str]:
    """Returns the sorted names, relative to `root`, of the files in it and in all folders within, but hidden ones."""
    names = []
    for parent, folders, files in os.walk(root):
        folders[:] = [folder for folder in folders if not folder.startswith(".")]
        inside = pathlib.Path(parent).relative_to(root)
        names += [(inside / file).as_posix() for file in files if not file.startswith(".")]
    return sorted(names)


def image_names(names) -> list[str]:
    """Returns those names that are of images which can be read."""
    return [name for name in names if name.lower().endswith(SUFFIXES)]


def other_images(names) -> dict[str, int]:
    """Returns how many files there are of each other kind of image, by the sorted suffixes."""
    suffixes = collections.Counter(pathlib.PurePath(name).suffix.lower() for name in names)
    return {
        suffix: suffixes[suffix]
        for suffix in sorted(set(suffixes) - set(SUFFIXES))
        if (mimetypes.guess_type(f"x{suffix}")[0] or "").startswith("image/")
    }


def split_names(names) -> dict[str, list[str]]:
    """Returns the names of each split: a tenth, one at least, is for validation and as many for test."""
    order = np.random.Generator(np.random.PCG64(0)).permutation(len(names))
    held_out = max(1, len(names) // HELD_OUT)
    parts = np.split(order, [len(names) - 2 * held_out, len(names) - held_out])
    return {split: [names[i] for i in part] for split, part in zip(ImageSplits._fields, parts, strict=True)}


def read_image(path, size, channels):
    """Returns the square in the middle of an image file, resized: uint8 [size, size, channels].

    Raises:
        Exception: whatever Pillow raises for a file that is no whole image.
    """
    from PIL import Image, ImageOps  # here, since other data sets do without

    with Image.open(path) as image:
        image.draft(MODES[channels], (2 * size, 2 * size))  # a large JPEG is decoded at a fraction of its size
        upright = ImageOps.exif_transpose(image)
        if upright.mode.startswith("I;16"):  # Pillow would cut 16 bits off at 255
            upright = Image.fromarray((np.asarray(upright) >> 8).astype(np.uint8))
        if upright.mode in ("F", "I"):
            raise ValueError("pixels of 32 bits, of which nobody knows what is white")
        upright = upright.convert(MODES[channels])
    pixels = np.asarray(ImageOps.fit(upright, (size, size), Image.Resampling.BICUBIC))
    return pixels.reshape(size, size, channels)


def _pixels(root, names, size, channels, skipped):
    """Yields batches [B, size, size, channels] of what can be read, in order; fills `skipped`: name -> reason."""

    def read(part):
        """Returns the pixels of those of some files that can be read."""
        images = []
        for name in part:
            try:
                images.append(read_image(os.path.join(root, name), size, channels))
            except Exception as error:  # of many kinds: a broken file may break anything
                skipped[name] = f"{type(error).__name__}: {error}".replace(f"{root}{os.sep}", "")
        return images

    parts = (names[start : start + _BATCH] for start in range(0, len(names), _BATCH))
    with futures.ThreadPoolExecutor(_THREADS) as pool:  # a batch a task: a file a task costs as much again
        coming = collections.deque(pool.submit(read, part) for part in itertools.islice(parts, 2 * _THREADS))
        while coming:
            images = coming.popleft().result()
            coming.extend(pool.submit(read, part) for part in itertools.islice(parts, 1))
            if images:
                yield np.stack(images)


def _fingerprint(root, names, size, channels):
    """Returns a name that changes with the files, by path, size and time, and with what is made of them."""
    digest = hashlib.sha256(f"{root.resolve()}\0{size}\0{channels}".encode(errors="surrogateescape"))
    for name in names:
        path = root / name
        stat = path.stat() if path.exists() else path.lstat()  # a link may lead nowhere
        digest.update(f"\0{name}\0{stat.st_size}\0{stat.st_mtime_ns}".encode(errors="surrogateescape"))
    return digest.hexdigest()[:16]


def _warn(root, skipped, count, folder):
    """Says in words which files were left out."""
    if not skipped:
        return
    some = "; ".join(f"{name} ({reason})" for name, reason in list(skipped.items())[:_NAMED])
    more = "" if len(skipped) <= _NAMED else f"; and {len(skipped) - _NAMED:,} more"
    warnings.warn(
        f"{root}: {len(skipped):,} of {count:,} files could not be read and are left out: {some}{more}. "
        f"All are named in {folder / 'index.json'}.",
        stacklevel=4,
    )


def _warn_of_others(root, counts):
    """Says how many images of other kinds were passed over."""
    if counts:
        kinds = ", ".join(f"{count:,} {suffix}" for suffix, count in counts.items())
        warnings.warn(
            f"{root}: images of other kinds are passed over: {kinds}. What can be read: {', '.join(SUFFIXES)}.",
            stacklevel=4,
        )
