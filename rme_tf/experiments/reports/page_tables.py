"""Tables of at most six columns for documents, and their CSV."""

import csv
import fnmatch
import io
import re
from collections.abc import Sequence
from typing import NamedTuple

from rme_tf.experiments.reports.tables import markdown_table

WIDTH = 6  # columns that a page has room for
APART = "Single seed, not comparable with the rows of several seeds:"
ONE_SEED = "Single seed: a difference within the spread of seeds is no order."
CELL = re.compile(r"(\*\*)?(?P<value>.*?)( ± (?P<error>[\d.,]+))?( \(p = (?P<p>[\d.]+)\))?(\*\*)?")
NUMBER = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?")


class PageTable(NamedTuple):
    """Columns of one table on a page."""

    columns: tuple[str, ...]  # patterns of names for `fnmatch`; columns that the rows lack are left out
    caption: str = ""
    single: bool = True  # whether rows of one seed are shown where there are rows of several
    mixtures: bool = False  # whether rows of one component are left out


IMAGES = (
    PageTable(("method", "M", "seeds", "test ELBO", "test log p(x), *")),
    PageTable(("method", "train ELBO", "I(m; z)", "least mean alpha", "active units", "decoder's scale")),
)
COLLAPSE = (
    PageTable(("method", "M", "seeds", "NLL", "-ELBO", "PPL/word", "bits/dim")),
    PageTable(("method", "KL", "I(x; z)", "active units", "reliance on z", "I(m; z given x)")),
)
IMAGE_RUNS = (
    PageTable(("model", "test ELBO", "test log p(x), *", "bits/dim", "H(alpha)")),
    PageTable(("model", "parameters", "train ELBO", "active units", "s/epoch", "inference ms/128")),
)
TEXT_RUNS = (
    PageTable(("model", "test ELBO", "test log p(x)*", "PPL/word", "PPL/token")),
    PageTable(("model", "parameters", "KL", "I(x; z)", "active units", "reliance on z")),
)


def tables_for(rows: Sequence[dict]) -> tuple[PageTable, ...]:
    """Returns the tables of a page for a study or single runs."""
    if "model" in rows[0]:
        return TEXT_RUNS if "PPL/word" in rows[0] else IMAGE_RUNS
    return COLLAPSE if "NLL" in rows[0] else IMAGES


def comparison_tables_for(reference: str, quality: str, cost: str) -> tuple[PageTable, ...]:
    """Returns the tables of a page for the rows of a comparison.

    Args:
        reference: name of the method that differences are from.
        quality: caption of the table of bounds.
        cost: caption of the table of times and sizes.
    """
    gap = f"less {reference}'s"
    mixtures = "Mixtures: the ELBO of the components alone, and how far these are apart."
    return (
        PageTable(("method", "M", "seeds", "test log p(x)", gap, "test ELBO"), quality),
        PageTable(
            ("method", "components' ELBO", "KL", "I(m; z given x)", "H(alpha)", "active units"), mixtures, False, True
        ),
        PageTable(
            ("method", "epochs", "training s", "inference ms/128", "inference parameters", "peak MiB"), cost, False
        ),
    )


def page_text(rows: Sequence[dict], tables: Sequence[PageTable]) -> str:
    """Returns tables in Markdown, with rows of one seed apart.

    Args:
        rows: all columns of all methods, as text; rows of single runs lack the column `seeds`.
        tables: tables to show, in this order.

    Raises:
        ValueError: if a table would have more than six columns.
    """
    if "seeds" not in rows[0]:
        return "\n\n".join(_parts(rows, tables))
    several = [row for row in rows if row["seeds"] != 1]
    single = [{name: cell for name, cell in row.items() if name != "seeds"} for row in rows if row["seeds"] == 1]
    if not several:
        return "\n\n".join([ONE_SEED, *_parts(single, tables)])
    parts = _parts(several, tables)
    if single:
        parts += [APART, *_parts(single, [table._replace(caption="") for table in tables if table.single])]
    return "\n\n".join(parts)


def _parts(rows: Sequence[dict], tables: Sequence[PageTable]) -> list[str]:
    """Returns the captions and the tables that have rows."""
    parts = []
    for table in tables:
        names = [name for name in rows[0] if any(fnmatch.fnmatchcase(name, one) for one in table.columns)]
        names.sort(key=lambda name: next(i for i, one in enumerate(table.columns) if fnmatch.fnmatchcase(name, one)))
        if len(names) > WIDTH:
            raise ValueError(f"Expected at most {WIDTH} columns. Received: {', '.join(names)}.")
        shown = [{name: row[name] for name in names} for row in rows if not table.mixtures or row["M"] != 1]
        if shown:
            markdown = markdown_table(shown)
            parts += [*filter(None, [table.caption]), markdown]
    return parts


def csv_text(rows: Sequence[dict]) -> str:
    """Returns all columns as CSV, with the digits of the tables.

    Standard errors and p-values are in columns of their own.
    """
    cells = [{name: _split(str(cell)) for name, cell in row.items()} for row in rows]
    endings = {"": "value", ", standard error": "error", ", p": "p"}
    columns = {
        f"{name}{ending}": (name, part)
        for name in rows[0]
        for ending, part in endings.items()
        if part == "value" or any(row[name][part] for row in cells)
    }
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([row[name][part] for name, part in columns.values()] for row in cells)
    return file.getvalue()


def _split(cell: str) -> dict[str, str]:
    """Returns the value, the standard error and the p-value in a cell, without marks and thousands separators."""
    match = CELL.fullmatch(cell)
    texts = match.groupdict("") if match else {"value": cell, "error": "", "p": ""}
    return {part: text.replace(",", "") if NUMBER.fullmatch(text) else text for part, text in texts.items()}
