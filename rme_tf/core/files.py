"""JSON files and JSON-lines files, written atomically."""

import contextlib
import errno
import json
import math
import os
import pathlib
from collections.abc import Iterable, Iterator

import tensorflow as tf

# Reasons of the system why a file cannot be written; TensorFlow and HDF5 have them in their messages alone.
_REASONS = {
    os.strerror(number)
    for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO)
}


class WriteError(OSError):
    """The failure to write a file: a full disk, or no permission."""


@contextlib.contextmanager
def writing(path) -> Iterator[None]:
    """Returns a context that describes a failure to write in one sentence.

    Args:
        path: path of the file or folder, for the message.

    Raises:
        WriteError: if the disk is full, or there is no permission.
    """
    try:
        yield
    except WriteError:
        raise
    except (OSError, tf.errors.OpError, RuntimeError) as error:
        reason = next((reason for reason in _REASONS if reason in str(error)), None)
        if reason is None:
            raise
        raise WriteError(
            f"Expected room and permission to write {path}. Received: {reason}. What was saved before stays."
        ) from error


@contextlib.contextmanager
def replacing(path, partial=None) -> Iterator[pathlib.Path]:
    """Returns a context with a file that replaces another at its end.

    An error in the context leaves the other file unchanged, and nothing of the new one.

    Args:
        path: path of the file. Its folder is created.
        partial: path to write until then; None for the path with ".partial" at its end.

    Raises:
        WriteError: if the file cannot be written.
    """
    path = pathlib.Path(path)
    partial = path.with_name(f"{path.name}.partial") if partial is None else pathlib.Path(partial)
    try:
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield partial
            os.replace(partial, path)
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise


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

    Raises:
        WriteError: if the file cannot be written, which leaves the one before unchanged.
    """
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")


def as_path(path, name: str | None = None) -> pathlib.Path:
    """Returns a str or path object as a `pathlib.Path`.

    Args:
        path: str or path object.
        name: name of the argument, for the message.

    Raises:
        ValueError: if `path` is of another type, or has characters that no path has.
    """
    valid = isinstance(path, str | os.PathLike) and isinstance(os.fspath(path), str)
    try:
        valid = valid and b"\0" not in os.fsencode(path)
    except UnicodeEncodeError:  # a lone surrogate
        valid = False
    if not valid:
        subject = "Expected" if name is None else f"`{name}` must be"
        raise ValueError(f"{subject} a path, a str or a `pathlib.Path`. Received: {path!r}.")
    return pathlib.Path(path)


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
    path = nearest = as_path(path, name).absolute()
    while not os.path.lexists(nearest):  # unlike `exists`, `lexists` does not raise without permission for a parent
        nearest = nearest.parent
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        kind = "a directory without permission" if nearest.is_dir() else "no directory"
        raise ValueError(
            f"`{name}` must be a directory that can be written. Received: {path}, where {nearest} is {kind}."
        )


def read_text(path) -> str:
    """Returns the text of a file in UTF-8.

    Raises:
        ValueError: if the file cannot be read, or is not text in UTF-8.
    """
    try:
        return pathlib.Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"Expected text in UTF-8. Received: {path}, whose byte {error.start} is of another encoding, or damaged."
        ) from error
    except OSError as error:
        raise ValueError(f"Expected a file that can be read. Received: {path} ({error.strerror}).") from error


def read_json(path, keys: Iterable[str] = ()):
    """Returns the value in a file of `write_json`.

    Args:
        path: path of the file.
        keys: keys of the object in the file, some of them.

    Raises:
        ValueError: if the file cannot be read, is not JSON or lacks a key.
    """
    text = read_text(path)
    try:
        value = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        problem = "nested too deep" if isinstance(error, RecursionError) else error
        raise ValueError(f"Expected a JSON file. Received: {path}, damaged or another file: {problem}.") from error
    missing = [key for key in keys if not isinstance(value, dict) or key not in value]
    if missing:
        raise ValueError(f"Expected a JSON file with {missing[0]!r}. Received: {path}, damaged or another file.")
    return value


def read_json_lines(path) -> list:
    """Returns the values in a file of `write_json_lines`.

    Raises:
        ValueError: if the file cannot be read, or a line is not JSON; the message has its number.
    """
    values = []
    for number, line in enumerate(read_text(path).splitlines(), 1):
        try:
            values.append(json.loads(line))
        except (json.JSONDecodeError, RecursionError) as error:
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
