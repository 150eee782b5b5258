"""Photographs that are installed beside the library, cut into a folder of images."""

import numpy as np
import pytest
from PIL import Image

from rme_tf.data import cut_photographs, load_folder
from rme_tf.data.photographs import photographs, tiles


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return cut_photographs(tmp_path_factory.mktemp("data"))


def test_there_are_photographs_in_colour():
    found = photographs()
    assert {"china", "flower"} <= set(found)
    for name, image in found.items():
        assert (image.dtype, image.shape[2]) == (np.uint8, 3), name
        assert image.std() > 20, name  # of 255 levels: no blank page


@pytest.mark.parametrize("shape", [(7, 11, 3), (6, 9, 3), (3, 3, 1)])
def test_tiles_lie_side_by_side(shape):
    image = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    cut = tiles(image, 3)
    assert len(cut) == (shape[0] // 3) * (shape[1] // 3)
    for (row, column), tile in cut.items():
        np.testing.assert_array_equal(tile, image[3 * row :, 3 * column :][:3, :3])


def test_the_folder_has_every_tile_and_is_made_once(folder):
    files = sorted(folder.glob("*/*.png"))
    assert len(files) == sum(len(tiles(image, 32)) for image in photographs().values())
    with Image.open(folder / "china" / "012-019.png") as image:
        np.testing.assert_array_equal(image, photographs()["china"][12 * 32 : 13 * 32, 19 * 32 :])
    times = [path.stat().st_mtime_ns for path in files]
    assert cut_photographs(folder.parent, 32) == folder
    assert [path.stat().st_mtime_ns for path in files] == times
    assert [path.name for path in folder.parent.iterdir()] == ["photographs-32"]


def test_the_folder_is_one_of_images_as_they_are(folder, tmp_path):
    splits = load_folder(path=folder, data_dir=tmp_path, size=32)
    assert sum(map(len, splits)) == len(list(folder.glob("*/*.png"))) > 500
    there = {tile.tobytes() for image in photographs().values() for tile in tiles(image, 32).values()}
    assert {pixels.tobytes() for part in splits for pixels in part} == there


@pytest.mark.parametrize("side", [0, 5000])
def test_a_side_that_no_photograph_has_is_refused(side, tmp_path):
    with pytest.raises(ValueError, match=f"`side` must be an integer from 1 to 427. Received: {side}"):
        cut_photographs(tmp_path, side)
    assert not list(tmp_path.iterdir())
