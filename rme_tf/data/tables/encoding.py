"""Encodings of tables as arrays, and of arrays as tables."""

import dataclasses
import json
import pathlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from rme_tf.core.validation import check_choice, check_instance, require
from rme_tf.data.tables.cells import kind_of_cell
from rme_tf.data.tables.columns import KINDS, UNKNOWN, Column, column_of_dict
from rme_tf.data.tables.frames import import_pandas, is_missing, quoted
from rme_tf.data.tables.kinds import IGNORED, infer_kind

MOST_ENTRIES = 2**17  # entries of an observation
VERSION = 1  # of the file


@dataclasses.dataclass(frozen=True, kw_only=True)
class TableEncoding:
    """Encoding of the rows of a table as observations [F], and back.

    The entries of an observation are the entries of its columns, in the order of the table. A missing cell is NaN in
    all entries of its column.

    Args:
        columns: encoded columns.
        ignored: names of columns that are not encoded, such as ids.
        label: name of a column that is kept apart; None for no label.
    """

    columns: tuple[Column, ...]
    ignored: tuple[str, ...] = ()
    label: str | None = None

    @classmethod
    def of_frame(cls, frame, *, kinds: Mapping[str, str] | None = None, ignored: Iterable[str] = (), label=None):
        """Returns the encoding with the units and levels of a table.

        Args:
            frame: data frame of the training rows.
            kinds: dict of the kinds of columns by name, "real", "count", "binary", "category" or "ignored"; other
                columns have the kind of `infer_kind`.
            ignored: names of columns that are not encoded.
            label: name of a column that is kept apart; None for no label.

        Raises:
            ValueError: if a name is not in the table, no column is left, a column has no cell, one value, dates or
                cells of several types, or there are too many levels; the message names the column.
        """
        if kinds is not None:
            check_instance("kinds", kinds, Mapping, "a dict of kinds by the names of columns")
        kinds = _checked_kinds(frame, {**(kinds or {}), **dict.fromkeys(_names(ignored), IGNORED)}, label)
        candidates = [name for name in frame.columns if name != label and kinds.get(name) != IGNORED]
        check_values(frame[candidates])
        chosen = {name: kinds.get(name) or infer_kind(frame[name], name) for name in candidates}
        columns = tuple(KINDS[kind].of_values(name, frame[name]) for name, kind in chosen.items() if kind != IGNORED)
        check_width(columns)
        encoded = {column.name for column in columns}
        others = tuple(name for name in frame.columns if name not in encoded and name != label)
        return cls(columns=columns, ignored=others, label=label)

    @property
    def names(self) -> list[str]:
        """Names of the encoded columns."""
        return [column.name for column in self.columns]

    @property
    def kinds(self) -> list[tuple[str, int]]:
        """Kind and width of each column, the option of the likelihood "columns"."""
        return [(column.kind, column.width) for column in self.columns]

    @property
    def width(self) -> int:
        """Number of entries F of an observation."""
        return sum(column.width for column in self.columns)

    @property
    def entry_names(self) -> list[str]:
        """Name of each entry; the entry of a level is "column=level"."""
        names = []
        for column in self.columns:
            levels = getattr(column, "levels", ())
            names += [f"{column.name}={level}" for level in levels] if column.width > 1 else [column.name]
        return names

    @property
    def log_scales(self) -> np.ndarray:
        """Logarithm of the unit of each entry. Shape [F].

        The log-density of a row in the original units is the log-density of its observation, less the sum of the
        logarithms of its observed entries.
        """
        scales = [np.full(column.width, column.scale) for column in self.columns]
        return np.log(np.concatenate(scales))

    def slices(self) -> dict[str, slice]:
        """Returns the entries of each column, by name."""
        stops = np.cumsum([column.width for column in self.columns]).tolist()
        starts = [0, *stops[:-1]]
        return {column.name: slice(*ends) for column, *ends in zip(self.columns, starts, stops, strict=True)}

    def encode(self, frame, unknown: str = "error") -> np.ndarray:
        """Returns the observations of rows, float32. Shape [N, F].

        Args:
            frame: data frame with the encoded columns, in any order; other columns are ignored.
            unknown: "error" for a ValueError on a level that no training row has, "missing" for NaN.

        Raises:
            ValueError: if a column is not in the table, or a cell does not fit its column; the message has the row.
        """
        check_choice("unknown", unknown, UNKNOWN)
        absent = [name for name in self.names if name not in frame.columns]
        if absent:
            raise ValueError(f"The table lacks columns of the encoding: {quoted(absent)}. Received: {_listed(frame)}.")
        parts = [column.encode(frame[column.name], unknown) for column in self.columns]
        return np.concatenate(parts, axis=-1).astype(np.float32)

    def decode(self, x, index=None):
        """Returns a data frame of observations, in the original levels and units.

        Args:
            x: observations, or their means. Shape [N, F].
            index: index of the data frame; None for 0 to N - 1.

        Raises:
            ValueError: if the array has another shape.
        """
        x = np.asarray(x, float)
        valid = x.ndim == 2 and x.shape[-1] == self.width
        require(valid, "x", f"have shape (None, {self.width})", x.shape)
        parts = self.slices()
        cells = {column.name: column.decode(x[:, parts[column.name]]) for column in self.columns}
        return import_pandas().DataFrame(cells, index=index, columns=self.names)

    def as_dict(self) -> dict[str, Any]:
        """Returns the encoding as values of JSON."""
        columns = [column.as_dict() for column in self.columns]
        return {"version": VERSION, "columns": columns, "ignored": list(self.ignored), "label": self.label}

    @classmethod
    def of_dict(cls, values: Mapping[str, Any]) -> "TableEncoding":
        """Returns the encoding of `as_dict`."""
        columns = tuple(column_of_dict(dict(fields)) for fields in values["columns"])
        return cls(columns=columns, ignored=tuple(values["ignored"]), label=values["label"])

    def save(self, path) -> None:
        """Writes the encoding as a JSON file."""
        text = json.dumps(self.as_dict(), indent=1, ensure_ascii=False, allow_nan=False)
        pathlib.Path(path).write_text(f"{text}\n", encoding="utf-8")

    @classmethod
    def load(cls, path) -> "TableEncoding":
        """Returns the encoding of a file of `save`.

        Raises:
            ValueError: if the file is not there, or has no encoding.
        """
        try:
            return cls.of_dict(json.loads(pathlib.Path(path).read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ValueError(f"Expected a file of `TableEncoding.save`. Received: {path} ({error}).") from error


def check_values(frame) -> None:
    """Checks that each column has at least two different cells.

    Raises:
        ValueError: if a column has no cell or one value, or there is no column; the message names all such columns.
    """
    if not len(frame.columns):
        raise ValueError("The table has no column to encode: all of them are ignored or the label.")
    empty = [name for name in frame.columns if is_missing(frame[name]).all()]
    constant = [name for name in frame.columns if name not in empty and _is_constant(frame[name].dropna())]
    faults = {"no value in the training rows": empty, "one value in all training rows": constant}
    for fault, names in faults.items():
        if names:
            subject = f"Column {names[0]!r} has" if len(names) == 1 else f"Columns {quoted(names)} have"
            raise ValueError(
                f"{subject} {fault}. Expected two different values at least. Ignore it: "
                f"ignored={names[:5]!r}{'' if len(names) <= 5 else ' and the others'}."
            )


def _is_constant(cells) -> bool:
    """Returns whether all cells are equal."""
    return bool((cells == cells.iloc[0]).all()) if kind_of_cell(cells.iloc[0]) else False


def check_width(columns: tuple[Column, ...]) -> None:
    """Checks that there are columns, and not too many entries.

    Raises:
        ValueError: if there is no column, or more than `MOST_ENTRIES` entries; the message names the widest column.
    """
    if not columns:
        raise ValueError(
            "The table has no column to encode: all of them are ids. Name a kind: kinds={'column': 'real'}."
        )
    widest, total = max(columns, key=lambda column: column.width), sum(column.width for column in columns)
    if total > MOST_ENTRIES:
        raise ValueError(
            f"The table has {total:,} encoded entries, {widest.width:,} of them of column {widest.name!r}. Expected at "
            f"most {MOST_ENTRIES:,}, for the weights of the networks. Ignore it, ignored=[{widest.name!r}], or merge "
            "its levels."
        )


def _names(ignored: Iterable[str]) -> list[str]:
    return [ignored] if isinstance(ignored, str) else list(ignored)


def _checked_kinds(frame, kinds: dict[str, str], label: str | None) -> dict[str, str]:
    """Returns checked kinds; raises ValueError for a name that is not in the table, or an unknown kind."""
    for name in [*kinds, *([] if label is None else [label])]:
        require(name in frame.columns, "column", f"be one of the table's columns, {_listed(frame)}", repr(name))
    for name, kind in kinds.items():
        check_choice(f"kind of column {name}", kind, [*KINDS, IGNORED])
        require(name != label, "label", "be a column that has no kind and is not ignored", repr(label))
    return kinds


def _listed(frame) -> str:
    """Returns the names of the columns of a data frame, the first 20 of them."""
    return quoted(frame.columns, 20)
