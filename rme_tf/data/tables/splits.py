"""Splits of a table into training, validation and test rows."""

from collections.abc import Hashable
from typing import Any, NamedTuple

import numpy as np

from rme_tf.core.validation import check_count, check_number, require
from rme_tf.data.tables.frames import check_frame, quoted

LEAST = 2  # rows of a split: one row has no standard error
# Values of a column of splits, in any case.
SPLITS = {
    "train": ("train", "training"),
    "validation": ("dev", "val", "valid", "validation"),
    "test": ("test", "testing"),
}


class TableSplits(NamedTuple):
    """Rows of a table by split: data frames, or arrays [N, F]."""

    train: Any
    validation: Any
    test: Any


def split_rows(frame, *, validation: float = 0.1, test: float = 0.1, seed: int = 0) -> TableSplits:
    """Returns the rows in three random parts, in the table's order.

    Args:
        frame: data frame.
        validation: share of the validation rows.
        test: share of the test rows.
        seed: non-negative seed of the permutation.

    Raises:
        ValueError: if a share is not between 0 and 1, or a part has fewer than two rows.
    """
    check_frame(frame)
    check_number("validation", validation, above=0.0, below=1.0)
    check_number("test", test, above=0.0, below=1.0)
    check_count("seed", seed, 0)
    count = len(frame)
    sizes = [max(LEAST, round(share * count)) for share in (validation, test)]
    rest = count - sum(sizes)
    remedy = f"Expected {LEAST} rows at least in each split: add rows, or take smaller shares."
    require(rest >= LEAST, "table", "have rows for three splits", f"{count} rows", remedy)
    order = np.random.Generator(np.random.PCG64(seed)).permutation(count)
    parts = np.split(order, [rest, rest + sizes[0]])
    return TableSplits(*(frame.iloc[np.sort(part)] for part in parts))


def split_by_column(frame, column: str, *, validation: float = 0.1, seed: int = 0) -> TableSplits:
    """Returns the rows by the values of a column, without that column.

    Args:
        frame: data frame.
        column: name of a column with the values "train", "validation" and "test". Without validation rows, a random
            part of the training rows validates.
        validation: share of that part.
        seed: non-negative seed of that part.

    Raises:
        ValueError: if the column is not in the table, has other values, or a split has fewer than two rows.
    """
    check_frame(frame)
    check_number("validation", validation, above=0.0, below=1.0)
    check_count("seed", seed, 0)
    known = isinstance(column, Hashable) and column in frame.columns
    require(known, "split", f"be one of the columns {quoted(frame.columns, 20)}", repr(column))
    names = {value: split for split, values in SPLITS.items() for value in values}
    values = frame[column].astype("string").str.strip().str.lower()
    splits = values.map(names)
    strange = frame[column][splits.isna().to_numpy()]
    expected = f"have the values {quoted(SPLITS)}"
    require(not len(strange), f"column {column}", expected, quoted(strange.unique()))
    rows = frame.drop(columns=column)
    parts = {split: rows[(splits == split).to_numpy(bool)] for split in SPLITS}
    if not len(parts["validation"]):
        order = np.random.Generator(np.random.PCG64(seed)).permutation(len(parts["train"]))
        count = max(LEAST, round(validation * len(order)))
        held_out, rest = np.sort(order[:count]), np.sort(order[count:])
        parts["validation"], parts["train"] = parts["train"].iloc[held_out], parts["train"].iloc[rest]
    for split, part in parts.items():
        received = f"{len(part)} in the split {split!r}"
        require(len(part) >= LEAST, f"column {column}", f"give {LEAST} rows at least to each split", received)
    return TableSplits(**parts)
