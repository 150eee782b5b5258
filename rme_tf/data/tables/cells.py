"""Cells of a column as numbers or as levels."""

import math
import numbers
from typing import Any

import numpy as np

from rme_tf.data.tables.frames import first, import_pandas, is_missing, row_name


def plain(cell) -> Any:
    """Returns a cell as a value of JSON, whole numbers as int."""
    cell = cell.item() if isinstance(cell, np.generic) else cell
    return int(cell) if isinstance(cell, float) and math.isfinite(cell) and cell == round(cell) else cell


def numbers_of(values, name: str) -> np.ndarray:
    """Returns the cells of a column as numbers [N], NaN where missing.

    Args:
        values: series of cells.
        name: name of the column, for messages.

    Raises:
        ValueError: if a cell is not a finite number; the message has its row.
    """
    check_dates(values, name)
    converted = as_numbers(values)
    wrong = ~np.isfinite(converted) & ~is_missing(values)
    if wrong.any():
        at = first(wrong)
        raise ValueError(
            f"Column {name!r} has {plain(values.iloc[at])!r} in {row_name(values, at)}, the first of "
            f"{int(wrong.sum()):,} cells that are no finite numbers. Correct them, list the text in `missing`, or take "
            f"the kind 'category': kinds={{{name!r}: 'category'}}."
        )
    return converted


def as_numbers(values) -> np.ndarray:
    """Returns the cells of a series as float64 [N], or NaN."""
    try:
        converted = import_pandas().to_numeric(values, errors="coerce")
    except OverflowError:  # of whole numbers that no float holds
        converted = values.map(_as_float)
    return converted.to_numpy(dtype=float, na_value=math.nan)


def _as_float(cell) -> float:
    """Returns a cell as a number, or NaN."""
    try:
        return float(cell)
    except (OverflowError, TypeError, ValueError):
        return math.nan


def levels_of(values, name: str) -> tuple:
    """Returns the different cells of a column, sorted.

    Args:
        values: series of cells.
        name: name of the column, for messages.

    Raises:
        ValueError: if the cells are of several types; the message has the row of the first cell of another type.
    """
    check_dates(values, name)
    present = values[~is_missing(values)]
    cells = [plain(cell) for cell in present.tolist()]
    kinds = [kind_of_cell(cell) for cell in cells]
    other = np.array([kind != kinds[0] or kind is None for kind in kinds], bool)
    if other.any():
        at = first(other)
        raise ValueError(
            f"Column {name!r} has {cells[0]!r} in {row_name(present, 0)} and {cells[at]!r} in {row_name(present, at)}. "
            "Expected cells of one type in a column: text, numbers, or True and False. Convert them, or ignore the "
            f"column: ignored=[{name!r}]."
        )
    return tuple(sorted(set(cells)))


def kind_of_cell(cell) -> str | None:
    """Returns "text", "truth" or "number"; None for other types."""
    if isinstance(cell, str):
        return "text"
    if isinstance(cell, bool | np.bool_):
        return "truth"
    return "number" if isinstance(cell, numbers.Real) else None


def check_dates(values, name: str) -> None:
    """Raises ValueError for a column of dates, times or durations."""
    types = import_pandas().api.types
    if types.is_datetime64_any_dtype(values) or types.is_timedelta64_dtype(values):
        raise ValueError(
            f"Column {name!r} has dates or times. Expected numbers, text, or True and False. Convert it to a number, "
            f"such as days since a date, or ignore it: ignored=[{name!r}]."
        )
