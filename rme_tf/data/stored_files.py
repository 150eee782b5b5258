"""Checks of stored arrays by sizes, times and checksums of files."""

import hashlib
import json
import pathlib
from collections.abc import Iterable, Mapping
from typing import Any

SEAL = "sha256"  # key of the checksum of a description


def facts_of(folder: pathlib.Path, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Returns size, time of change and SHA-256 of files, by name."""
    return {name: {**_stat(folder / name), SEAL: sha256_of(folder / name)} for name in names}


def are_unchanged(folder: pathlib.Path, facts: Mapping[str, Mapping[str, Any]]) -> bool:
    """Returns whether files are the ones that `facts_of` described.

    A file is read only if its time of change is another one, after a copy for instance.
    """
    for name, known in facts.items():
        path = folder / name
        if not path.is_file():
            return False
        now = _stat(path)
        same_time = now == {key: known.get(key) for key in now}
        if not same_time and (now["bytes"] != known.get("bytes") or sha256_of(path) != known.get(SEAL)):
            return False
    return True


def sealed(values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the values of a JSON file with their checksum."""
    return {**values, SEAL: _checksum(values)}


def is_sealed(values) -> bool:
    """Returns whether values have the checksum of `sealed`.

    The result is True for files of earlier versions, without a checksum.
    """
    if not isinstance(values, dict):
        return False
    rest = {key: value for key, value in values.items() if key != SEAL}
    return SEAL not in values or values[SEAL] == _checksum(rest)


def sha256_of(path) -> str:
    """Returns the SHA-256 of a file, in hexadecimal digits."""
    with pathlib.Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _stat(path: pathlib.Path) -> dict[str, int]:
    stat = path.stat()
    return {"bytes": stat.st_size, "changed_ns": stat.st_mtime_ns}


def _checksum(values: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
