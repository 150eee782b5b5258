"""Memory-mapped image arrays for data sets that exceed the memory."""

import json
import math
import os
import pathlib
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterable, Mapping

import numpy as np
from tqdm import tqdm

from rme_tf.core.files import read_json
from rme_tf.core.leftovers import delete_leftovers, owner
from rme_tf.core.validation import is_size
from rme_tf.data.files import data_folder
from rme_tf.data.images import ImageSplits
from rme_tf.data.stored_files import are_unchanged, facts_of, is_sealed, sealed

_INDEX = "index.json"


def arrays_folder(data_dir, name) -> pathlib.Path:
    """Returns the cache folder of a data set's pixels."""
    return data_folder(data_dir) / "arrays" / name


def mapped_splits(folder, make: Callable[[], Mapping[str, Iterable[np.ndarray]]], facts: Callable = dict):
    """Returns the splits stored in a folder, memory-mapped, and computes missing ones.

    The folder gets its name when it is complete; an interrupted computation starts again. A damaged folder is replaced,
    with a warning.

    Args:
        folder: `pathlib.Path` of the stored pixels, see `arrays_folder`.
        make: function that returns for each split, by name, batches of uint8 pixels. Shape [B, H, W, C].
        facts: function that returns further facts about the pixels as a JSON dict, called after all batches are read.

    Returns:
        splits: `ImageSplits` of `np.memmap`.
        facts: dict of the further facts, as stored with the pixels.

    Raises:
        ValueError: if a split has no image, or the folder cannot be written.
    """
    index = _stored(folder)
    if index is None:
        try:
            _make(folder, make, facts)
        except OSError as error:
            raise ValueError(
                f"`data_dir` must be a folder with room for {folder.name}, the pixels as they are used. "
                f"Received: {folder.parent.parent} ({error})."
            ) from error
        index = _stored(folder)
        if index is None:
            raise ValueError(f"Expected the pixels that were just stored. Received: {folder}, which is damaged.")
    shapes = {name: tuple(index["shapes"][name]) for name in ImageSplits._fields}
    maps = (np.memmap(_pixels_of(folder, name), np.uint8, "r", shape=shape) for name, shape in shapes.items())
    return ImageSplits(*maps), index["facts"]


def _pixels_of(folder, name) -> pathlib.Path:
    """Returns the path of a split's pixels."""
    return folder / f"{name}.uint8"


def _stored(folder) -> dict | None:
    """Returns the index of stored pixels; None where they are missing or, with a warning, damaged."""
    if not folder.is_dir():
        return None
    try:
        index = read_json(folder / _INDEX, ("shapes", "facts"))
    except ValueError:
        index = None
    if index is None or not (is_sealed(index) and _is_whole(folder, index)):
        warnings.warn(f"{folder}: the stored pixels are damaged, and are computed again.", stacklevel=4)
        return None
    return index


def _is_whole(folder, index) -> bool:
    """Returns whether the files are the ones of an index, of which earlier versions had the shapes alone."""
    shapes = index["shapes"]
    if not isinstance(shapes, dict) or set(shapes) != set(ImageSplits._fields):
        return False
    for name, shape in shapes.items():
        if not isinstance(shape, list) or len(shape) != 4 or not all(map(is_size, shape)):
            return False
        path = _pixels_of(folder, name)
        if not path.is_file() or path.stat().st_size != math.prod(shape):
            return False
    return are_unchanged(folder, index.get("files", {}))


def _make(folder, make, facts):
    """Writes the pixels to a temporary folder, and renames it when it is complete."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    delete_leftovers(folder.parent.glob(f".{folder.name}.*"))
    place = pathlib.Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}.{owner()}."))
    partial = place / folder.name  # with the usual modes
    partial.mkdir()
    try:
        shapes = {name: _write(partial / f"{name}.uint8", batches, name) for name, batches in make().items()}
        files = facts_of(partial, [_pixels_of(partial, name).name for name in shapes])
        index = sealed({"shapes": shapes, "facts": facts(), "files": files})
        (partial / _INDEX).write_text(json.dumps(index, indent=1), encoding="utf-8")
        try:
            os.rename(partial, folder)
        except OSError:
            if _stored(folder) is None:  # otherwise another process has written the same pixels
                shutil.rmtree(folder)  # damaged
                os.rename(partial, folder)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _write(path, batches, name):
    """Writes the batches of a split one after another; returns their total shape [N, H, W, C]."""
    size, shape = 0, ()
    with path.open("wb") as file, tqdm(desc=f"{name} images", unit="", leave=False) as progress:
        for batch in batches:
            file.write(np.ascontiguousarray(batch, np.uint8).tobytes())
            size, shape = size + len(batch), batch.shape[1:]
            progress.update(len(batch))
    if size == 0:
        raise ValueError(f"Expected at least one image that can be read in the {name} split. Received: none.")
    return [size, *shape]
