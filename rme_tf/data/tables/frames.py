"""Data frames of the optional package pandas, and words for messages."""

from collections.abc import Iterable

import numpy as np

from rme_tf.core.validation import check_instance

EXTRA = 'pip install "rme_tf[table]"'


def import_pandas(purpose: str = "Tables"):
    """Returns the module pandas.

    Args:
        purpose: subject of the message, in the plural.

    Raises:
        ValueError: if pandas is not installed; the message names the extra.
    """
    try:
        import pandas
    except ImportError as error:
        raise ValueError(f"{purpose} need pandas, of the extra `table`: `{EXTRA}`. ({error})") from error
    return pandas


def check_frame(frame) -> None:
    """Checks that a table is a data frame.

    Raises:
        ValueError: for another table, or if pandas is not installed.
    """
    check_instance("frame", frame, import_pandas().DataFrame, "a data frame of pandas")


def row_name(values, position: int) -> str:
    """Returns the number of a row, counted from 1, for messages.

    Rows of a data frame with another index have the name of the index.

    Args:
        values: series or data frame.
        position: position of the row, counted from 0.
    """
    label = values.index[position]
    whole = isinstance(label, int | np.integer) and not isinstance(label, bool)
    return f"row {int(label) + 1:,}" if whole else f"row {label!r}"


def quoted(names: Iterable, most: int = 5) -> str:
    """Returns names in quotes, at most `most` of them.

    Args:
        names: names to list.
        most: largest number of listed names.
    """
    names = list(names)
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(map(repr, names[:most])) + more


def is_missing(values) -> np.ndarray:
    """Returns whether each cell of a series is missing. Shape [N]."""
    return values.isna().to_numpy(bool)


def first(condition: np.ndarray) -> int:
    """Returns the position of the first true entry."""
    return int(np.flatnonzero(condition)[0])
