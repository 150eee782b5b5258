"""A folder of images, and the memory-mapped arrays that it becomes."""

import io
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
from rme_tf.data.folder import file_names, image_names, read_image, split_names
from rme_tf.data.mapped import mapped_splits

NUM_FILES = 40


def picture(index, size=(20, 16), mode="RGB"):
    """An image of one colour, which survives any resizing and, within a few levels, JPEG."""
    return Image.new("RGB", size, (5 * index, 255 - 5 * index, 100)).convert(mode)


@pytest.fixture
def folder(tmp_path):
    """Classes in folders, all formats, both cases of suffixes; and what is to be passed over."""
    root = tmp_path / "photos"
    formats = ["a.png", "b.JPG", "c.jpeg", "d.bmp", "e.gif", "f.TIF", "g.tiff", "h.webp"]
    for index in range(NUM_FILES):
        path = root / f"class{index % 3}" / ("deep" * (index % 2)) / f"{index:02d}{formats[index % 8]}"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture(index).save(path)
    (root / "notes.txt").write_text("no image", encoding="utf-8")
    (root / ".hidden").mkdir()
    picture(0).save(root / ".hidden" / "x.png")
    picture(0).save(root / "._y.png")
    return root


def colours(images):
    """The index of each picture, as its colour says."""
    return [round(image[..., 0].mean() / 5) for image in images]


def test_every_image_is_in_one_split_and_the_files_decide_which(folder, tmp_path):
    splits = load_folder(path=folder, data_dir=tmp_path, size=8)
    assert [part.shape for part in splits] == [(32, 8, 8, 3), (4, 8, 8, 3), (4, 8, 8, 3)]
    assert all(isinstance(part, np.memmap) for part in splits)
    assert sorted(index for part in splits for index in colours(part)) == list(range(NUM_FILES))
    names = split_names(image_names(file_names(folder)))
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
        patch.setattr("rme_tf.data.folder.read_image", None)  # whoever calls it, fails
        np.testing.assert_array_equal(load_folder(path=folder, data_dir=tmp_path, size=4).train, first.train)
    picture(7).save(folder / "new.png")
    assert len(load_folder(path=folder, data_dir=tmp_path, size=4).train) == 33
    load_folder(path=folder, data_dir=tmp_path, size=4, channels=1)
    assert len(kept()) == 3
    assert one in kept()


def test_what_cannot_be_read_is_left_out_counted_and_named(folder, tmp_path):
    whole = load_folder(path=folder, data_dir=tmp_path, size=8)
    names = split_names(image_names(file_names(folder)))
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
    for name in split_names(image_names(file_names(folder)))["validation"]:
        (folder / name).write_bytes(b"nothing")
    with pytest.raises(ValueError, match="at least one image that can be read in the validation split"):
        load_folder(path=folder, data_dir=tmp_path)
    assert not list((tmp_path / "arrays").iterdir())


def test_an_image_is_cut_to_its_middle_and_turned_upright(tmp_path):
    image = Image.new("RGB", (60, 20), "red")
    image.paste("blue", (20, 0, 40, 20))  # the middle
    image.save(tmp_path / "wide.png")
    np.testing.assert_array_equal(read_image(tmp_path / "wide.png", 10, 3)[5, 5], [0, 0, 255])
    assert (read_image(tmp_path / "wide.png", 20, 3) == [0, 0, 255]).all()
    halves = Image.new("L", (16, 16), 0)
    halves.paste(255, (0, 0, 16, 8))  # white above
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    halves.save(tmp_path / "turned.jpg", exif=exif, quality=95)
    turned = read_image(tmp_path / "turned.jpg", 16, 1)
    assert turned[:7].mean() < 10
    assert turned[9:].mean() > 245


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
@pytest.mark.parametrize("channels", [1, 3])
def test_pixels_of_every_kind_are_8_bit_grey_or_rgb(mode, channels, tmp_path):
    grey = np.repeat(np.arange(0, 256, 16, dtype=np.uint8)[:, None], 16, axis=1)
    levels = 255 * (grey >= 128).astype(np.uint8) if mode == "1" else grey
    image = Image.fromarray(grey.astype(np.uint16) * 257) if mode == "I;16" else Image.fromarray(levels).convert(mode)
    image.save(tmp_path / "x.png")
    pixels = read_image(tmp_path / "x.png", 16, channels)
    assert (pixels.shape, pixels.dtype) == ((16, 16, channels), np.uint8)
    np.testing.assert_array_equal(pixels, np.repeat(levels[..., None], channels, axis=-1))


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"path": None}, "`path` must be a folder of images. Received: None"),
        ({"path": "nowhere"}, "`path` must be a folder of images. Received: nowhere"),
        ({"channels": 2}, r"`channels` must be 1 \(grey\) or 3 \(RGB\). Received: 2"),
        ({"size": 0}, "`size` must be at least 1. Received: 0"),
        ({"data_dir": "photos/notes.txt"}, "`data_dir` must be a folder with room"),
    ],
)
def test_what_makes_no_sense_is_refused(choices, message, folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=message):
        load_folder(**{"path": folder, "data_dir": tmp_path, **choices})


