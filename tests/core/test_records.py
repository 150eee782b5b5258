"""Records are written whole or not at all, and say where they come from."""

import json
import math
import re
from importlib import metadata

import numpy as np
import pytest
import tensorflow as tf

from rme_tf.core.files import PACKAGES, commit, hardware, read_json, write_json


def test_what_is_written_is_read_back(tmp_path):
    value = {"a": [1, 2.5, None, True], "b": {"c": "text"}, "d": []}
    write_json(tmp_path / "new" / "folder" / "x.json", value)
    assert read_json(tmp_path / "new" / "folder" / "x.json") == value


def test_numbers_that_are_not_finite_become_null(tmp_path):
    path = tmp_path / "x.json"
    value = {"a": math.nan, "b": [1.0, math.inf, -math.inf], "c": (np.float64("nan"), 2.0)}
    write_json(path, value)
    assert read_json(path) == {"a": None, "b": [1.0, None, None], "c": [None, 2.0]}
    assert "NaN" not in path.read_text(encoding="utf-8")
    assert math.isnan(value["a"])  # the caller's own stays


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "x.json"
    write_json(path, {"a": 1})
    with pytest.raises(TypeError):
        write_json(path, {"a": object()})
    assert read_json(path) == {"a": 1}
    assert [item.name for item in tmp_path.iterdir()] == ["x.json"]


def test_the_file_appears_at_once(tmp_path, monkeypatch):
    """Until the rename the path holds the old value, whatever has been written beside it."""
    path, seen = tmp_path / "x.json", []
    write_json(path, {"a": 1})

    def replace(source, target):
        seen.append((read_json(path), json.loads(source.read_text(encoding="utf-8")), target))
        source.rename(target)

    monkeypatch.setattr("os.replace", replace)
    write_json(path, {"a": 2})
    assert seen == [({"a": 1}, {"a": 2}, path)]
    assert read_json(path) == {"a": 2}


def test_the_commit_is_a_hash_or_unknown(monkeypatch):
    assert re.fullmatch(r"[0-9a-f]{40}(-dirty)?|unknown", commit())
    monkeypatch.setenv("PATH", "")  # no git
    assert commit() == "unknown"


def test_the_hardware_is_what_computes():
    result = hardware()
    assert set(result) == {"processor", "cores", "gpus", "python", *PACKAGES}
    assert result["cores"] >= 1
    assert isinstance(result["gpus"], list)
    assert result["processor"]
    assert all(re.match(r"\d+\.\d+", result[name]) for name in ("python", *PACKAGES))
    json.dumps(result)


def test_versions_are_those_of_the_modules_whatever_their_packages_are_called(monkeypatch):
    """TensorFlow is also installed as tensorflow-cpu, tensorflow-rocm or tf-nightly."""

    def version(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", version)
    monkeypatch.setattr(tf, "__version__", "9.9.0-dev20300101")
    assert hardware()["tensorflow"] == "9.9.0-dev20300101"
    assert hardware()["numpy"] == np.__version__
