"""Tables in CSV and Parquet files, as data frames."""

import csv
import pathlib
import warnings
from collections.abc import Iterable

from rme_tf.core.files import as_path
from rme_tf.core.validation import require
from rme_tf.data.tables.frames import EXTRA, import_pandas, quoted

MISSING = ("?",)  # texts of missing cells, in addition to an empty cell and the texts of pandas, such as NA and NaN
DELIMITERS = (",", ";", "\t", "|")
PARQUET = (".parquet", ".pq")


def read_table(path, *, missing: Iterable[str] = MISSING, delimiter: str | None = None):
    """Returns the table in a CSV or Parquet file.

    The first line of a CSV file is its header. A compressed file, such as "table.csv.gz", is read as well.

    Args:
        path: file with the suffix .parquet or .pq, or a text file with one row a line.
        missing: texts of missing cells, in addition to an empty cell, "NA", "NaN" and similar words.
        delimiter: text between two cells of a CSV file; None for a comma, semicolon, tab or bar, whichever the header
            has most of.

    Raises:
        ValueError: if the file does not exist, is empty, has no header, has names twice, has lines of more cells than
            the header, or pandas or pyarrow is not installed.
    """
    pandas = import_pandas()
    path = as_path(path)
    require(path.is_file(), "path", "be a CSV or Parquet file", path)
    frame = _parquet(pandas, path) if path.suffix in PARQUET else _csv(pandas, path, missing, delimiter)
    frame.columns = _names(frame.columns, path)
    if not len(frame):
        raise ValueError(f"{path} has a header and no rows. Expected one row at least.")
    return frame


def _parquet(pandas, path: pathlib.Path):
    """Returns the table of a Parquet file, a named index as a column."""
    try:
        frame = pandas.read_parquet(path, engine="pyarrow")
    except ImportError as error:
        raise ValueError(f"Parquet files need pyarrow, of the extra `table`: `{EXTRA}`. ({error})") from error
    except (OSError, ValueError) as error:
        raise ValueError(f"Expected a Parquet file. Received: {path} ({_line(error)}).") from error
    named = [name for name in frame.index.names if name is not None]
    return frame.reset_index(level=named).reset_index(drop=True) if named else frame.reset_index(drop=True)


def _csv(pandas, path: pathlib.Path, missing: Iterable[str], delimiter: str | None):
    """Returns the table of a CSV file."""
    options = {"skipinitialspace": True, "encoding": "utf-8-sig"}
    try:
        header = pandas.read_csv(path, sep="\x1f", header=None, nrows=1, dtype=str, quoting=csv.QUOTE_NONE, **options)
        line = str(header.iloc[0, 0])
        delimiter = delimiter or max(DELIMITERS, key=line.count)
        options["sep"] = delimiter
        names = (
            pandas.read_csv(path, header=None, nrows=1, dtype=str, keep_default_na=False, **options).iloc[0].tolist()
        )
        check_header(names, path)
        with warnings.catch_warnings():
            warnings.simplefilter("error", pandas.errors.ParserWarning)  # for lines that are longer than the header
            return pandas.read_csv(path, na_values=list(missing), index_col=False, low_memory=False, **options)
    except pandas.errors.EmptyDataError as error:
        raise ValueError(f"{path} is empty. Expected a header and one row at least.") from error
    except pandas.errors.ParserWarning as error:
        raise ValueError(
            f"{path} has lines with more cells than the header. Expected as many cells in every line. Name all columns "
            "in the header, and quote cells that have a delimiter."
        ) from error
    except (pandas.errors.ParserError, csv.Error) as error:
        raise ValueError(
            f"{path} is no table: {_line(error)}. Expected as many cells in every line as in the header, and quotes "
            "around cells that have a delimiter."
        ) from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not text in UTF-8 ({error}). Save it as UTF-8, or as Parquet.") from error


def check_header(names: list[str], path) -> None:
    """Checks the first line of a CSV file.

    Args:
        names: cells of the line.
        path: path of the file, for messages.

    Raises:
        ValueError: if all cells are numbers or empty, if a cell after the first one is empty, or a name occurs twice.
    """
    if all(_is_number(name) or not name for name in names):
        raise ValueError(
            f"{path} has no header: its first line is {quoted(names)}. Expected the names of the columns there."
        )
    unnamed = [number for number, name in enumerate(names, 1) if not name and number > 1]
    if unnamed:
        raise ValueError(
            f"{path} has no name for column {unnamed[0]} of {len(names)}. Expected a name for every column."
        )
    twice = list(dict.fromkeys(name for name in names if names.count(name) > 1))
    if twice:
        raise ValueError(f"{path} has the same name for several columns: {quoted(twice)}. Expected different names.")


def _names(columns, path) -> list[str]:
    """Returns the names of columns as text; raises ValueError for a name that occurs twice."""
    names = [str(name) for name in columns]
    twice = list(dict.fromkeys(name for name in names if names.count(name) > 1))
    if twice:
        raise ValueError(f"{path} has the same name for several columns: {quoted(twice)}. Expected different names.")
    return names


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _line(error: Exception) -> str:
    """Returns the first line of an error's message."""
    return str(error).strip().splitlines()[0].rstrip(".") if str(error).strip() else type(error).__name__