def test_a_folder_without_images_is_refused(tmp_path):
    (tmp_path / "x.txt").write_text("no image", encoding="utf-8")
    with pytest.raises(ValueError, match=r"three files at least of .bmp, .gif, .*Received: 0"):
        load_folder(path=tmp_path)


def test_links_that_lead_nowhere_and_odd_names_break_nothing(folder, tmp_path):
    os.symlink(tmp_path / "away.png", folder / "broken.png")
    picture(1).save(folder / "ünï cödé 'x'.png")
    (folder / os.fsdecode(b"\xff.png")).write_bytes((folder / "ünï cödé 'x'.png").read_bytes())
    with pytest.warns(UserWarning, match=r"1 of 43 files .*broken.png \(FileNotFoundError"):
        splits = load_folder(path=folder, data_dir=tmp_path, size=4)
    assert sum(map(len, splits)) == 42


@pytest.mark.parametrize("mode", ["I", "F"])
def test_pixels_of_32_bits_are_no_guess(mode, tmp_path):
    Image.new(mode, (4, 4)).save(tmp_path / "x.tiff")
    with pytest.raises(ValueError, match="32 bits"):
        read_image(tmp_path / "x.tiff", 4, 3)


def test_images_of_other_kinds_are_counted(folder, tmp_path):
    for name in ("x.svg", "deep.SVG", "y.ico", ".z.svg", "z.mp4"):
        (folder / name).write_bytes(b"")
    with pytest.warns(
        UserWarning, match=r"of other kinds are passed over: 1 \.ico, 2 \.svg\. What can be read: \.bmp,"
    ):
        splits = load_folder(path=folder, data_dir=tmp_path, size=4)
    assert sum(map(len, splits)) == NUM_FILES


def test_files_are_read_in_order_and_a_few_batches_ahead_at_most(tmp_path, monkeypatch):
    reads = []

    def read(path, size, channels):
        reads.append(path)
        index = int(os.path.basename(path))
        if index % 10 == 3:
            raise OSError("broken")
        return np.full((size, size, channels), index, np.uint16)

    monkeypatch.setattr("rme_tf.data.folder.read_image", read)
    names = [str(index) for index in range(3000)]
    skipped: dict = {}
    batches = data.folder._pixels(tmp_path, names, 2, 1, skipped)
    first = next(batches)
    assert len(reads) <= (2 * 8 + 1) * 64  # two batches of 64 for each of 8 threads, and the one that was taken
    pixels = np.concatenate([first, *batches])
    assert pixels[:, 0, 0, 0].tolist() == [index for index in range(3000) if index % 10 != 3]
    assert len(skipped) == 300
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


def test_large_files_are_read_at_a_fraction_of_their_size():
    stream = io.BytesIO()
    Image.effect_noise((1024, 1024), 80).save(stream, "jpeg")
    pixels = read_image(stream, 16, 1)
    stream.seek(0)
    whole = np.asarray(Image.open(stream)).reshape(16, 64, 16, 64).mean(axis=(1, 3))
    np.testing.assert_allclose(pixels[..., 0], whole, atol=15)
