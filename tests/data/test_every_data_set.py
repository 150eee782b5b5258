"""Properties of every entry of DATASETS, without a network: a new entry needs no new test."""

import importlib
import inspect
import re
import socket
import urllib.request
from urllib.error import URLError

import numpy as np
import pytest
from PIL import Image

from data_sources import (
    MATLAB_FILES,
    MadeBuilder,
    builders_of,
    crc32_of,
    facts_of,
    section_of,
    sizes_of,
    write_matlab_files,
)
from rme_tf import data
from rme_tf.data import DATASETS, load, load_images

FACTS = facts_of()
OPTIONS = set(inspect.signature(load_images).parameters) - {"name", "data_dir", "download", "train_size", "test_size"}
INVALID = {"path": "no such folder", "size": 0, "channels": 2, "bits": 3}

every_set = pytest.mark.parametrize("name", sorted(DATASETS))


def options_of(name):
    return set(inspect.signature(DATASETS[name]).parameters) - {"data_dir", "download"}


def test_the_readme_has_a_row_and_a_section_for_every_set_in_order():
    assert [*FACTS] == sorted(DATASETS) == [*DATASETS]


@every_set
def test_a_loader_is_public_and_lies_in_a_module_of_its_own(name):
    loader = DATASETS[name]
    assert (loader.__module__, loader.__name__) == (f"rme_tf.data.{name}", f"load_{name}")
    assert f"load_{name}" in data.__all__
    assert getattr(data, f"load_{name}") is loader


@every_set
def test_a_loader_takes_the_common_keywords(name):
    parameters = inspect.signature(DATASETS[name]).parameters
    assert all(parameter.kind is inspect.Parameter.KEYWORD_ONLY for parameter in parameters.values())
    defaults = {key: parameter.default for key, parameter in parameters.items()}
    assert (defaults["data_dir"], defaults["download"]) == (None, True)
    assert inspect.Parameter.empty not in defaults.values()
    assert options_of(name) <= OPTIONS
    for parameter in parameters:
        assert f"    {parameter}: " in DATASETS[name].__doc__


@every_set
def test_the_readme_documents_source_split_license_and_citation(name):
    assert FACTS[name].license
    for word in ("**Source**", "**Split**", "**Labels**", "**License**", "**Checksum", "**Citation**"):
        assert word in section_of(name) or name == "folder", word
    assert len(crc32_of(name)) == 3 or "recorded" in section_of(name)


def test_every_option_of_a_loader_has_an_invalid_value_here():
    assert set(INVALID) == OPTIONS


@every_set
def test_options_without_meaning_for_a_set_are_refused(name):
    for option in OPTIONS - options_of(name):
        with pytest.raises(ValueError, match=rf"`{option}` must be None for the data set '{name}'"):
            load_images(name, **{option: INVALID[option]})


@every_set
def test_options_of_a_set_are_checked_and_the_message_has_the_value(name, tmp_path):
    for option in sorted(options_of(name)):
        choices = {"path": str(tmp_path)} if "path" in options_of(name) else {}
        with pytest.raises(ValueError, match=rf"{option}|is not there") as error:
            load_images(name, data_dir=tmp_path / "data", download=False, **{**choices, option: INVALID[option]})
        assert str(INVALID[option]) in str(error.value)


