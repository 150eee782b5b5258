"""Text corpora as cleaned lines, in splits.

N lines of a split. Broken lines are left out and counted, never repaired.
"""

import hashlib
import itertools
import os
import warnings
from collections.abc import Mapping
from typing import NamedTuple

from rme_tf.core.files import as_path
from rme_tf.core.validation import check_count, check_flag, require
from rme_tf.data.labels import Labels, named
from rme_tf.data.prepared import prepared_builder
from rme_tf.data.text.sources import Examples, File, Share, as_bytes, clean, divided, is_file, iterates, shortened

MAX_BYTES = 100_000  # of a line; a longer line comes from a broken file
MOST_HELD_OUT = 40  # percent of the lines of one file, for validation and for the test each

_FILE_NAMES = {"train": ("train",), "validation": ("validation", "valid", "dev"), "test": ("test",)}


class Report(NamedTuple):
    """Numbers of lines of a split that were read, kept and skipped."""

    lines: int  # all lines read
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
        """The remedy for lines in another encoding, or ""."""
        if self.nul:
            return " NUL characters are of UTF-16, or of no text: convert it, iconv -f UTF-16 -t UTF-8."
        return " Text in another encoding is to be converted: iconv -f LATIN1 -t UTF-8, say." if self.not_utf8 else ""


class Lines:
    """Cleaned lines of one split, to iterate over any number of times.

    One line is in memory at a time.
    White space around a line is stripped, and white space within a line becomes one space. Lines that are empty, are
    not UTF-8, contain a NUL or exceed `max_bytes` are left out, and counted in `report` after a pass.

    Args:
        source: path of a UTF-8 file (str or `pathlib.Path`), or a re-iterable such as a list of str. A str is always a
            path, never a line.
        max_bytes: largest number of bytes of a line.
        name: name of the source in warnings and errors; None is the path of the file.
        labeled: whether lines begin with a label and a tab, which `pairs` separates from the line.

    Attributes:
        report: `Report` of the last full pass; None before the first one.

    Raises:
        ValueError: if the source is missing, is empty, is not lines or has another encoding by its first bytes; and
            at the end of a pass, if no line is left, or none has a label although `labeled`.
    """

    def __init__(self, source, *, max_bytes=MAX_BYTES, name=None, labeled=False):
        check_count("max_bytes", max_bytes)
        check_flag("labeled", labeled)
        require(name is None or isinstance(name, str), "name", "be text or None", type(name).__name__)
        self.report, self.labeled = None, labeled
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
        return (line for line, _ in self.pairs())

    def pairs(self):
        """Yields each line, and its label: a str, or None without one."""
        count, num_labels = dict.fromkeys(Report._fields, 0), 0
        for raw in self._source:
            label, raw = divided(raw) if self.labeled else (None, raw)
            line, fate = clean(raw, self._max_bytes)
            count["lines"] += 1
            count[fate] += 1
            num_labels += label is not None
            if fate == "kept":
                yield line, label
        if self.labeled and count["lines"] and not num_labels:
            raise ValueError(f"Expected a label, a tab and a sentence in each line of {self.name}. Received: no label.")
        self._finish(Report(**count))

    def first(self, size) -> "Lines":
        """Returns the first lines and their labels, held in memory."""
        pairs = itertools.islice(self.pairs(), size)
        lines = [line if label is None else f"{label}\t{line}" for line, label in pairs]
        return Lines(lines, name=self.name, labeled=any("\t" in line for line in lines))

    def fingerprint(self):
        """Returns a str that changes with the source.

        For a file, it depends on path, size and time of change; for a list, on the content.
        """
        if hasattr(self._source, "fingerprint"):
            parts = self._source.fingerprint()
        else:
            digest = hashlib.sha256()
            for raw in self._source:
                digest.update(hashlib.sha256(as_bytes(raw)).digest())
            parts = digest.hexdigest()
        return f"{parts}, max_bytes={self._max_bytes}{', labeled' if self.labeled else ''}"

    def _finish(self, report):
        """Stores the report of a pass, and warns about broken lines after the first pass."""
        first, self.report = self.report is None, report
        if report.kept == 0:
            remedy = report.remedy or (getattr(self._source, "remedy", "") if report.lines == 0 else "")
            raise ValueError(f"Expected at least one line of text in {self.name}. Received: {report}{remedy}")
        if first and report.not_utf8 + report.too_long + report.nul > 0:
            warnings.warn(f"{self.name}: {report}{report.remedy}", stacklevel=4)


def as_lines(lines):
    """Returns `Lines` of a path, and any other iterable unchanged.

    Args:
        lines: path of a file of lines (str or `pathlib.Path`), or an iterable of lines.

    Raises:
        ValueError: if the file does not exist, or `lines` is not an iterable of lines.
    """
    return Lines(lines) if isinstance(lines, str | os.PathLike) else _iterable(lines)


def str_lines(lines):
    """Yields the lines of `as_lines`, each of which must be a str.

    Args:
        lines: path of a file of lines, or an iterable of lines.

    Raises:
        ValueError: if a line is not a str.
    """
    for line in as_lines(lines):
        if not isinstance(line, str):
            raise ValueError(f"Expected lines of str. Received: a line of {type(line).__name__}, {line!r}.")
        yield line


