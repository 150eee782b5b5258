"""Kinds of the columns of a table, inferred from the cells."""

import re

import numpy as np

from rme_tf.core.validation import check_instance
from rme_tf.data.tables.cells import as_numbers, check_dates, kind_of_cell, levels_of, plain
from rme_tf.data.tables.frames import first, import_pandas, is_missing, row_name

IGNORED = "ignored"
MOST_LEVELS = 256  # of a category that is inferred
MOST_COUNT = 200  # largest number in an inferred column of counts
LEAST_IDS = 10  # rows from which on different cells in every row may be an id
ID_NAME = re.compile(
    r"(?i:(?:^|[_ .-])(?:id|ids|index|key|uuid)$)|[a-z]I[Dd]$|^Unnamed: 0$"
)  # of the index of pandas too


def infer_kind(values, name: str) -> str:
    """Returns the kind of a column, "ignored" for ids.

    Text is a category, or binary with two levels. Whole numbers from 0 or 1 up to 200 are counts, two whole numbers
    are binary, and other numbers are real. Ids are text that differs in every row, the numbers of the rows, and
    different whole numbers in a column with a name such as "id".

    Args:
        values: cells of the training rows, a series [N].
        name: name of the column, for messages.

    Raises:
        ValueError: if the cells are of several types, are dates, or have more levels than an inferred category.
    """
    check_instance("values", values, import_pandas().Series, "a series of pandas")
    check_dates(values, name)
    present = values[~is_missing(values)]
    types = import_pandas().api.types
    if types.is_bool_dtype(values) or kind_of_cell(present.iloc[0]) == "truth":
        return "binary"
    if types.is_numeric_dtype(values) or all(kind_of_cell(cell) == "number" for cell in present):
        return _kind_of_numbers(present, name)
    check_one_type(present, name)
    return _kind_of_text(present, name)


def _kind_of_numbers(present, name: str) -> str:
    """Returns the kind of a column of numbers."""
    numbers = as_numbers(present)
    if not np.isfinite(numbers).all() or (numbers != np.round(numbers)).any():
        return "real"
    different = np.unique(numbers)
    if len(different) == len(present) >= LEAST_IDS and (ID_NAME.search(name) or _numbers_rows(present, numbers)):
        return IGNORED
    if len(different) == 2:
        return "binary"
    return "count" if different[0] in (0, 1) and different[-1] <= MOST_COUNT else "real"


def _numbers_rows(present, numbers: np.ndarray) -> bool:
    """Returns whether a column has the numbers of the rows, counted from 0 or 1."""
    index = present.index.to_numpy()
    return index.dtype.kind in "iu" and any((numbers == index + start).all() for start in (0, 1))


def check_one_type(present, name: str) -> None:
    """Checks that text is not numbers with a few cells of text.

    Args:
        present: cells of a column that are not missing.
        name: name of the column, for the message.

    Raises:
        ValueError: if most cells are numbers and some are text; the message has the row of the first of them.
    """
    numeric = np.isfinite(as_numbers(present))
    if 0.5 < numeric.mean() < 1.0:
        at = first(~numeric)
        raise ValueError(
            f"Column {name!r} has numbers and text: {plain(present.iloc[at])!r} in {row_name(present, at)} is the "
            f"first of {int((~numeric).sum()):,} cells that are no numbers, of {len(present):,}. Correct them, list "
            f"the text in `missing`, or take the kind 'category': kinds={{{name!r}: 'category'}}."
        )


def _kind_of_text(present, name: str) -> str:
    """Returns the kind of a column of text."""
    levels = levels_of(present, name)
    if len(levels) == 2:
        return "binary"
    if len(levels) == len(present) >= LEAST_IDS:
        return IGNORED
    if len(levels) > MOST_LEVELS:
        raise ValueError(
            f"Column {name!r} has {len(levels):,} different texts in {len(present):,} rows. Expected at most "
            f"{MOST_LEVELS} in a category that is not named. Ignore the column, ignored=[{name!r}], or name its kind, "
            f"kinds={{{name!r}: 'category'}}."
        )
    return "category"
