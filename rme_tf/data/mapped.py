"""Images too many for the memory: kept on the disk as plain pixels, of which batches are read."""

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
    """Returns the folder in `data_dir` that keeps the pixels of a data set; it may be deleted at any time."""
    return data_folder(data_dir) / "arrays" / name


def mapped_splits(folder, make: Callable[[], Mapping[str, Iterable[np.ndarray]]], facts: Callable = dict):
    """Returns the splits that a folder keeps, as memory-mapped arrays; makes them if they are not there.

    The folder appears when it is whole: what was interrupted begins anew.

    Args:
        folder: pathlib.Path.
        make: returns for each split, by name, batches of uint8 pixels. Shape [B, H, W, C].
        facts: returns, when these are read, what else is to be known of them: a dict that JSON can hold.

    Returns:
        splits: `ImageSplits` of `np.memmap`.
        facts: of when they were made.

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
    """Writes the pixels beside the folder, and then gives them its name."""
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
            if not (folder / _INDEX).is_file():  # else another process was quicker, with the same pixels
                raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _write(path, batches, name):
    """Writes a split's batches one after another; returns the shape of all of them, [N, H, W, C]."""
    size, shape = 0, ()
    with path.open("wb") as file, tqdm(desc=f"{name} images", unit="", leave=False) as progress:
        for batch in batches:
            file.write(np.ascontiguousarray(batch, np.uint8).tobytes())
            size, shape = size + len(batch), batch.shape[1:]
            progress.update(len(batch))
    if size == 0:
        raise ValueError(f"Expected at least one image that can be read in the {name} split. Received: none.")
    return [size, *shape]
