"""Tables and figures of quantities and their contrasts."""

import math
import pathlib
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import stats

from rme_tf import plots
from rme_tf.experiments.reports.columns import column_of, values_of
from rme_tf.experiments.reports.configuration import field
from rme_tf.experiments.reports.contrasts import Contrast, differences_of, name_of
from rme_tf.experiments.reports.page_tables import WIDTH
from rme_tf.experiments.reports.paired_comparison import holm, numbers
from rme_tf.experiments.reports.tables import Record, by_method, error_of_mean, markdown_table, mean_and_error, signed

SEPARATOR = re.compile(r"; (?!z(?: given x)?\))")  # of quantities in documents, not within I(x; z) or I(m; z given x)
OF = "of"  # between contrasts and quantities there, and between a field and quantities
NUMBER = re.compile(r"[\d.]+$")  # at the end of a method's name


def quantity_rows(records: Sequence[Record], quantities: Sequence[str]) -> list[dict[str, Any]]:
    """Returns the rows of the table of methods.

    Cells are means ± standard errors over seeds.

    Args:
        records: records of the runs.
        quantities: names of columns, see `columns.QUANTITIES`.
    """
    rows = []
    for method, group in by_method(records).items():
        cells = {name: mean_and_error(values_of(group, name), column_of(name).decimals) for name in quantities}
        rows.append({"method": method, "seeds": len(group), **cells})
    return rows


def contrast_rows(
    records: Sequence[Record], contrasts: Sequence[Contrast], quantities: Sequence[str]
) -> list[dict[str, Any]]:
    """Returns the rows of the table of contrasts.

    There is a row for each contrast and quantity. Differences are means ± standard errors over the common seeds. The
    p-value is of Student's paired t-test, with Holm's correction for the number of rows; a difference that is the same
    under all seeds has none.

    Args:
        records: records of the runs.
        contrasts: pairs of methods.
        quantities: names of columns. Rows of a quantity that a method lacks are left out.
    """
    rows: list[dict[str, Any]] = []
    p_values: dict[str, float] = {}
    for contrast in contrasts:
        for quantity in quantities:
            gaps = differences_of(records, contrast, quantity)
            text = mean_and_error(gaps, column_of(quantity).decimals) if len(gaps) else ""
            if not text:
                continue
            key = f"{name_of(contrast)}: {quantity}"
            tested = len(gaps) > 1 and gaps.std() > 0.0
            p_values[key] = stats.ttest_1samp(gaps, 0.0).pvalue if tested else math.nan
            row = {"contrast": name_of(contrast), "quantity": quantity, "seeds": len(gaps)}
            rows.append({**row, "difference": signed(text), "p": key})
    corrected = holm(p_values)
    return [{**row, "p": "" if math.isnan(p := corrected[row["p"]]) else f"{p:.3f}"} for row in rows]


def method_text(records: Sequence[Record], quantities: Sequence[str]) -> str:
    """Returns the table of methods in Markdown, with a caption.

    It is in parts of at most six columns.

    Args:
        records: records of the runs.
        quantities: names of columns.
    """
    rows, width = quantity_rows(records, quantities), WIDTH - 2
    parts = [_caption(records)]
    for start in range(0, len(quantities), width):
        names = ("method", "seeds", *quantities[start : start + width])
        parts.append(markdown_table([{name: row[name] for name in names} for row in rows]))
    return "\n\n".join(parts)


def _caption(records: Sequence[Record]) -> str:
    """Returns the caption of the table of methods."""
    measured = [record["metrics"].get("instruments", {}) for record in records]
    sizes = numbers(values["settings"]["observations"] for instruments in measured for values in instruments.values())
    instruments = f", instruments on the first {sizes} of each split" if sizes else ""
    tests = numbers(record["metrics"]["test"]["num_observations"] for record in records)
    return f"Bounds in nats on {tests} test observations{instruments}; means ± standard errors over seeds."


def difference_text(records: Sequence[Record], contrasts: Sequence[Contrast], quantities: Sequence[str]) -> str:
    """Returns the table of contrasts in Markdown, with a caption.

    Args:
        records: records of the runs.
        contrasts: pairs of methods.
        quantities: names of columns.
    """
    caption = (
        "Differences under the same seeds, means ± standard errors; p of paired t-tests, with Holm's correction for "
        "all rows."
    )
    return f"{caption}\n\n{markdown_table(contrast_rows(records, contrasts, quantities))}"


def study_text(records: Sequence[Record], contrasts: Sequence[Contrast], quantities: Sequence[str]) -> str:
    """Returns the tables of methods and of contrasts in Markdown.

    Args:
        records: records of the runs.
        contrasts: pairs of methods; without any, there is one table.
        quantities: names of columns.
    """
    methods = method_text(records, quantities)
    return f"{methods}\n\n{difference_text(records, contrasts, quantities)}" if contrasts else methods


def draw_differences(records: Sequence[Record], contrasts: Sequence[Contrast], quantities: Sequence[str], path) -> None:
    """Draws the differences of contrasts, a panel for each quantity.

    Quantities that no record has are left out.

    Args:
        records: records of the runs.
        contrasts: pairs of methods, from top to bottom.
        quantities: names of columns.
        path: path of the figure.
    """
    panels: dict[str, dict[str, Any]] = {}
    for quantity in quantities:
        gaps = {name_of(contrast): differences_of(records, contrast, quantity) for contrast in contrasts}
        if any(map(_is_known, gaps.values())):
            panels[f"difference in {quantity}"] = {name: gap if _is_known(gap) else [] for name, gap in gaps.items()}
    plots.save(plots.differences(panels), pathlib.Path(path))


def draw_sweep(records: Sequence[Record], setting: str, quantities: Sequence[str], path) -> None:
    """Draws quantities against a field of the methods.

    Methods whose names differ in a number alone, at the end, are one line: clamp1 and clamp10. Methods of another
    name are horizontal lines.

    Args:
        records: records of the runs.
        setting: name of the field.
        quantities: names of columns.
        path: path of the figure.
    """
    panels: dict[str, dict[str, Any]] = {}
    references: dict[str, dict[str, float]] = {}
    for quantity in quantities:
        points = sweep_points(records, setting, quantity)
        lines = {name: np.transpose(line) for name, line in points.items() if len(line) > 1}
        if lines:
            panels[quantity] = lines
            references[quantity] = {name: line[0][1] for name, line in points.items() if len(line) == 1}
    plots.save(plots.sweeps(panels, x=setting, references=references), pathlib.Path(path))


def sweep_points(records: Sequence[Record], setting: str, quantity: str) -> dict[str, list[tuple]]:
    """Returns the points of a sweep, by line.

    A point is the value of the field, the mean and the standard error of a method.

    Args:
        records: records of the runs.
        setting: name of the field.
        quantity: name of a column. Methods that lack it are left out.
    """
    points: dict[str, list[tuple]] = {}
    for method, group in by_method(records).items():
        values = values_of(group, quantity)
        if np.isfinite(values).all():
            place = field(group[0], setting, math.nan)
            points.setdefault(NUMBER.sub("", method), []).append((place, values.mean(), error_of_mean(values)))
    return {name: sorted(line) for name, line in points.items()}


def _is_known(gaps) -> bool:
    """Returns whether there are differences, all of them numbers."""
    return len(gaps) > 0 and not any(map(math.isnan, gaps))


def read_quantities(text: str) -> list[str]:
    """Returns the quantities in a mark of a document, "test ELBO; KL".

    Raises:
        ValueError: for an unknown quantity.
    """
    names = SEPARATOR.split(text) if text else []
    for name in names:
        column_of(name)
    return names
