"""Lines of text, cleaned while they are read, and the corpora that are made of them.

N lines of a split. What is broken is left out and counted, never guessed at.
"""

import hashlib
import os
import warnings
from pathlib import Path
from typing import NamedTuple

from rme_tf.data.prepared import prepared_builder

MAX_BYTES = 100_000  # of a line; a longer one is no sentence, but a broken file

_FILE_NAMES = {"train": ("train",), "validation": ("validation", "valid", "dev"), "test": ("test",)}
_SHARES = {"train": (0, 90), "validation": (90, 95), "test": (95, 100)}  # percent of the lines of one file
_TFDS_BATCH = 1024  # examples handed over at once


class Report(NamedTuple):
    """What became of the lines of a split."""

    lines: int  # read
    kept: int  # N
    empty: int
    not_utf8: int
    too_long: int

    def __str__(self):
        skipped = {
            "empty": self.empty,
            "not UTF-8": self.not_utf8,
            "too long": self.too_long,
        }
        words = ", ".join(f"{count:,} {reason}" for reason, count in skipped.items() if count)
        return f"{self.kept:,} of {self.lines:,} lines kept" + (f"; skipped: {words}." if words else ".")


class Lines:
    """The lines of one split: iterate over them as often as needed, a line in memory at a time.

    A line is cleaned: what surrounds it is stripped, and white space within is one space. Left out, and
    counted in `report` after a pass, are lines that are empty, are not UTF-8 or exceed `max_bytes`.

    Args:
        source: a UTF-8 file, as a path in a str or a Path, or what can be iterated over again and again:
            a list of str, say.
        max_bytes: the most bytes of a line.
        name: what warnings and errors call it; None is the file's path.

    Attributes:
        report: the `Report` of the last full pass; None before the first one.

    Raises:
        ValueError: if the source is missing or empty, or, at the end of a pass, if no line is left.
    """

    def __init__(self, source, *, max_bytes=MAX_BYTES, name=None):
        if max_bytes < 1:
            raise ValueError(f"`max_bytes` must be at least 1. Received: {max_bytes}.")
        self.report = None
        self._max_bytes = max_bytes
        if isinstance(source, str | os.PathLike):
            source = _File(source, max_bytes)
        elif iter(source) is source:
            raise ValueError(f"Expected lines to iterate over more than once, a list say. Received: {source!r}.")
        elif hasattr(source, "__len__") and len(source) == 0:
            raise ValueError(f"Expected at least one line. Received: an empty {type(source).__name__}.")
        self._source = source
        self.name = name or getattr(source, "name", f"the {type(source).__name__} of lines")

    def __iter__(self):
        count = dict.fromkeys(Report._fields, 0)
        for raw in self._source:
            line, fate = _clean(raw, self._max_bytes)
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
                digest.update(hashlib.sha256(_as_bytes(raw)).digest())
            parts = digest.hexdigest()
        return f"{parts}, max_bytes={self._max_bytes}"

    def _finish(self, report):
        """Keeps the report of a pass; warns after the first one, in words, of what was broken."""
        first, self.report = self.report is None, report
        if report.kept == 0:
            raise ValueError(f"Expected at least one line of text in {self.name}. Received: {report}")
        if first and report.not_utf8 + report.too_long > 0:
            warnings.warn(f"{self.name}: {report}", stacklevel=3)


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
    folder, files = Path(path), []
    for names in _FILE_NAMES.values():
        found = [folder / f"{name}.txt" for name in names if (folder / f"{name}.txt").is_file()]
        if not found:
            expected = " or ".join(f"{name}.txt" for name in names)
            there = ", ".join(sorted(entry.name for entry in folder.glob("*"))[:20]) or "nothing"
            raise ValueError(f"Expected {expected} in {folder}. Received: {there}.")
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
    file = _File(path, max_bytes)
    return _checked(Lines(_Share(file, split, seed), max_bytes=max_bytes) for split in TextSplits._fields)


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
    examples = (_Examples(builder, split, field) for split in splits)
    return _checked(Lines(source, max_bytes=max_bytes) for source in examples)


class _File:
    """The lines of a file as bytes, none longer than the limit by more than a few bytes."""

    def __init__(self, path, max_bytes):
        self._path, self.name = Path(path), str(path)
        self._limit = max_bytes + 3  # room for "\r\n", and one byte too many
        if not self._path.is_file():
            raise ValueError(f"Expected a text file. Received: {self.name}, which is no file.")
        if self._path.stat().st_size == 0:
            raise ValueError(f"Expected at least one line of text. Received: {self.name}, which is empty.")

    def __iter__(self):
        with self._path.open("rb") as file:
            if file.read(3) != b"\xef\xbb\xbf":  # the byte order mark of some editors
                file.seek(0)
            while line := file.readline(self._limit):
                yield line
                while len(line) == self._limit and not line.endswith(b"\n"):
                    line = file.readline(self._limit)  # the rest of a line too long is not kept in memory

    def fingerprint(self):
        stat = self._path.stat()
        return f"{self._path.resolve()}, {stat.st_size} bytes, {stat.st_mtime_ns} ns"


class _Share:
    """The lines of a file that a hash of them puts into one split, as bytes."""

    def __init__(self, file, split, seed):
        self._file, self._seed = file, seed
        self._bounds = _SHARES[split]
        self.name = f"{file.name} ({split})"

    def __iter__(self):
        low, high = self._bounds
        return (line for line in self._file if low <= self._place(line) < high)

    def _place(self, line):
        """Returns a number of 0 to 99 that follows from the line's words and the seed."""
        digest = hashlib.blake2b(b" ".join(line.split()), digest_size=8, key=str(self._seed).encode())
        return int.from_bytes(digest.digest()) % 100

    def fingerprint(self):
        return f"{self._file.fingerprint()}, {self._bounds} of 100, seed {self._seed}"


class _Examples:
    """One field of the examples of a TensorFlow Datasets split, as bytes."""

    def __init__(self, builder, split, field):
        self._builder, self._split, self._field = builder, split, field
        self.name = f"{builder.info.full_name} ({split}, {field})"

    def __iter__(self):
        dataset = self._builder.as_dataset(split=self._split, shuffle_files=False)
        texts = dataset.map(lambda example: example[self._field]).batch(_TFDS_BATCH).prefetch(1)
        for batch in texts.as_numpy_iterator():
            yield from batch

    def fingerprint(self):
        return f"{self.name}, {self._builder.data_path}"


def _as_bytes(raw):
    """Returns a line's bytes; those of a str with lone surrogates are no UTF-8."""
    return raw.encode("utf-8", "surrogatepass") if isinstance(raw, str) else raw


def _clean(raw, max_bytes):
    """Returns a line as str, and the field of `Report` that it counts for."""
    raw = _as_bytes(raw).strip(b"\r\n")
    if len(raw) > max_bytes:
        return None, "too_long"
    try:
        line = " ".join(raw.decode("utf-8").split())
    except UnicodeDecodeError:
        return None, "not_utf8"
    return line, "kept" if line else "empty"


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
