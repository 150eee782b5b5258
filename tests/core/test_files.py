"""Files are written whole or not at all."""

import json
import math

import numpy as np
import pytest

from rme_tf.core.files import as_path, read_json, read_json_lines, write_json


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


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe{}", b"[" * 100_000, b"nul"])
def test_a_damaged_file_is_named(content, tmp_path):
    path = tmp_path / "x.json"
    path.write_bytes(content)
    for read in (read_json, read_json_lines):
        if content or read is read_json:
            with pytest.raises(ValueError, match=r"^Expected .* Received: .*x\.json"):
                read(path)


def test_a_file_without_a_key_or_that_is_none_is_refused(tmp_path):
    write_json(tmp_path / "x.json", {"a": 1})
    assert read_json(tmp_path / "x.json", ("a",)) == {"a": 1}
    with pytest.raises(ValueError, match="Expected a JSON file with 'b'"):
        read_json(tmp_path / "x.json", ("a", "b"))
    with pytest.raises(ValueError, match="Expected a file that can be read. Received: .* .No such file"):
        read_json(tmp_path / "y.json")


@pytest.mark.parametrize("path", [b"x", 3, None, "\0", "a\0b", "\ud800", ["x"]], ids=repr)
def test_what_is_no_path_is_refused(path):
    with pytest.raises(ValueError, match="`out` must be a path, a str or a `pathlib.Path`. Received: "):
        as_path(path, "out")
