"""Lines of text, cleaned while they are read, and the corpora that are made of them.

N lines of a split. What is broken is left out and counted, never guessed at.
"""

import hashlib
import os
import warnings
from collections.abc import Mapping
from typing import NamedTuple

from rme_tf.data.prepared import prepared_builder
from rme_tf.data.text.sources import Examples, File, Share, as_bytes, as_path, clean, is_file, shortened

MAX_BYTES = 100_000  # of a line; a longer one is no sentence, but a broken file

_FILE_NAMES = {"train": ("train",), "validation": ("validation", "valid", "dev"), "test": ("test",)}


class Report(NamedTuple):
    """What became of the lines of a split."""

    lines: int  # read
    kept: int  # N
    empty: int
    not_utf8: int
    too_long: int
    nul: int = 0  # with a NUL character

    def __str__(self):
        skipped = {
            "empty": self.empty,
            "not UTF-8": self.not_utf8,
            "too long": self.too_long,
            "with NUL": self.nul,
        }
        words = ", ".join(f"{count:,} {reason}" for reason, count in skipped.items() if count)
        return f"{self.kept:,} of {self.lines:,} lines kept" + (f"; skipped: {words}." if words else ".")

    @property
    def remedy(self) -> str:
        """The remedy for lines in another encoding; empty where there are none."""
        if self.nul:
            return " NUL characters are of UTF-16, or of no text: convert it, iconv -f UTF-16 -t UTF-8."
        return " Text in another encoding is to be converted: iconv -f LATIN1 -t UTF-8, say." if self.not_utf8 else ""


class Lines:
    """The lines of one split: iterate over them as often as needed, a line in memory at a time.

    A line is cleaned: what surrounds it is stripped, and white space within is one space. Left out, and
    counted in `report` after a pass, are lines that are empty, are not UTF-8, hold a NUL or exceed `max_bytes`.

    Args:
        source: a UTF-8 file, as a path in a str or a Path, or what can be iterated over again and again:
            a list of str, say. Wherever lines are wanted, a str is a path.
        max_bytes: the most bytes of a line.
        name: what warnings and errors call it; None is the file's path.

    Attributes:
        report: the `Report` of the last full pass; None before the first one.

    Raises:
        ValueError: if the source is missing, empty, no lines or in another encoding by its first bytes, or, at the end
            of a pass, if no line is left.
    """

    def __init__(self, source, *, max_bytes=MAX_BYTES, name=None):
        if max_bytes < 1:
            raise ValueError(f"`max_bytes` must be at least 1. Received: {max_bytes}.")
        self.report = None
        self._max_bytes = max_bytes
        if isinstance(source, str | os.PathLike):
            source = File(source, max_bytes)
        elif iter(_iterable(source)) is source:
            raise ValueError(f"Expected lines to iterate over more than once, a list say. Received: {source!r}.")
        elif hasattr(source, "__len__") and len(source) == 0:
            raise ValueError(f"Expected at least one line. Received: an empty {type(source).__name__}.")
        self._source = source
        self.name = name or getattr(source, "name", f"the {type(source).__name__} of lines")

    def __iter__(self):
        count = dict.fromkeys(Report._fields, 0)
        for raw in self._source:
            line, fate = clean(raw, self._max_bytes)
            count["lines"] += 1
            count[fate] += 1
            if fate == "kept":
                yield line
        self._finish(Report(**count))

    def fingerprint(self):
        """Returns a str that changes with the source: of a file by path, size and time, of a list by content."""
        if hasattr(self._source, "fingerprint"):
            parts = self._source.fingerprint()
        else:
            digest = hashlib.sha256()
            for raw in self._source:
                digest.update(hashlib.sha256(as_bytes(raw)).digest())
            parts = digest.hexdigest()
        return f"{parts}, max_bytes={self._max_bytes}"

    def _finish(self, report):
        """Keeps the report of a pass; warns after the first one, in words, of what was broken."""
        first, self.report = self.report is None, report
        if report.kept == 0:
            remedy = report.remedy or (getattr(self._source, "remedy", "") if report.lines == 0 else "")
            raise ValueError(f"Expected at least one line of text in {self.name}. Received: {report}{remedy}")
        if first and report.not_utf8 + report.too_long + report.nul > 0:
            warnings.warn(f"{self.name}: {report}{report.remedy}", stacklevel=3)


def as_lines(lines):
    """Returns lines to iterate over: `Lines` of a path, in a str or a Path; anything else as it is.

    Raises:
        ValueError: if there is no such file, or it is nothing to iterate over.
    """
    return Lines(lines) if isinstance(lines, str | os.PathLike) else _iterable(lines)


