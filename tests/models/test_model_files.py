"""Files of models that are damaged or of other versions."""

import json
import shutil
import zipfile

import keras
import numpy as np
import pytest

from conftest import build_tiny_model
from rme_tf.models.model_files import UNKNOWN, load_model, version_of
from rme_tf.version import __version__


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "model.keras"
    build_tiny_model().save(path)
    return path


def test_a_model_loads_and_has_the_version_of_the_library(saved):
    assert version_of(saved) == __version__
    x = np.zeros((2, 5), "float32")
    loaded = load_model(saved, compile=False)
    np.testing.assert_allclose(loaded.codes(x), build_tiny_model().codes(x), rtol=1e-5)


def rewritten(path, **changes):
    """Writes the configuration of a model with other entries."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members["config.json"])
    config["config"] |= changes
    members["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


@pytest.mark.parametrize("load", [load_model, keras.saving.load_model])
def test_a_model_of_another_version_that_cannot_be_built_names_both_versions(load, saved, tmp_path):
    path = tmp_path / "model.keras"
    shutil.copy(saved, path)
    rewritten(path, version="9.1.0", posterior={**keras_object(saved, "posterior"), "class_name": "OfTheFuture"})
    with pytest.raises(ValueError, match=rf"rme_tf {__version__} .*rme_tf 9\.1\.0"):
        load(path)


def keras_object(path, name):
    with zipfile.ZipFile(path) as archive:
        return {**json.loads(archive.read("config.json"))["config"][name], "registered_name": "rme_tf>OfTheFuture"}


def test_a_file_of_a_time_without_versions_is_named_so(saved, tmp_path):
    path = tmp_path / "model.keras"
    shutil.copy(saved, path)
    with zipfile.ZipFile(path) as archive:
        config = json.loads(archive.read("config.json"))
    assert config["config"].pop("version") == __version__
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps(config))
    assert version_of(path) == UNKNOWN


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "missing", "another file"])
def test_a_damaged_file_is_refused_by_its_name(damage, saved, tmp_path):
    path, content = tmp_path / "model.keras", bytearray(saved.read_bytes())
    if damage == "flip":
        content[len(content) // 2] ^= 255
    content = {"cut": content[:500], "empty": b"", "another file": b"<html>"}.get(damage, content)
    if damage != "missing":
        path.write_bytes(content)
    with pytest.raises(ValueError, match=r"Expected a model .*Received: .*model\.keras"):
        load_model(path)
