"""The loaders, on made files of the true format: what they read, where they cut, what they say of a missing file."""

import hashlib
import importlib

import numpy as np
import pytest
from scipy import io

from data_sources import MATLAB_FILES as FILES
from data_sources import facts_of, rows_of, sizes_of, write_matlab_files
from rme_tf.data import BINARIZATIONS, evaluation_array, load_images

SIZES = {name: facts.sizes for name, facts in facts_of().items()}


def module_of(name):
    return importlib.import_module(f"rme_tf.data.{name}")


# Files of MATLAB


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A directory of such files, of the true sizes; and the images that are in them."""
    folder = tmp_path_factory.mktemp("made")
    return folder, write_matlab_files(folder, facts_of())


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_matlab_file_is_read_upright_and_split_as_published(name, made):
    folder, images = made
    splits = load_images(name, data_dir=folder, download=False)
    assert sizes_of(splits) == SIZES[name]
    assert {part.shape[1:] for part in splits} == {(28, 20, 1) if name == "frey_faces" else (28, 28, 1)}
    assert {part.dtype for part in splits} == {np.dtype(np.uint8)}
    expected = [255 * (1 - part) for part in images[name]] if name == "caltech_silhouettes" else images[name]
    assert rows_of(*splits) == rows_of(*expected)  # every image once, so that no two splits share one
    if name == "caltech_silhouettes":
        for part, original in zip(splits, expected, strict=True):
            np.testing.assert_array_equal(part[..., 0], original)
    else:
        assert (splits.train[:50, ..., 0] != expected[0][:50]).any()  # shuffled
    if name == "omniglot":
        np.testing.assert_array_equal(splits.test[..., 0], expected[1])
    if name == "frey_faces":
        assert splits.labels is None
        return
    for part, labels in zip(splits, splits.labels[:3], strict=True):  # as `write_matlab_files` made them
        first_row = part[:, 0, :, 0]
        known = first_row[:, 0] % 50 if name == "omniglot" else (first_row == 0).sum(axis=-1)
        np.testing.assert_array_equal(labels, known)


def test_a_matlab_file_without_labels_is_read_as_before(made, tmp_path):
    for name in ("omniglot", "caltech_silhouettes"):
        arrays = io.loadmat(made[0] / name / FILES[name])
        few = {key: value for key, value in arrays.items() if "data" in key}
        io.savemat(tmp_path / "x.mat", few)
        assert load_images(name, path=tmp_path / "x.mat").labels is None


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_file_may_be_anywhere_and_loads_the_same_twice(name, made, tmp_path):
    folder, _ = made
    path = folder / name / FILES[name]
    first, again = (load_images(name, data_dir=where, path=path, download=False) for where in (folder, tmp_path))
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_missing_file_is_reported_with_its_source(name, tmp_path):
    for choices in ({}, {"path": tmp_path / "away.mat"}):
        with pytest.raises(ValueError, match="is not there") as error:
            load_images(name, data_dir=tmp_path, download=False, **choices)
        assert module_of(name).URL in str(error.value)


@pytest.mark.parametrize("name", sorted(FILES))
def test_another_file_is_refused(name, made, tmp_path):
    path = tmp_path / "x.mat"
    path.write_bytes(b"<html>not found</html>")
    with pytest.raises(ValueError, match="Expected a MATLAB file. Received: .*x.mat"):
        load_images(name, path=path)
    io.savemat(path, {"other": np.zeros((3, 3))})
    with pytest.raises(ValueError, match="Expected an array '.*' of shape .* Received: None"):
        load_images(name, path=path)
    arrays = io.loadmat(made[0] / name / FILES[name])
    short = {key: value[:700, :700] for key, value in arrays.items() if not key.startswith("_")}
    if name == "frey_faces":
        short = {"ff": arrays["ff"][:, :700]}
    io.savemat(path, short)
    with pytest.raises(ValueError, match="Expected 1,965 images|Expected an array"):
        load_images(name, path=path)


def test_grey_beyond_its_range_is_refused(tmp_path):
    path = tmp_path / "x.mat"
    io.savemat(path, {"data": np.full((784, 3), 7.0), "testdata": np.zeros((784, 3))})
    with pytest.raises(ValueError, match="Expected grey from 0 to 1 in .*Received: 7.0 to 7.0"):
        load_images("omniglot", path=path)
    io.savemat(path, dict.fromkeys(("train_data", "val_data", "test_data"), np.full((3, 784), 2)))
    with pytest.raises(ValueError, match="Expected pixels of 0 and 1"):
        load_images("caltech_silhouettes", path=path)


def test_a_url_is_fetched_once_and_compared_with_its_checksum(made, tmp_path):
    source = made[0] / "frey_faces" / FILES["frey_faces"]
    checksum = hashlib.sha256(source.read_bytes()).hexdigest()
    with pytest.raises(ValueError, match=f"Expected the SHA-256 {'0' * 64} .* Received: {checksum}"):
        load_images("frey_faces", data_dir=tmp_path, path=f"{source.as_uri()}#sha256={'0' * 64}")
    assert not list((tmp_path / "frey_faces").iterdir())
    with pytest.raises(ValueError, match="`download` is False"):
        load_images("frey_faces", data_dir=tmp_path, path=source.as_uri(), download=False)
    fetched = load_images("frey_faces", data_dir=tmp_path, path=f"{source.as_uri()}#sha256={checksum}")
    kept = load_images("frey_faces", data_dir=tmp_path, download=False)
    np.testing.assert_array_equal(fetched.test, kept.test)
    with pytest.raises(ValueError, match="could not be downloaded .*URLError"):
        load_images("frey_faces", data_dir=tmp_path, path=(tmp_path / "away.mat").as_uri())


# Larochelle's files


@pytest.mark.slow
def test_the_static_mnist_is_read_from_its_files_and_no_binarization_changes_it(tmp_path):
    folder, rng, written = tmp_path / "binarized_mnist", np.random.default_rng(0), []
    folder.mkdir()
    files = module_of("binarized_mnist").FILES
    for name, size in zip(files, SIZES["binarized_mnist"], strict=True):
        digits = rng.integers(0, 2, (size, 784), dtype=np.uint8)
        lines = np.full((size, 2 * 784), ord(" "), np.uint8)
        lines[:, ::2], lines[:, -1] = digits + ord("0"), ord("\n")
        lines.tofile(folder / name)
        written.append(digits.reshape(-1, 28, 28, 1))
    splits = load_images("binarized_mnist", data_dir=tmp_path, download=False)
    for images, digits in zip(splits, written, strict=True):
        np.testing.assert_array_equal(images, 255 * digits)
    for binarization in set(BINARIZATIONS) - {"dequantized"}:
        np.testing.assert_array_equal(evaluation_array(splits.test[:99], binarization, 1), written[2][:99])
    for change in (lambda lines: lines[: 10 * 1568], lambda lines: lines.replace(b"1", b"2"), lambda lines: lines[1:]):
        content = (folder / files[2]).read_bytes()
        (folder / files[2]).write_bytes(change(content[: 50 * 1568]))
        with pytest.raises(ValueError, match=r"Expected (10,000 images|lines of 784 digits)"):
            load_images("binarized_mnist", path=folder)
    for file in folder.iterdir():
        file.unlink()
    with pytest.raises(ValueError, match=r"binarized_mnist_train.amat, .*larocheh.* is not there"):
        load_images("binarized_mnist", path=folder)