def _iterable(lines):
    """Returns an iterable of lines; refuses bytes (its items are numbers) and tables (their items are names)."""
    if isinstance(lines, Mapping) or hasattr(lines, "columns"):
        kind, names = type(lines).__name__, list(lines)
        column = repr(names[0]) if names else "name"
        raise ValueError(f"Expected lines: a path, or str in a list. Received: a {kind}. Pass one column: x[{column}].")
    if isinstance(lines, bytes | bytearray) or not iterates(lines):
        raise ValueError(f"Expected lines: a path, or str in a list. Received: {lines!r}.")
    return lines


class TextSplits(NamedTuple):
    """Training, validation and test lines of a corpus."""

    train: Lines
    validation: Lines
    test: Lines

    @property
    def labels(self) -> Labels | None:
        """Labels of the lines; None without two different ones."""
        if not any(lines.labeled for lines in self):
            return None
        return named([label for _, label in lines.pairs()] for lines in self)


def read_files(train, validation, test, *, max_bytes=MAX_BYTES, labeled=False):
    """Returns the splits of a corpus in three UTF-8 text files.

    Args:
        train: path of the training file, with one sentence a line.
        validation: path of the validation file.
        test: path of the test file.
        max_bytes: largest number of bytes of a line.
        labeled: whether each line begins with a label and a tab.

    Raises:
        ValueError: if a file is missing, is empty or has no valid line.
    """
    return _checked(Lines(path, max_bytes=max_bytes, labeled=labeled) for path in (train, validation, test))


def read_folder(path, *, max_bytes=MAX_BYTES, labeled=False):
    """Returns the splits of a corpus in one folder of text files.

    The files are train.txt, validation.txt (or valid.txt, dev.txt) and test.txt, in UTF-8, with one sentence a line.

    Args:
        path: path of the folder.
        max_bytes: largest number of bytes of a line.
        labeled: whether each line begins with a label and a tab.

    Raises:
        ValueError: if the folder or a file is missing, or a file is empty or has no valid line.
    """
    folder, files = as_path(path), []
    for names in _FILE_NAMES.values():
        candidates = [folder / f"{name}.txt" for name in names if is_file(folder / f"{name}.txt")]
        if not candidates:
            expected = " or ".join(f"{name}.txt" for name in names)
            entries = os.listdir(folder) if os.path.isdir(folder) else []
            there = ", ".join(sorted(entries)[:20]) or "nothing"
            raise ValueError(f"Expected {expected} in {shortened(folder)}. Received: {there}.")
        files.append(candidates[0])
    return read_files(*files, max_bytes=max_bytes, labeled=labeled)


def read_file(path, *, seed=0, max_bytes=MAX_BYTES, labeled=False, held_out=5):
    """Returns the splits of a corpus in one text file.

    The split of a line depends only on its words and the seed: equal lines are in one split, and new lines in the file
    do not move the others.

    Args:
        path: path of the UTF-8 file, which is read again in each pass over a split.
        seed: seed of the split.
        max_bytes: largest number of bytes of a line.
        labeled: whether each line begins with a label and a tab.
        held_out: percent of the lines for validation, and as many for the test, at most 40.

    Raises:
        ValueError: if the file is missing or empty, or a split would have no valid line.
    """
    check_count("held_out", held_out, most=MOST_HELD_OUT)
    file = File(path, max_bytes)
    shares = (Share(file, split, seed, held_out=held_out, labeled=labeled) for split in TextSplits._fields)
    return _checked(Lines(share, max_bytes=max_bytes, labeled=labeled) for share in shares)


def read_tfds(name, field, *, label=None, data_dir=None, download=True, max_bytes=MAX_BYTES):
    """Returns the splits of a text data set of TensorFlow Datasets.

    An example is a line. Without a validation split, the last twentieth of the training split is held out.

    Args:
        name: name of the data set, such as "lm1b", with its configuration if necessary.
        field: field of the examples with the text.
        label: field of the examples with a class or a text that labels them; None without labels.
        data_dir: folder of the data sets; None is the default of TensorFlow Datasets.
        download: whether to download a missing data set.
        max_bytes: largest number of bytes of a line.

    Raises:
        ValueError: if the data set is unavailable, or lacks a field or a training or test split.
    """
    builder = prepared_builder(name, data_dir=data_dir, download=download)
    for name_of_field in (field, label or field):
        if name_of_field not in builder.info.features:
            choices = ", ".join(repr(choice) for choice in sorted(builder.info.features))
            raise ValueError(f"Unknown field of {name!r}. Expected one of: {choices}. Received: {name_of_field!r}.")
    splits = _tfds_splits(name, set(builder.info.splits))
    examples = (Examples(builder, split, field, label) for split in splits)
    return _checked(Lines(source, max_bytes=max_bytes, labeled=label is not None) for source in examples)


def _tfds_splits(name, available):
    """Returns the TensorFlow Datasets names of the three splits."""
    chosen = [next((choice for choice in names if choice in available), None) for names in _FILE_NAMES.values()]
    train, validation, test = chosen
    if train is None or test is None:
        raise ValueError(f"Expected splits 'train' and 'test' of {name!r}. Received: {sorted(available)}.")
    if validation is None:
        train, validation = "train[:95%]", "train[95%:]"
    return train, validation, test


def _checked(splits):
    """Returns the splits; raises ValueError if one has no valid line."""
    splits = TextSplits(*splits)
    for lines in splits:
        next(iter(lines))  # reads up to the first valid line, and raises if there is no such line
    return splits
