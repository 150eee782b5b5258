"""JSON files and JSON-lines files, written atomically."""

import json
import math
import os
import pathlib
from collections.abc import Iterable


def write_json(path, value) -> None:
    """Writes a JSON file atomically; numbers that are not finite become null."""
    write_text(path, json.dumps(_finite(value), indent=1, allow_nan=False) + "\n")


def write_json_lines(path, values: Iterable) -> None:
    """Writes one line of JSON for each value, atomically.

    Numbers that are not finite become null.
    """
    write_text(path, "".join(json.dumps(_finite(value), allow_nan=False) + "\n" for value in values))


def write_text(path, text: str) -> None:
    """Writes a text file in UTF-8 atomically, and creates its directory.

    Args:
        path: path of the file.
        text: text of the file.
    """
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(path.suffix + ".partial")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)


def check_writable(path, name: str) -> None:
    """Checks that a directory can be written, without creating it.

    Args:
        path: path of a directory that may not exist yet. Addresses such as gs://... pass.
        name: name of the argument, for messages.

    Raises:
        ValueError: if the directory, or its nearest existing parent, cannot be written.
    """
    if "://" in str(path):
        return
    path = nearest = pathlib.Path(path).absolute()
    while not os.path.lexists(nearest):  # unlike `exists`, `lexists` does not raise without permission for a parent
        nearest = nearest.parent
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        kind = "a directory without permission" if nearest.is_dir() else "no directory"
        raise ValueError(
            f"`{name}` must be a directory that can be written. Received: {path}, where {nearest} is {kind}."
        )


def read_json(path):
    """Returns the value in a file of `write_json`."""
    return json.loads(pathlib.Path(path).read_text(encoding="utf-8"))


def read_json_lines(path) -> list:
    """Returns the values in a file of `write_json_lines`.

    Raises:
        ValueError: if a line is not JSON; the message has its number.
    """
    values = []
    for number, line in enumerate(pathlib.Path(path).read_text(encoding="utf-8").splitlines(), 1):
        try:
            values.append(json.loads(line))
        except json.JSONDecodeError as error:
            raise ValueError(
                f"Expected one JSON value on each line. Received: {path}, line {number}: {error}."
            ) from error
    return values


def _finite(value):
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
