"""Stored pixels and ids that have changed are found, and made again."""

import json
import os
import shutil

import numpy as np
import pytest

from rme_tf.data.mapped import mapped_splits
from rme_tf.data.stored_files import are_unchanged, facts_of, is_sealed, sealed
from rme_tf.data.text import Lines, tokenize, train_tokenizer

LINES = ["the cat sat", "a dog ran", "the cat ran"] * 4


def pixels(first=0):
    """Batches of each split."""
    return {name: [np.full((3, 2, 2, 1), first + index, np.uint8)] for index, name in enumerate(PARTS)}


PARTS = ("train", "validation", "test")


@pytest.fixture
def stored(tmp_path):
    """A folder of pixels, and the splits in it."""
    folder = tmp_path / "arrays" / "set"
    splits, _ = mapped_splits(folder, pixels)
    return folder, [np.array(part) for part in splits]


def swapped_shapes(folder):
    index = json.loads((folder / "index.json").read_text())
    index["shapes"]["train"] = [2, 3, 2, 1]
    (folder / "index.json").write_text(json.dumps(index))


def other_pixels(folder):
    content = bytearray((folder / "test.uint8").read_bytes())
    content[0] ^= 1
    (folder / "test.uint8").write_bytes(content)
    os.utime(folder / "test.uint8", ns=(0, 0))


DAMAGES = {
    "shapes": swapped_shapes,
    "pixels": other_pixels,
    "a short file": lambda folder: (folder / "train.uint8").write_bytes(b"123"),
    "no index": lambda folder: (folder / "index.json").unlink(),
    "another index": lambda folder: (folder / "index.json").write_text("[" * 3000),
    "no pixels": lambda folder: (folder / "train.uint8").unlink(),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_pixels_are_computed_again_with_a_warning(damage, stored):
    folder, before = stored
    DAMAGES[damage](folder)
    with pytest.warns(UserWarning, match="the stored pixels are damaged, and are computed again"):
        splits, _ = mapped_splits(folder, pixels)
    for part, then in zip(splits, before, strict=True):
        np.testing.assert_array_equal(part, then)
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_whole_pixels_are_only_read_also_after_a_copy_and_from_earlier_versions(stored, tmp_path):
    folder, before = stored
    copied = tmp_path / "copied"
    shutil.copytree(folder, copied, copy_function=shutil.copyfile)
    index = json.loads((folder / "index.json").read_text())
    (folder / "index.json").write_text(json.dumps({name: index[name] for name in ("shapes", "facts")}))
    for place in (folder, copied):
        for part, then in zip(mapped_splits(place, lambda: pixels(9))[0], before, strict=True):
            np.testing.assert_array_equal(part, then)


def test_a_folder_has_the_usual_mode(stored):
    folder, _ = stored
    (folder.parent / "other").mkdir()
    assert folder.stat().st_mode == (folder.parent / "other").stat().st_mode


def test_changed_ids_are_made_again(tmp_path):
    tokenizer = train_tokenizer(LINES, kind="word", vocabulary_size=9)
    first = tokenize(Lines(LINES), tokenizer, directory=tmp_path)
    rows = np.array(first.rows([0, 1, 2]))
    path = tmp_path / "ids.int32"
    path.write_bytes(b"\5\0\0\0" * (path.stat().st_size // 4))
    np.testing.assert_array_equal(tokenize(Lines(LINES), tokenizer, directory=tmp_path).rows([0, 1, 2]), rows)


def test_a_seal_and_facts_see_changes(tmp_path):
    (tmp_path / "x").write_bytes(b"123")
    facts = facts_of(tmp_path, ["x"])
    assert are_unchanged(tmp_path, facts)
    (tmp_path / "x").write_bytes(b"124")
    os.utime(tmp_path / "x", ns=(1, 1))
    assert not are_unchanged(tmp_path, facts)
    values = sealed({"a": [1, 2]})
    assert is_sealed(values)
    assert is_sealed({"a": 1})  # of earlier versions
    assert not is_sealed({**values, "a": [2, 1]})
    assert not is_sealed([values])
