"""Finished runs, whose command is answered again without TensorFlow."""

import contextlib
import hashlib
import itertools
import json
import os
import pathlib
from collections.abc import Sequence

from .places import METRICS

RECORD = "command.json"  # in the folder of a run
DEFAULTS = pathlib.Path(__file__).with_name("flags.json")
AGAIN = ("--config", "--overwrite")  # flags of a command that is always run
BOUNDS = {"log_likelihood": "log p(x)", "elbo": "ELBO"}
NO_DATA = ("--data-dir", "--out")  # flags of folders whose contents runs change


def answer_of(folder: str, command: list | None = None) -> str:
    """Returns the lines to print for a finished run, "" for others.

    A run is finished if its last command ended, and its record and its files are still there.

    Args:
        folder: folder of the run.
        command: result of `described` for the same command; None for any.
    """
    path = pathlib.Path(folder)
    try:
        recorded = json.loads((path / RECORD).read_text(encoding="utf-8"))
        record = json.loads((path / METRICS).read_text(encoding="utf-8"))
        same = recorded["record"] == _digest(path / METRICS) and set(recorded["files"]) <= {*os.listdir(path)}
        if not same or (command is not None and recorded["command"] != command):
            return ""
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    return _text(folder, record)


def keep(folder: str, command: list) -> None:
    """Writes the command of a run that has ended.

    Args:
        folder: folder of the run. A folder without a record, or one that cannot be written, keeps nothing.
        command: result of `described` at its start.
    """
    path = pathlib.Path(folder)
    with contextlib.suppress(OSError):
        files = sorted(name for name in os.listdir(path) if name != RECORD)
        record = {"command": command, "record": _digest(path / METRICS), "files": files}
        partial = path / f"{RECORD}.partial"
        partial.write_text(json.dumps(record), encoding="utf-8")
        os.replace(partial, path / RECORD)


def is_repeatable(words: Sequence[str]) -> bool:
    """Returns whether a command, after its run, has nothing to do."""
    return not any(word.partition("=")[0] in AGAIN for word in words)


def described(words: Sequence[str]) -> list:
    """Returns the words of a command, and digests of defaults and data.

    Args:
        words: words of a command. A digest of data is of names, sizes and times of files.
    """
    paths = []
    for flag, word in itertools.pairwise(["", *words]):
        name, equals, value = word.partition("=")
        if not {flag, name} & {*NO_DATA}:
            paths.append(value if equals and word.startswith("--") else word)
    return [list(words), _digest(DEFAULTS), [_contents(path) for path in paths if path and os.path.exists(path)]]


def _contents(path: str) -> str:
    """Returns a digest of the names, sizes and times of a file, or of all files in a folder."""
    files = [os.path.join(place, name) for place, _, names in os.walk(path) for name in names] or [path]
    stats = [(name, status.st_size, status.st_mtime_ns) for name in sorted(files) if (status := os.stat(name))]
    return hashlib.sha256(repr(stats).encode()).hexdigest()


def _digest(path: pathlib.Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _text(folder: str, record: dict) -> str:
    """Returns lines on a finished run, with its bounds."""
    test = record["metrics"]["test"]
    numbers = {title: (test[name], test[f"{name}_standard_error"]) for name, title in BOUNDS.items()}
    known = {title: pair for title, pair in numbers.items() if None not in pair}
    bounds = ", ".join(f"{title} {mean:,.2f} ± {error:,.2f}" for title, (mean, error) in known.items())
    shown = folder if " " not in folder else f"'{folder}'"
    return (
        f"{folder} is finished: nothing to do. {f'Test {bounds} nats.' if bounds else ''}\n"
        f"To look at: {pathlib.Path(folder) / 'report.html'}\n\n"
        f"Next: rme sample {shown}, rme evaluate {shown}, rme export {shown}. "
        f"To write its page again: rme report {shown}. To train again: --overwrite, or another --out."
    )
