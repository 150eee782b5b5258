"""A folder of images, and the memory-mapped arrays that it becomes."""

import collections
import json
import os
import threading
import tracemalloc
import warnings

import numpy as np
import pytest
from PIL import Image

from rme_tf import data
from rme_tf.data import BINARIZATIONS, load_folder
from rme_tf.data.census import take_census
from rme_tf.data.folder import split_names
from rme_tf.data.image_files import image_suffixes
from rme_tf.data.mapped import mapped_splits

NUM_FILES = 40


def picture(index, size=(20, 16), mode="RGB"):
    """An image of one colour, which survives any resizing and, within a few levels, JPEG."""
    return Image.new("RGB", size, (5 * index, 255 - 5 * index, 100)).convert(mode)


@pytest.fixture
def folder(tmp_path):
    """Classes in folders, many formats, both cases of suffixes."""
    root = tmp_path / "photos"
    formats = ["a.png", "b.JPG", "c.jpeg", "d.bmp", "e.gif", "f.TIF", "g.tiff", "h.webp"]
    for index in range(NUM_FILES):
        path = root / f"class{index % 3}" / ("deep" * (index % 2)) / f"{index:02d}{formats[index % 8]}"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture(index).save(path)
    return root


def colours(images):
    """The index of each picture, as its colour says."""
    return [round(image[..., 0].mean() / 5) for image in images]


def names_in(folder):
    return take_census(folder, image_suffixes()).images


def test_every_image_is_in_one_split_and_the_files_decide_which(folder, tmp_path):
    splits = load_folder(path=folder, data_dir=tmp_path, size=8)
    assert [part.shape for part in splits] == [(32, 8, 8, 3), (4, 8, 8, 3), (4, 8, 8, 3)]
    assert all(isinstance(part, np.memmap) for part in splits)
    assert sorted(index for part in splits for index in colours(part)) == list(range(NUM_FILES))
    names = split_names(names_in(folder))
    for split, part in splits._asdict().items():
        assert colours(part) == [int(name.split("/")[-1][:2]) for name in names[split]]
    moved = folder.rename(tmp_path / "moved")
    for part, same in zip(splits, load_folder(path=str(moved), data_dir=tmp_path / "other", size=8), strict=True):
        np.testing.assert_array_equal(part, same)


def test_what_was_read_is_kept_until_a_file_changes(folder, tmp_path, monkeypatch):
    def kept():
        return sorted((tmp_path / "arrays").iterdir())

    first = load_folder(path=folder, data_dir=tmp_path, size=4)
    (one,) = kept()
    with monkeypatch.context() as patch:
        patch.setattr("rme_tf.data.folder.read_with_losses", None)  # whoever calls it, fails
        np.testing.assert_array_equal(load_folder(path=folder, data_dir=tmp_path, size=4).train, first.train)
    picture(7).save(folder / "new.png")
    assert len(load_folder(path=folder, data_dir=tmp_path, size=4).train) == 33
    load_folder(path=folder, data_dir=tmp_path, size=4, channels=1)
    assert len(kept()) == 3
    assert one in kept()


def test_what_cannot_be_read_is_left_out_counted_and_named(folder, tmp_path):
    whole = load_folder(path=folder, data_dir=tmp_path, size=8)
    names = split_names(names_in(folder))
    cut, empty = folder / names["train"][3], folder / names["test"][0]
    cut.write_bytes(cut.read_bytes()[:60])
    empty.write_bytes(b"")
    with pytest.warns(UserWarning, match="2 of 40 files could not be read and are left out") as caught:
        splits = load_folder(path=folder, data_dir=tmp_path, size=8)
    for name in (names["train"][3], names["test"][0]):
        assert name in str(caught[0].message)
    np.testing.assert_array_equal(splits.train, np.delete(whole.train, 3, axis=0))
    np.testing.assert_array_equal(splits.validation, whole.validation)
    np.testing.assert_array_equal(splits.test, whole.test[1:])
    (index,) = [
        found
        for path in (tmp_path / "arrays").glob("*/index.json")
        if (found := json.loads(path.read_text(encoding="utf-8"))["facts"]["skipped"])
    ]
    assert set(index) == {names["train"][3], names["test"][0]}
    with pytest.warns(UserWarning, match="2 of 40 files"):  # also when they are not read again
        load_folder(path=folder, data_dir=tmp_path, size=8)


