"""Columns of a table: kinds of values, and their encoding as numbers."""

import dataclasses
import math
from typing import Any, ClassVar

import numpy as np

from rme_tf.data.tables.cells import levels_of, numbers_of, plain
from rme_tf.data.tables.frames import first, is_missing, quoted, row_name

UNKNOWN = ("error", "missing")  # choices for levels that the training rows lack
SHOWN = 8  # levels in a message
DIGITS = 5  # of a number, relative to the standard deviation of its column


@dataclasses.dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a table, encoded as entries of an observation.

    A missing cell is NaN in all entries of the column.

    Args:
        name: name of the column.

    To be implemented by subclasses:
        * `kind`: name of the kind.
        * `of_values(name, values)`: column for the cells of the training rows.
        * `encode(values, unknown)`: cells -> entries [N, width].
        * `decode(entries)`: entries [N, width] -> cells in the original units, a list.
    """

    kind: ClassVar[str] = ""
    name: str

    @classmethod
    def of_values(cls, name: str, values) -> "Column":
        """Returns the column for cells of the training rows [N].

        Raises:
            ValueError: if a cell is not of the kind; the message has its row.
        """
        raise NotImplementedError

    @property
    def width(self) -> int:
        """Number of entries of the column."""
        return 1

    @property
    def scale(self) -> float:
        """Unit of the entries, in the original units."""
        return 1.0

    def encode(self, values, unknown: str = "error") -> np.ndarray:
        """Returns the entries [N, width] of cells, a series [N].

        Args:
            values: cells of the column.
            unknown: "error" or "missing", for levels that the training rows lack.

        Raises:
            ValueError: if a cell is not of the kind; the message has its row.
        """
        raise NotImplementedError

    def decode(self, entries: np.ndarray) -> list:
        """Returns the cells of entries [N, width], None where missing."""
        raise NotImplementedError

    def as_dict(self) -> dict[str, Any]:
        """Returns the kind and the fields, as values of JSON."""
        return {"kind": self.kind, **dataclasses.asdict(self)}


@dataclasses.dataclass(frozen=True, kw_only=True)
class RealColumn(Column):
    """Real numbers, standardized by the moments of the training rows.

    Args:
        name: name of the column.
        mean: mean of the training rows, in the original units.
        deviation: standard deviation of the training rows, in the original units.
    """

    kind: ClassVar[str] = "real"
    mean: float
    deviation: float

    @classmethod
    def of_values(cls, name: str, values) -> "RealColumn":
        """Returns the column with the mean and the standard deviation of cells."""
        numbers = numbers_of(values, name)
        numbers = numbers[~np.isnan(numbers)]
        middle = float(numbers.mean())
        deviation = float(np.sqrt(np.mean(np.square(numbers - middle))))
        if not (math.isfinite(middle) and math.isfinite(deviation) and deviation > 0.0):
            raise ValueError(
                f"Column {name!r} has the standard deviation {deviation} in the training rows. Expected a finite "
                f"number above 0. Rescale the column, or ignore it: ignored=[{name!r}]."
            )
        return cls(name=name, mean=middle, deviation=deviation)

    @property
    def scale(self) -> float:
        """Standard deviation of the training rows."""
        return self.deviation

    def encode(self, values, unknown: str = "error") -> np.ndarray:
        """Returns the standardized numbers [N, 1]."""
        del unknown
        return ((numbers_of(values, self.name) - self.mean) / self.deviation)[:, np.newaxis]

    def decode(self, entries: np.ndarray) -> list:
        """Returns the numbers in the original units, with float32's digits."""
        digits = math.ceil(DIGITS - math.log10(self.deviation))
        numbers = (entries[:, 0] * self.deviation + self.mean).tolist()
        return [None if math.isnan(value) else round(value, digits) for value in numbers]


@dataclasses.dataclass(frozen=True, kw_only=True)
class CountColumn(Column):
    """Counts, which are encoded as they are."""

    kind: ClassVar[str] = "count"

    @classmethod
    def of_values(cls, name: str, values) -> "CountColumn":
        """Returns the column of valid counts."""
        column = cls(name=name)
        column.encode(values)
        return column

    def encode(self, values, unknown: str = "error") -> np.ndarray:
        """Returns the counts [N, 1]."""
        del unknown
        numbers = numbers_of(values, self.name)
        wrong = ~np.isnan(numbers) & ((numbers < 0) | (numbers != np.round(numbers)))
        if wrong.any():
            at = first(wrong)
            raise ValueError(
                f"Column {self.name!r} has {plain(numbers[at])!r} in {row_name(values, at)}. Expected counts, whole "
                f"numbers of at least 0. Take the kind 'real' for it: kinds={{{self.name!r}: 'real'}}."
            )
        return numbers[:, np.newaxis]

    def decode(self, entries: np.ndarray) -> list:
        """Returns the counts; a mean of counts need not be whole."""
        return [None if math.isnan(value) else plain(value) for value in entries[:, 0].tolist()]