def str_lines(lines):
    """Yields lines, as `as_lines` finds them, that are str; raises ValueError for one that is not."""
    for line in as_lines(lines):
        if not isinstance(line, str):
            raise ValueError(f"Expected lines of str. Received: a line of {type(line).__name__}, {line!r}.")
        yield line


def _iterable(lines):
    """Returns what can be iterated over; bytes, whose items are numbers, cannot, nor a table, whose items are names."""
    if isinstance(lines, Mapping) or hasattr(lines, "columns"):
        kind, names = type(lines).__name__, list(lines)
        column = repr(names[0]) if names else "name"
        raise ValueError(f"Expected lines: a path, or str in a list. Received: a {kind}. Pass one column: x[{column}].")
    if isinstance(lines, bytes | bytearray) or not hasattr(lines, "__iter__"):
        raise ValueError(f"Expected lines: a path, or str in a list. Received: {lines!r}.")
    return lines


class TextSplits(NamedTuple):
    """The three parts of a corpus."""

    train: Lines
    validation: Lines
    test: Lines


def read_files(train, validation, test, *, max_bytes=MAX_BYTES):
    """Returns the splits of a corpus in three UTF-8 text files, one sentence a line.

    Args:
        train: a path.
        validation: a path.
        test: a path.
        max_bytes: the most bytes of a line.

    Raises:
        ValueError: if a file is missing, is empty or has no line to keep.
    """
    return _checked(Lines(path, max_bytes=max_bytes) for path in (train, validation, test))


def read_folder(path, *, max_bytes=MAX_BYTES):
    """Returns the splits of a corpus in one folder: train.txt, validation.txt (valid.txt, dev.txt) and test.txt.

    Args:
        path: of the folder.
        max_bytes: the most bytes of a line.

    Raises:
        ValueError: if the folder or a file is missing, or if a file is empty or has no line to keep.
    """
    folder, files = as_path(path), []
    for names in _FILE_NAMES.values():
        found = [folder / f"{name}.txt" for name in names if is_file(folder / f"{name}.txt")]
        if not found:
            expected = " or ".join(f"{name}.txt" for name in names)
            entries = os.listdir(folder) if os.path.isdir(folder) else []
            there = ", ".join(sorted(entries)[:20]) or "nothing"
            raise ValueError(f"Expected {expected} in {shortened(folder)}. Received: {there}.")
        files.append(found[0])
    return read_files(*files, max_bytes=max_bytes)


def read_file(path, *, seed=0, max_bytes=MAX_BYTES):
    """Returns the splits of a corpus in one UTF-8 text file: of its lines 90% to train, 5% to validate, 5% to test.

    Where a line goes depends on its words and the seed alone: equal lines are in one split, and lines that are added
    to the file move no other.

    Args:
        path: of the file, which is read anew in each pass over a split.
        seed: of the split.
        max_bytes: the most bytes of a line.

    Raises:
        ValueError: if the file is missing or empty, or too small to give each split a line to keep.
    """
    file = File(path, max_bytes)
    return _checked(Lines(Share(file, split, seed), max_bytes=max_bytes) for split in TextSplits._fields)


def read_tfds(name, field, *, data_dir=None, download=True, max_bytes=MAX_BYTES):
    """Returns the splits of a text data set of TensorFlow Datasets, an example a line.

    Where it has no validation split, the last twentieth of the training split is held out.

    Args:
        name: of the data set, with its configuration if need be: "lm1b", say.
        field: of an example, the one that holds the text.
        data_dir: where TensorFlow Datasets keeps its sets; None is its own default.
        download: whether to fetch the set if it is not there.
        max_bytes: the most bytes of a line.

    Raises:
        ValueError: if the set is not to be had, or has not that field or those splits.
    """
    builder = prepared_builder(name, data_dir=data_dir, download=download)
    if field not in builder.info.features:
        choices = ", ".join(repr(choice) for choice in sorted(builder.info.features))
        raise ValueError(f"Unknown field of {name!r}. Expected one of: {choices}. Received: {field!r}.")
    splits = _tfds_splits(name, set(builder.info.splits))
    examples = (Examples(builder, split, field) for split in splits)
    return _checked(Lines(source, max_bytes=max_bytes) for source in examples)


def _tfds_splits(name, there):
    """Returns the TensorFlow Datasets names of the three splits."""
    found = [next((choice for choice in names if choice in there), None) for names in _FILE_NAMES.values()]
    train, validation, test = found
    if train is None or test is None:
        raise ValueError(f"Expected splits 'train' and 'test' of {name!r}. Received: {sorted(there)}.")
    if validation is None:
        train, validation = "train[:95%]", "train[95%:]"
    return train, validation, test


def _checked(splits):
    """Returns the splits, each of which has a line to keep."""
    splits = TextSplits(*splits)
    for lines in splits:
        next(iter(lines))  # reads as far as the first one, and raises if there is none
    return splits