def files_in(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def names_a_source(message, name):
    """Whether a message names what the README gives as the source of a set: a URL, TensorFlow Datasets, or `path`."""
    source = section_of(name).split("**Source**")[1].split("\n* **")[0]
    urls = re.findall(r"<(https?://[^>]+)>", source)
    builders = [f"tfds.load('{builder}'" for builder in builders_of(name)]
    remedies = [*urls, *builders, *re.findall(r"`path`", source)[:1]]
    return any(remedy in message for remedy in remedies)


@every_set
def test_a_set_that_is_missing_names_its_source_and_leaves_nothing(name, tmp_path):
    try:
        splits = load_images(name, data_dir=tmp_path, download=False)
    except ValueError as error:
        assert names_a_source(str(error), name), str(error)
    else:
        assert "no download" in section_of(name)
        assert min(sizes_of(splits)) > 0
    assert not files_in(tmp_path)


@every_set
def test_a_set_that_cannot_be_downloaded_names_its_source_and_the_cause(name, tmp_path, monkeypatch):
    tfds = importlib.import_module("tensorflow_datasets")

    def no_network(*_, **__):
        raise URLError("no route to host")

    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", no_network)
    monkeypatch.setattr(urllib.request, "urlopen", no_network)
    monkeypatch.setattr(socket, "getaddrinfo", no_network)
    try:
        load_images(name, data_dir=tmp_path)
    except ValueError as error:
        assert names_a_source(str(error), name), str(error)
        assert isinstance(error.__cause__, URLError) or "download" not in str(error)
    else:
        assert "no download" in section_of(name)
    assert not files_in(tmp_path)


# What is loaded, from made sources


@pytest.fixture(scope="module")
def matlab_files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("matlab")
    write_matlab_files(folder, FACTS)
    return folder


@pytest.fixture
def source_of(matlab_files, tmp_path, monkeypatch):
    """Function from a name to the keywords that load a set from a made source, and to the sizes to expect."""
    tfds = importlib.import_module("tensorflow_datasets")
    true_builder, builders = tfds.builder, []

    def source(name):
        held_out = getattr(importlib.import_module(f"rme_tf.data.{name}"), "NUM_VALIDATION", 0)

        def builder(key, data_dir=None):
            builders.append(MadeBuilder(true_builder(key, data_dir=data_dir), FACTS[name], held_out))
            return builders[-1]

        monkeypatch.setattr(tfds, "builder", builder)
        where = {"data_dir": matlab_files if name in MATLAB_FILES else tmp_path / "data", "download": False}
        if name == "folder":
            where["path"] = tmp_path / "photos"
            where["path"].mkdir()
            for index in range(20):
                Image.new("RGB", (9, 8), (10 * index, 7, 9)).save(where["path"] / f"{index}.png")
        try:
            splits = load_images(name, **where)
        except ValueError as error:
            if builders or name in MATLAB_FILES or name == "folder":
                raise
            pytest.skip(f"Its file is not made by data_sources.py: {error}")
        return where, splits, builders[-1].expected if builders else FACTS[name].sizes

    return source


def check_labels(name, splits):
    """A label for each image, of as many classes as documented; none where none are."""
    documented = section_of(name).split("**Labels**: ")[1]
    if documented.startswith("none"):
        assert splits.labels is None
        return
    if name == "folder":  # of the made source, which has no folders; test_labels.py has some
        return
    assert [len(part) for part in splits.labels[:3]] == [len(images) for images in splits]
    assert len(set(splits.labels.names)) == int(documented.split()[0])
    for part in splits.labels[:3]:
        assert part.dtype == np.int32
        assert 0 <= part.min() <= part.max() < len(splits.labels.names)


@pytest.mark.slow
@every_set
def test_splits_have_the_documented_sizes_and_share_no_image_and_load_the_same_twice(name, source_of):
    where, splits, sizes = source_of(name)
    assert sizes is None or sizes_of(splits) == sizes
    for images in splits:
        assert images.dtype == np.uint8
        assert images.ndim == 4
        assert images.shape[1:] == splits.train.shape[1:]
        for size, documented in zip(images.shape[1:], FACTS[name].shape, strict=True):
            assert documented in (size, None)
    check_labels(name, splits)
    distinct = [{hash(image.tobytes()) for image in images} for images in splits]
    assert len(set.union(*distinct)) == sum(map(len, distinct))
    first = load_images(name, **where, train_size=3, test_size=2)
    assert sizes_of(first) == (3, 2, 2)
    for some, images in zip(first, splits, strict=True):
        np.testing.assert_array_equal(some, images[: len(some)])
    if splits.labels is not None:
        for some, labels in zip(first.labels, splits.labels, strict=True):
            assert list(some) == list(labels[: len(some)])
    batch = next(iter(load(name, "test", 2, limit=2, binarization="none", **where)))
    assert batch.dtype == "float32"
    np.testing.assert_allclose(batch, splits.test[:2] / np.float32(255), rtol=1e-6)


@pytest.mark.slow
@every_set
def test_the_size_and_the_channels_of_a_set_with_a_choice_are_honored(name, source_of):
    choices = {"size": 4, "channels": 1}
    if not options_of(name) & set(choices):
        return
    where, splits, _ = source_of(name)
    for option, axes in {"size": [0, 1], "channels": [2]}.items():
        if option in options_of(name):
            shape = [choices[option] if axis in axes else size for axis, size in enumerate(splits.train.shape[1:])]
            assert list(load_images(name, **where, **{option: choices[option]}).train.shape[1:]) == shape
