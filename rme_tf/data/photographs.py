"""Photographs of scikit-learn and Matplotlib, cut into tiles, without a download."""

import pathlib
import shutil
import tempfile

import numpy as np

from rme_tf.core.validation import check_count
from rme_tf.data.files import data_folder


def photographs() -> dict[str, np.ndarray]:
    """Returns the photographs by name, uint8 [H, W, 3].

    Two photographs come from scikit-learn, the others are the JPEG files of Matplotlib's sample data, which some
    distributions leave out.
    """
    import matplotlib  # imported here: other data sets do not need it
    from PIL import Image
    from sklearn import datasets

    bunch = datasets.load_sample_images()
    images = {
        pathlib.Path(name).stem: np.asarray(image) for name, image in zip(bunch.filenames, bunch.images, strict=True)
    }
    for path in sorted((pathlib.Path(matplotlib.get_data_path()) / "sample_data").glob("*.jpg")):
        with Image.open(path) as image:
            images[path.stem] = np.asarray(image.convert("RGB"))
    return images


def cut_photographs(data_dir=None, side: int = 32) -> pathlib.Path:
    """Returns a folder of PNG tiles of `photographs`, written if missing.

    The folder serves the data set "folder" and has a subfolder for each photograph. The tiles do not overlap, and
    pixels at the right and at the bottom that do not fill a tile are left out. There are about 800 tiles of 32 x 32.

    Args:
        data_dir: folder of the data sets; None is the default of TensorFlow Datasets.
        side: pixels on a side of a tile.

    Raises:
        ValueError: if `side` is below 1, or above the shortest side of a photograph.
    """
    from PIL import Image

    folder = data_folder(data_dir) / f"photographs-{side}"
    if folder.is_dir():
        return folder
    images = photographs()
    least = min(min(image.shape[:2]) for image in images.values())
    check_count("side", side, most=least)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as partial:
        whole = pathlib.Path(partial) / folder.name  # renamed when complete
        for name, image in images.items():
            (whole / name).mkdir(parents=True)
            for (row, column), tile in tiles(image, side).items():
                Image.fromarray(tile).save(whole / name / f"{row:03d}-{column:03d}.png")
        shutil.move(whole, folder)
    return folder


def tiles(image, side: int) -> dict[tuple[int, int], np.ndarray]:
    """Returns the tiles [side, side, C] of an image [H, W, C] by (row, column)."""
    rows, columns = (size // side for size in image.shape[:2])
    cut = image[: rows * side, : columns * side].reshape(rows, side, columns, side, -1).swapaxes(1, 2)
    return {(row, column): cut[row, column] for row in range(rows) for column in range(columns)}
