"""Labels beside the splits of images: numbers, names, class folders."""

import copy
import pickle

import numpy as np
import pytest
from PIL import Image

from rme_tf.data import UNLABELED, ImageSplits, Labels, load_digits, load_folder
from rme_tf.data.labels import class_folders, named, numbered


def images(*sizes):
    return [np.arange(4 * size, dtype=np.uint8).reshape(size, 2, 2, 1) for size in sizes]


def labeled(*sizes):
    parts = images(*sizes)
    return ImageSplits(*parts, labels=numbered([part[:, 0, 0, 0] % 3 for part in parts], "abc"))


def test_splits_are_three_arrays_with_labels_beside_them():
    train, validation, test = parts = images(5, 2, 3)
    plain = ImageSplits(train, validation, test)
    assert plain.labels is None
    splits = labeled(5, 2, 3)
    assert len(splits) == 3
    assert [id(part) for part in plain] == [id(part) for part in parts]
    assert [*splits._asdict()] == [*ImageSplits._fields] == ["train", "validation", "test"]
    assert splits.labels.names == ("a", "b", "c")
    for again in (copy.copy(splits), copy.deepcopy(splits), pickle.loads(pickle.dumps(splits))):
        np.testing.assert_array_equal(again.train, train)
        np.testing.assert_array_equal(again.labels.train, splits.labels.train)


def test_the_first_images_keep_their_labels():
    splits = labeled(5, 2, 3)
    first = splits.first(train=2, test=1)
    assert [len(part) for part in first] == [2, 2, 1] == [len(part) for part in first.labels[:3]]
    np.testing.assert_array_equal(first.labels.train, first.train[:, 0, 0, 0] % 3)
    assert ImageSplits(*images(5, 2, 3)).first(train=2).labels is None


def test_new_arrays_have_no_labels_of_the_old_ones():
    splits = labeled(5, 2, 3)
    assert splits._replace().labels is splits.labels
    assert splits._replace(test=splits.train).labels is None
    labels = splits.labels._replace(test=splits.labels.train)
    assert splits._replace(test=splits.train, labels=labels).labels is labels


def test_labels_must_be_as_many_as_the_images():
    with pytest.raises(ValueError, match=r"`labels` must be as many as the images of the splits, \[5, 2, 4\]"):
        ImageSplits(*images(5, 2, 4), labels=labeled(5, 2, 3).labels)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (([0], [1], [2]), "from 0 to 1, or -1 for none. Received: 2 to 2"),
        (([0], [1], [-2]), "from 0 to 1"),
        (([0.0], [1], [1]), "be integers"),
        (([[0]], [1], [1]), "be integers"),
        (([0], [1]), "three splits"),
    ],
)
def test_other_labels_are_refused(parts, message):
    with pytest.raises(ValueError, match=message):
        numbered(parts, ["a", "b"])


def test_names_get_numbers_in_their_order():
    labels = named([["pear", None], ["apple"], ["fig"]])
    assert labels.names == ("apple", "fig", "pear")
    assert [list(part) for part in labels[:3]] == [[2, UNLABELED], [0], [1]]
    assert named([["10", "9"], ["-1"], []]).names == ("-1", "9", "10")
    assert named([["a", None], ["a"], [None]]) is None  # says nothing about the observations
    assert labels.of("train").names == labels.names


@pytest.mark.parametrize(
    ("paths", "classes"),
    [
        (["cat/1.png", "dog/2.png", "cat/deep/3.png"], ["cat", "dog", "cat"]),
        (["all/cat/1.png", "all/dog/2.png"], ["cat", "dog"]),
        (["train/cat/1.png", "train/dog/2.png", "Test/cat/3.png"], ["cat", "dog", "cat"]),
        (["data/train/x/cat/1.png", "data/test/x/dog/2.png"], ["cat", "dog"]),
        (["cat/1.png", "dog/2.png", "3.png"], ["cat", "dog", None]),
        (["1.png", "2.png"], [None, None]),
        (["one/1.png", "one/2.png"], [None, None]),
        (["train/1.png", "test/2.png"], [None, None]),
        ([], []),
    ],
)
def test_a_class_is_the_first_folder_in_which_files_differ(paths, classes):
    assert class_folders(paths) == classes


def test_a_folder_has_the_labels_of_the_images_that_can_be_read(tmp_path):
    for index in range(40):
        path = tmp_path / "photos" / f"class{index % 3}" / ("deep" * (index % 2)) / f"{index:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (5, 4), (5 * index, 7, 9)).save(path)
    (tmp_path / "photos" / "class1" / "00broken.png").write_bytes(b"no image")
    with pytest.warns(UserWarning, match="1 of 41 files could not be read"):
        splits = load_folder(path=tmp_path / "photos", data_dir=tmp_path, size=4)
    again = load_folder_quietly(tmp_path)
    assert splits.labels.names == ("class0", "class1", "class2")
    for part, labels, same in zip(splits, splits.labels[:3], again.labels[:3], strict=True):
        np.testing.assert_array_equal(labels, np.rint(part[:, 0, 0, 0] / 5) % 3)  # the color is the number
        np.testing.assert_array_equal(labels, same)


def load_folder_quietly(folder):
    with pytest.warns(UserWarning, match="could not be read"):
        return load_folder(path=folder / "photos", data_dir=folder, size=4)


def test_the_digits_have_the_labels_of_their_source():
    from sklearn import datasets

    bunch = datasets.load_digits()
    known = {
        np.rint(image * (255 / 16)).astype(np.uint8).tobytes(): digit
        for image, digit in zip(bunch.images, bunch.target, strict=True)
    }
    splits = load_digits()
    assert isinstance(splits.labels, Labels)
    for part, labels in zip(splits, splits.labels[:3], strict=True):
        assert [known[image.tobytes()] for image in part] == [int(splits.labels.names[label]) for label in labels]
