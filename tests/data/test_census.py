"""Nothing of a folder of images is passed over in silence."""

import json
import os
import shutil
import warnings

import numpy as np
import pytest
from PIL import Image

from rme_tf import data
from rme_tf.data import load_folder
from rme_tf.data.census import summary, take_census
from small_recipes import image_recipe

SUFFIXES = {".png", ".jpg"}


def picture(path, mode="RGB"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, (8, 8)).save(path)
    return path


@pytest.fixture
def folder(tmp_path):
    """Thirty images in folders."""
    for index in range(30):
        picture(tmp_path / "photos" / f"class{index % 2}" / f"{index:02d}.png")
    return tmp_path / "photos"


def all_names(folder):
    return [os.path.join(parent, name) for parent, _, names in os.walk(folder) for name in names]


def only_warning(folder, tmp_path, **choices):
    """Returns the words of the one warning of reading a folder."""
    with pytest.warns(UserWarning, match=": read ") as caught:
        splits = load_folder(path=folder, data_dir=tmp_path / "kept", size=4, **choices)
    (warning,) = caught
    assert str(warning.message).startswith(f"{folder}: read {sum(map(len, splits))} images; ")
    return str(warning.message)


def test_a_folder_of_images_alone_is_read_without_a_word(folder, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert sum(map(len, load_folder(path=folder, data_dir=tmp_path / "kept", size=4))) == 30


def test_what_is_no_image_is_counted_and_named(folder, tmp_path):
    for name in ("a.txt", "deep/B.TXT", "c.txt", "d.txt", "x.svg", "README", ".DS_Store"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"")
    picture(folder / ".hidden" / "x.png")
    picture(tmp_path / "away" / "x.png")
    (folder / "linked").symlink_to(tmp_path / "away")
    assert only_warning(folder, tmp_path) == (
        f"{folder}: read 30 images; passed over 9 others: "
        "2 hidden (.DS_Store, .hidden), 1 linking to a folder (linked), "
        "1 of suffix .svg (x.svg), 4 of suffix .txt (a.txt, c.txt, d.txt, ...), 1 without a suffix (README)."
    )


def test_names_that_are_not_utf8_can_be_printed(folder, tmp_path):
    for name in (b"caf\xe9.png", b"caf\xe9.txt"):
        try:
            (folder / os.fsdecode(name)).write_bytes(b"no image")
        except OSError:  # of file systems that take UTF-8 alone
            pytest.skip("no such names here")
    words = only_warning(folder, tmp_path)
    assert words.encode("utf-8").count(rb"caf\udce9.") == 3  # the name and the reason; what is passed over


def test_what_cannot_be_read_and_what_loses_something_is_counted_and_named(folder, tmp_path):
    (folder / "broken.png").write_bytes(b"no image")
    picture(folder / "two.gif").unlink()
    Image.new("L", (8, 8)).save(folder / "two.gif", save_all=True, append_images=[Image.new("L", (8, 8), 255)])
    picture(folder / "inks.jpg", "CMYK")
    picture(folder / "clear.png", "RGBA")
    Image.fromarray(np.full((8, 8), 4000, np.uint16)).save(folder / "dark.png")
    for _ in range(2):  # also of what was kept
        words = only_warning(folder, tmp_path)
        assert "; 1 of 35 files could not be read and are left out: broken.png (UnidentifiedImageError" in words
        assert "not read whole: 1 in CMYK, whose colors are approximate (inks.jpg), 1 of 16 bits without" in words
        assert "(dark.png), 1 of several frames, of which the first is read (two.gif), 1 with transparency" in words
    (kept,) = (tmp_path / "kept" / "arrays").glob("*/index.json")
    assert words.endswith(f"All unread and lossy files are named in {kept}.")
    facts = json.loads(kept.read_text(encoding="utf-8"))["facts"]
    assert list(facts["skipped"]) == ["broken.png"]
    assert sorted(map(tuple, facts["lossy"].values())) == [("clear.png",), ("dark.png",), ("inks.jpg",), ("two.gif",)]
    assert "dark.png" not in only_warning(folder, tmp_path, bits=12)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes")
def test_links_that_lead_nowhere_pipes_and_odd_names_break_nothing(folder, tmp_path):
    os.symlink(tmp_path / "away.png", folder / "broken.png")
    os.symlink(folder / "class0" / "00.png", folder / "link.png")  # a file like any other
    shutil.copy(folder / "class0" / "00.png", folder / "ünï cödé 'x'.png")
    shutil.copy(folder / "class0" / "00.png", folder / os.fsdecode(b"\xff.png"))
    os.mkfifo(folder / "pipe.png")
    words = only_warning(folder, tmp_path)
    assert ": read 33 images; 1 of 34 files could not be read and are left out: broken.png (FileNotFoundError" in words
    assert "passed over 1 other: 1 neither file nor folder (pipe.png)" in words


def test_a_folder_that_cannot_be_opened_is_named(folder, monkeypatch):
    scan = os.scandir

    def guarded(path):
        if str(path).endswith("class1/"):
            raise PermissionError(path)
        return scan(path)

    monkeypatch.setattr("rme_tf.data.census.os.scandir", guarded)
    census = take_census(folder, SUFFIXES)
    assert len(census.images) == 15
    assert census.others == {"that cannot be opened": ["class1/"]}


def test_names_are_in_order_and_complete(folder):
    """As `os.walk` has them."""
    walked = [
        os.path.relpath(os.path.join(parent, name), folder) for parent, _, names in os.walk(folder) for name in names
    ]
    assert take_census(folder, SUFFIXES).images == sorted(walked)


def test_a_summary_names_the_first_and_counts_the_rest(folder):
    skipped = {f"{index:02d}.png": "broken" for index in range(14)}
    words = summary(folder, 16, take_census(folder, SUFFIXES), skipped, {}, "index.json")
    assert "; 14 of 30 files could not be read" in words
    assert words.count("(broken)") == 10
    assert words.endswith("; and 4 more. All unread and lossy files are named in index.json.")


def test_a_recipe_prints_what_was_passed_over_and_its_record_keeps_it(folder, tmp_path, capsys):
    (folder / "notes.txt").write_text("no image", encoding="utf-8")
    choices = {"dataset": "folder", "path": str(folder), "data_dir": str(tmp_path / "kept"), "size": 4, "channels": 1}
    recipe = image_recipe(**choices, batch_size=8)
    words = f"{folder}: read 30 images; passed over 1 other: 1 of suffix .txt (notes.txt)."
    assert recipe.load().facts == {"train": 24, "validation": 3, "test": 3, "warnings": [words]}
    assert words in capsys.readouterr().out


def test_bits_reach_the_files(folder, tmp_path):
    for path in folder.rglob("*.png"):
        Image.fromarray(np.full((8, 8), 4095, np.uint16)).save(path)
    options = {"path": str(folder), "data_dir": tmp_path / "kept", "size": 4, "channels": 1}
    (batch,) = data.load("folder", "test", 3, binarization="none", bits=12, **options)
    np.testing.assert_array_equal(batch, np.ones((3, 4, 4, 1)))
    recipe = image_recipe(**{**options, "data_dir": str(tmp_path / "kept")}, dataset="folder", bits=12)
    assert recipe.images()[0].train.min() == 255