def test_a_split_without_a_readable_image_is_refused(folder, tmp_path):
    for name in split_names(names_in(folder))["validation"]:
        (folder / name).write_bytes(b"nothing")
    with pytest.raises(ValueError, match="at least one image that can be read in the validation split"):
        load_folder(path=folder, data_dir=tmp_path)
    assert not list((tmp_path / "arrays").iterdir())


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"path": None}, "`path` must be a folder of images. Received: None"),
        ({"path": "nowhere"}, "`path` must be a folder of images. Received: nowhere"),
        ({"channels": 2}, r"`channels` must be 1 \(grey\) or 3 \(RGB\). Received: 2"),
        ({"size": 0}, "`size` must be an integer of at least 1. Received: 0"),
        ({"bits": 8}, "`bits` must be an integer from 9 to 16. Received: 8"),
        ({"data_dir": "file"}, "`data_dir` must be a folder with room"),
    ],
)
def test_what_makes_no_sense_is_refused(choices, message, folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        load_folder(**{"path": folder, "data_dir": tmp_path, **choices})


def test_a_folder_without_images_is_refused(tmp_path):
    (tmp_path / "x.txt").write_text("no image", encoding="utf-8")
    (tmp_path / "y.heic").write_bytes(b"")
    found = r"Received: 0; passed over 2 others: 1 of suffix \.heic \(y\.heic\), 1 of suffix \.txt \(x\.txt\)\."
    with pytest.raises(ValueError, match=rf"three files at least of .*\.bmp, .*\.gif, .*{found}"):
        load_folder(path=tmp_path)


def test_files_are_read_in_order_and_a_few_batches_ahead_at_most(tmp_path, monkeypatch):
    reads = []

    def read(path, size, channels, bits):
        reads.append(path)
        index = int(os.path.basename(path))
        if index % 10 == 3:
            raise OSError("broken")
        return np.full((size, size, channels), index, np.uint16), ["odd"] if index % 10 == 5 else []

    monkeypatch.setattr("rme_tf.data.folder.read_with_losses", read)
    names = [str(index) for index in range(3000)]
    skipped: dict = {}
    lossy: dict = collections.defaultdict(list)
    batches = data.folder._pixels(tmp_path, names, (2, 1, None), skipped, lossy)
    first = next(batches)
    assert len(reads) <= (2 * 8 + 1) * 64  # two batches of 64 for each of 8 threads, and the one that was taken
    pixels = np.concatenate([first, *batches])
    assert pixels[:, 0, 0, 0].tolist() == [index for index in range(3000) if index % 10 != 3]
    assert len(skipped) == 300
    assert lossy == {"odd": [str(index) for index in range(5, 3000, 10)]}
    assert len(reads) == 3000


# Memory-mapped arrays


def mapped(images, path):
    np.save(path, images)
    return np.load(path, mmap_mode="r")


@pytest.mark.parametrize("shape", [(4, 3, 3), (3, 3, 1)])  # of an even and of an odd number of pixels
@pytest.mark.parametrize("name", sorted(BINARIZATIONS))
def test_a_mapped_array_gives_what_the_array_in_memory_gives(name, shape, tmp_path):
    images = np.random.default_rng(1).integers(0, 256, (23, *shape), dtype=np.uint8)
    there = mapped(images, tmp_path / "x.npy")
    assert isinstance(there, np.memmap)
    options = {"batch_size": 5, "binarization": name, "seed": 3}
    for make, count in ((data.training_dataset, 9), (data.reshuffled_dataset, 5), (data.held_out_dataset, 5)):
        datasets = [make(source, **options) for source in (images, there)]
        assert datasets[0].element_spec == datasets[1].element_spec
        for one, other in zip(*(list(dataset.take(count)) for dataset in datasets), strict=True):
            np.testing.assert_array_equal(one, other)
    expected = data.evaluation_array(images, name, 3)
    np.testing.assert_array_equal(data.evaluation_rows(there, np.array([7, 0, 22]), name, 3), expected[[7, 0, 22]])
    np.testing.assert_array_equal(np.concatenate(list(data.held_out_dataset(there, **options))), expected)


def test_a_mapped_array_is_never_whole_in_memory(tmp_path):
    there = np.memmap(tmp_path / "x", np.uint8, "w+", shape=(4000, 64, 64, 3))  # 49 MB
    tracemalloc.start()
    for make in (data.training_dataset, data.held_out_dataset):
        dataset = make(there, batch_size=16, binarization="static")
        next(iter(dataset))
    _, peak = tracemalloc.get_traced_memory()  # NumPy's arrays are counted
    tracemalloc.stop()
    assert peak < 10e6


def test_processes_that_make_the_same_pixels_do_not_meet(tmp_path):
    images = np.arange(48, dtype=np.uint8).reshape(4, 2, 2, 3)
    barrier, results = threading.Barrier(2), []

    def make():
        barrier.wait()  # both find nothing there
        return {split: [images[:3], images[3:]] for split in data.ImageSplits._fields}

    def run():
        results.append(mapped_splits(tmp_path / "arrays" / "x", make))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert [facts for _, facts in results] == [{}, {}]
    for splits, _ in results:
        for part in splits:
            np.testing.assert_array_equal(part, images)
    assert os.listdir(tmp_path / "arrays") == ["x"]


def test_load_streams_a_folder(folder, tmp_path):
    options = {"path": folder, "data_dir": tmp_path, "size": 8, "channels": 1, "binarization": "none"}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        batches = list(data.load("folder", "train", 10, seed=1, **options))
    assert [batch.shape for batch in batches] == [(10, 8, 8, 1)] * 3 + [(2, 8, 8, 1)]
    kept = load_folder(path=folder, data_dir=tmp_path, size=8, channels=1)
    assert sorted(np.concatenate(batches).ravel() * 255) == pytest.approx(sorted(kept.train.ravel()), rel=1e-5)
    (test,) = data.load("folder", "test", 10, limit=3, **options)
    np.testing.assert_allclose(test, kept.test[:3] / 255, rtol=1e-6)
