"""Files are written whole or not at all."""

import json
import math

import numpy as np
import pytest

from rme_tf.core.files import read_json, write_json


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
