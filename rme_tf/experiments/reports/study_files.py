"""JSON-lines files of studies.

The first line has the configuration that all runs share, each further line a run:

    {"format": 1, "shared": {"config": {...}, "hardware": {...}, "commit": ...}}
    {"method": "vae", "config": {"seed": 0, ...}, "metrics": {...}, "history": {...}, ...}
    ...

A record is its line merged into the shared part. The histories of the epochs are those that tables and figures read;
the whole ones stay in the JSON files that runs write. Everything else is kept, to the last digit.
"""

import copy
import json
import pathlib
from collections.abc import Iterable, Mapping
from typing import Any

from rme_tf.core.files import read_json_lines, write_json_lines
from rme_tf.experiments.reports.diagnostic_figures import DIAGNOSTICS
from rme_tf.experiments.reports.tables import Record

FORMAT = 1
SUFFIX = ".jsonl"
HISTORIES = frozenset({"val_elbo", "seconds", *DIAGNOSTICS})
SHARED = ("config", "commit", "hardware", "data")  # parts of a record that runs may have in common
IDENTITY = "seed"  # field of a configuration that stands on the line of its run


def write_study_file(path, records: Iterable[Record]) -> None:
    """Writes the records of a study or a benchmark as one file.

    Args:
        path: file to write, of suffix .jsonl.
        records: records in the order of their lines; of the histories, those in `HISTORIES` are written.

    Raises:
        ValueError: for another suffix, or without records.
    """
    if pathlib.Path(path).suffix != SUFFIX:
        raise ValueError(f"A study is written into a file of suffix {SUFFIX}. Received: {path}.")
    records = [_with_kept_histories(record) for record in records]
    if not records:
        raise ValueError(f"Expected at least one record to write into {path}. Received none.")
    shared = _common([{name: record[name] for name in SHARED if name in record} for record in records])
    shared.get("config", {}).pop(IDENTITY, None)
    lines = [{"format": FORMAT, "shared": shared}, *(_difference(record, shared) for record in records)]
    write_json_lines(path, lines)


def read_study_file(path) -> list[Record]:
    """Returns the records in the file of a study, line by line.

    Raises:
        ValueError: if the file is not one of a study, or has an unknown format.
    """
    first, *lines = read_json_lines(path) or [None]
    if not isinstance(first, dict) or not {"format", "shared"} <= first.keys() or not lines:
        raise ValueError(
            f"Expected the file of a study: a line of what its runs share, then one line a run. Received: {path}."
        )
    if first["format"] != FORMAT:
        raise ValueError(
            f"Expected the file of a study in format {FORMAT}. Received: {path} in format {first['format']}, which a "
            "later version of rme_tf wrote. Update rme_tf."
        )
    return [_merged(first["shared"], line) for line in lines]


def _with_kept_histories(record: Record) -> Record:
    """Returns a record without the histories that neither tables nor figures read."""
    if "history" not in record:
        return record
    return {**record, "history": {name: values for name, values in record["history"].items() if name in HISTORIES}}


def _common(values: list[dict]) -> dict[str, Any]:
    """Returns the entries that all dicts have in common, nested dicts entry by entry."""
    first, *others = values
    common: dict[str, Any] = {}
    for name, value in first.items():
        if not all(name in other for other in others):
            continue
        column = [value, *(other[name] for other in others)]
        if all(_same(value, other) for other in column):
            common[name] = copy.deepcopy(value)
        elif all(isinstance(entry, dict) for entry in column) and (nested := _common(column)):
            common[name] = nested
    return common


def _same(value, other) -> bool:
    """Returns whether two values are the same JSON, in which 1, 1.0 and true are three values."""
    return json.dumps(value, sort_keys=True) == json.dumps(other, sort_keys=True)


def _difference(record: Mapping, shared: Mapping) -> dict[str, Any]:
    """Returns the entries of a record that are not in the shared part, nested dicts entry by entry."""
    difference: dict[str, Any] = {}
    for name, value in record.items():
        if name not in shared:
            difference[name] = value
        elif isinstance(value, dict) and (nested := _difference(value, shared[name])):
            difference[name] = nested
    return difference


def _merged(shared: Mapping, line: Mapping) -> dict[str, Any]:
    """Returns the shared part with the entries of one line, nested dicts entry by entry.

    The entries keep the order of both, so that a record is written again as the same line.
    """
    merged: dict[str, Any] = {}
    entries = iter(line)
    for name, value in shared.items():
        if name not in line:
            merged[name] = copy.deepcopy(value)
        while name in line and name not in merged:  # after what comes before it on the line
            entry = next(entries)
            both = isinstance(line[entry], dict) and isinstance(shared.get(entry), dict)
            merged[entry] = _merged(shared[entry], line[entry]) if both else line[entry]
    return {**merged, **{name: line[name] for name in entries}}
