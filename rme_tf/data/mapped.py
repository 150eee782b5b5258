"""Memory-mapped image arrays for data sets that exceed the memory."""

import json
import os
import pathlib
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping

import numpy as np
from tqdm import tqdm

from rme_tf.data.files import data_folder
from rme_tf.data.images import ImageSplits

_INDEX = "index.json"


def arrays_folder(data_dir, name) -> pathlib.Path:
    """Returns the cache folder of a data set's pixels."""
    return data_folder(data_dir) / "arrays" / name


def mapped_splits(folder, make: Callable[[], Mapping[str, Iterable[np.ndarray]]], facts: Callable = dict):
    """Returns the splits stored in a folder, memory-mapped, and computes missing ones.

    The folder gets its name when it is complete; an interrupted computation starts again.

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
    if not (folder / _INDEX).is_file():
        try:
            _make(folder, make, facts)
        except OSError as error:
            raise ValueError(
                f"`data_dir` must be a folder with room for {folder.name}, the pixels as they are used. "
                f"Received: {folder.parent.parent} ({error})."
            ) from error
    index = json.loads((folder / _INDEX).read_text(encoding="utf-8"))
    shapes = {name: tuple(index["shapes"][name]) for name in ImageSplits._fields}
    maps = (np.memmap(folder / f"{name}.uint8", np.uint8, "r", shape=shape) for name, shape in shapes.items())
    return ImageSplits(*maps), index["facts"]


def _make(folder, make, facts):
    """Writes the pixels to a temporary folder, and renames it when it is complete."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = pathlib.Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        shapes = {name: _write(partial / f"{name}.uint8", batches, name) for name, batches in make().items()}
        index = {"shapes": shapes, "facts": facts()}
        (partial / _INDEX).write_text(json.dumps(index, indent=1), encoding="utf-8")
        partial.chmod(0o755)
        try:
            os.rename(partial, folder)
        except OSError:
            if not (folder / _INDEX).is_file():  # otherwise another process has written the same pixels
                raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)


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
