"""Sources of lines as bytes, and the cleaning of a line."""

import codecs
import hashlib
import os

from rme_tf.core.files import as_path

A_LINE = "A str stands for the path of a file of lines: pass a line itself in a list, [line]."

_LONGEST_NAME = 200  # characters of a path in a message
_TFDS_BATCH = 1024  # examples read at a time
_MARKS = {  # byte order marks; UTF-32 is first, since its mark begins with the mark of UTF-16
    "UTF-32": (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE),
    "UTF-16": (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE),
}


def is_file(path) -> bool:
    """Returns whether a path is a file.

    Unlike `pathlib.Path.is_file`, this does not raise OSError for a very long name.
    """
    return os.path.isfile(path)


def shortened(path) -> str:
    """Returns a path for a message, truncated if very long."""
    name = str(path)
    return name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}..."


def _refuse_other_encodings(path) -> None:
    """Raises ValueError for a file with the byte order mark of UTF-16 or UTF-32."""
    with path.open("rb") as file:
        start = file.read(4)
    for encoding, marks in _MARKS.items():
        if start.startswith(marks):
            raise ValueError(
                f"Expected UTF-8 text. Received: {path}, which is {encoding} by its byte order mark. "
                f"Convert it: iconv -f {encoding} -t UTF-8."
            )


class File:
    """Lines of a file as bytes, truncated just above a limit."""

    def __init__(self, path, max_bytes):
        self._path = as_path(path)
        self.name = str(path)
        self._limit = max_bytes + 3  # "\r\n", and one byte above the limit
        if not is_file(self._path):
            raise ValueError(f"Expected a text file. Received: {shortened(self.name)!r}, which is no file. {A_LINE}")
        if self._path.stat().st_size == 0:
            raise ValueError(f"Expected at least one line of text. Received: {self.name}, which is empty.")
        _refuse_other_encodings(self._path)

    def __iter__(self):
        with self._path.open("rb") as file:
            if file.read(3) != codecs.BOM_UTF8:
                file.seek(0)
            while line := file.readline(self._limit):
                yield line
                while len(line) == self._limit and not line.endswith(b"\n"):
                    line = file.readline(self._limit)  # the rest of a long line is not stored

    def fingerprint(self):
        """Returns a str that changes with the source."""
        stat = self._path.stat()
        return f"{self._path.resolve()}, {stat.st_size} bytes, {stat.st_mtime_ns} ns"


class Share:
    """Lines of a file in one split, chosen by hash, as bytes."""

    remedy = " Such a small file is not for one split in three: read each split from a file of its own."

    def __init__(self, file, split, seed, *, held_out, labeled=False):
        self._file, self._seed, self._labeled = file, seed, labeled
        ends = {"train": (0, 100 - 2 * held_out), "validation": (100 - 2 * held_out, 100 - held_out)}
        self._bounds = ends.get(split, (100 - held_out, 100))  # percent of the lines
        self.name = f"{file.name} ({split})"

    def __iter__(self):
        low, high = self._bounds
        return (line for line in self._file if low <= self._place(line) < high)

    def _place(self, line):
        """Returns a number from 0 to 99, a hash of the words of the line, without its label, and the seed."""
        line = divided(line)[1] if self._labeled else line
        digest = hashlib.blake2b(b" ".join(line.split()), digest_size=8, key=str(self._seed).encode())
        return int.from_bytes(digest.digest()) % 100

    def fingerprint(self):
        """Returns a str that changes with the source."""
        return f"{self._file.fingerprint()}, {self._bounds} of 100, seed {self._seed}"


class Examples:
    """One field of the examples of a TensorFlow Datasets split, as bytes.

    With a `label`, the name of a field, each text follows its label and a tab.
    """

    def __init__(self, builder, split, field, label=None):
        self._builder, self._split, self._fields = builder, split, [field] if label is None else [field, label]
        self.name = f"{builder.info.full_name} ({split}, {', '.join(self._fields)})"

    def __iter__(self):
        dataset = self._builder.as_dataset(split=self._split, shuffle_files=False)
        fields = dataset.map(lambda example: tuple(example[field] for field in self._fields))
        for texts, *labels in fields.batch(_TFDS_BATCH).prefetch(1).as_numpy_iterator():
            names = map(self._name, labels[0]) if labels else ()
            yield from texts if not labels else (b"\t".join(pair) for pair in zip(names, texts, strict=True))

    def _name(self, label) -> bytes:
        """Returns the name of a label, "" for the number -1, which is none."""
        names = getattr(self._builder.info.features[self._fields[1]], "names", None)
        if isinstance(label, bytes):
            return label
        return b"" if label < 0 else str(names[label] if names else label).encode()

    def fingerprint(self):
        """Returns a str that changes with the source."""
        return f"{self.name}, {self._builder.data_path}"


def iterates(lines) -> bool:
    """Returns whether an object can be iterated over."""
    try:
        iter(lines)
    except Exception:  # of symbolic tensors, for instance
        return False
    return True


def as_bytes(raw):
    """Returns the bytes of a line.

    A str with lone surrogates gives bytes that are not UTF-8.

    Args:
        raw: line as str or bytes.

    Raises:
        ValueError: if the line is of another type.
    """
    if not isinstance(raw, str | bytes):
        raise ValueError(f"Expected lines of str. Received: a line of {type(raw).__name__}, {raw!r}.")
    return raw.encode("utf-8", "surrogatepass") if isinstance(raw, str) else raw


def divided(raw):
    """Returns the label of a line, and the line without it.

    The label, a str or None, stands before the first tab. A line without a tab, or with nothing before it, has none.

    Args:
        raw: line as str or bytes.
    """
    label, tab, rest = as_bytes(raw).partition(b"\t")
    if not tab:
        return None, label
    return " ".join(label.decode("utf-8", "replace").split()) or None, rest


def clean(raw, max_bytes):
    """Returns a cleaned line, or None, and its field of `Report`."""
    raw = as_bytes(raw).strip(b"\r\n")
    if len(raw) > max_bytes:
        return None, "too_long"
    if b"\0" in raw:  # UTF-16, or not text
        return None, "nul"
    try:
        line = " ".join(raw.decode("utf-8").split())
    except UnicodeDecodeError:
        return None, "not_utf8"
    return line, "kept" if line else "empty"