@dataclasses.dataclass(frozen=True, kw_only=True)
class LevelColumn(Column):
    """Base class of columns with a few levels, sorted.

    Args:
        name: name of the column.
        levels: values in the training rows.
    """

    levels: tuple

    @classmethod
    def of_values(cls, name: str, values) -> "LevelColumn":
        """Returns the column with the levels of cells."""
        return cls(name=name, levels=levels_of(values, name))

    def positions(self, values, unknown: str) -> np.ndarray:
        """Returns the position of each cell's level, -1 where missing. Shape [N].

        Args:
            values: cells of the column.
            unknown: "error" or "missing", for other levels.

        Raises:
            ValueError: if a level is unknown, and `unknown` is "error".
        """
        known = {level: position for position, level in enumerate(self.levels)}
        absent = is_missing(values)
        cells = [None if gone else plain(cell) for cell, gone in zip(values.tolist(), absent, strict=True)]
        positions = np.array([known.get(cell, -1) for cell in cells], int)
        strange = (positions < 0) & ~absent
        if strange.any() and unknown == "error":
            at = first(strange)
            names = dict.fromkeys(cells[i] for i in np.flatnonzero(strange))
            raise ValueError(
                f"Column {self.name!r} has {cells[at]!r} in {row_name(values, at)}, a level that no training row has. "
                f"Expected one of {quoted(self.levels, SHOWN)}. Received: {quoted(names, SHOWN)}. "
                "Correct them, or pass unknown='missing'."
            )
        return positions

    def as_dict(self) -> dict[str, Any]:
        """Returns the kind and the fields, the levels as a list."""
        return {**super().as_dict(), "levels": list(self.levels)}


@dataclasses.dataclass(frozen=True, kw_only=True)
class BinaryColumn(LevelColumn):
    """Two levels, encoded as 0 and 1."""

    kind: ClassVar[str] = "binary"

    @classmethod
    def of_values(cls, name: str, values) -> "BinaryColumn":
        """Returns the column with the two levels of cells."""
        column = super().of_values(name, values)
        if len(column.levels) != 2:
            raise ValueError(
                f"Column {name!r} of the kind 'binary' has {len(column.levels):,} levels in the training rows. "
                f"Expected two. Received: {quoted(column.levels, SHOWN)}. Take the kind 'category': "
                f"kinds={{{name!r}: 'category'}}."
            )
        return cls(name=name, levels=column.levels)

    def encode(self, values, unknown: str = "error") -> np.ndarray:
        """Returns 0 or 1 for each cell. Shape [N, 1]."""
        positions = self.positions(values, unknown)
        return np.where(positions < 0, np.nan, positions)[:, np.newaxis]

    def decode(self, entries: np.ndarray) -> list:
        """Returns the more probable level."""
        return [None if math.isnan(value) else self.levels[value >= 0.5] for value in entries[:, 0].tolist()]


@dataclasses.dataclass(frozen=True, kw_only=True)
class CategoryColumn(LevelColumn):
    """Levels without an order, one entry for each (one-hot)."""

    kind: ClassVar[str] = "category"

    @property
    def width(self) -> int:
        """Number of levels."""
        return len(self.levels)

    def encode(self, values, unknown: str = "error") -> np.ndarray:
        """Returns one-hot rows [N, L]."""
        positions = self.positions(values, unknown)
        entries = np.equal(positions[:, np.newaxis], np.arange(self.width)).astype(float)
        entries[positions < 0] = np.nan
        return entries

    def decode(self, entries: np.ndarray) -> list:
        """Returns the most probable level."""
        absent = np.isnan(entries).any(axis=-1)
        best = np.argmax(np.where(np.isnan(entries), -np.inf, entries), axis=-1)
        return [None if gone else self.levels[at] for at, gone in zip(best.tolist(), absent.tolist(), strict=True)]


KINDS: dict[str, type[Column]] = {
    "binary": BinaryColumn,
    "category": CategoryColumn,
    "count": CountColumn,
    "real": RealColumn,
}


def column_of_dict(fields: dict[str, Any]) -> Column:
    """Returns the column of `Column.as_dict`."""
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in fields.items() if name != "kind"
    }
    return KINDS[fields["kind"]](**values)
