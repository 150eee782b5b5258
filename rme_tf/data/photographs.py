"""Photographs that come with scikit-learn and Matplotlib, cut into a folder of small ones: no download."""

import pathlib
import shutil
import tempfile

import numpy as np

from rme_tf.data.files import data_folder


def photographs() -> dict[str, np.ndarray]:
    """Returns the photographs by name, uint8 [H, W, 3]: two of scikit-learn's, and Matplotlib's JPEGs where it has any.

    Some distributions leave Matplotlib's sample data out.
    """
    import matplotlib  # here, since other data sets do without
    from PIL import Image
    from sklearn import datasets

    bunch = datasets.load_sample_images()
    found = {
        pathlib.Path(name).stem: np.asarray(image) for name, image in zip(bunch.filenames, bunch.images, strict=True)
    }
    for path in sorted((pathlib.Path(matplotlib.get_data_path()) / "sample_data").glob("*.jpg")):
        with Image.open(path) as image:
            found[path.stem] = np.asarray(image.convert("RGB"))
    return found


def cut_photographs(data_dir=None, side: int = 32) -> pathlib.Path:
    """Returns a folder of PNG files, the tiles of `photographs`, a folder for each; makes it if it is not there.

    The tiles do not overlap, and what is too little for one at the right and at the bottom is left out: about 800 of
    32 x 32. For the data set "folder".

    Args:
        data_dir: as of `files.data_folder`.
        side: pixels on a side.

    Raises:
        ValueError: if `side` is below 1, or above what the smallest photograph has.
    """
    from PIL import Image

    folder = data_folder(data_dir) / f"photographs-{side}"
    if folder.is_dir():
        return folder
    images = photographs()
    least = min(min(image.shape[:2]) for image in images.values())
    if not 1 <= side <= least:
        raise ValueError(f"`side` must be from 1 to {least}. Received: {side}.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as partial:
        whole = pathlib.Path(partial) / folder.name  # the folder appears when it is
        for name, image in images.items():
            (whole / name).mkdir(parents=True)
            for (row, column), tile in tiles(image, side).items():
                Image.fromarray(tile).save(whole / name / f"{row:03d}-{column:03d}.png")
        shutil.move(whole, folder)
    return folder


def tiles(image, side: int) -> dict[tuple[int, int], np.ndarray]:
    """Returns the squares [side, side, C] of an image [H, W, C] by row and column, row by row."""
    rows, columns = (size // side for size in image.shape[:2])
    cut = image[: rows * side, : columns * side].reshape(rows, side, columns, side, -1).swapaxes(1, 2)
    return {(row, column): cut[row, column] for row in range(rows) for column in range(columns)}
