"""Contrasts: paired differences between methods, fixed before the runs."""

import math
import pathlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from scipy import stats

from rme_tf import plots
from rme_tf.core.registry import lookup
from rme_tf.experiments.reports.columns import values_of
from rme_tf.experiments.reports.configuration import field
from rme_tf.experiments.reports.paired_comparison import holm, numbers, observations, values_by_seed
from rme_tf.experiments.reports.tables import Record, by_method, markdown_table, mean_and_error, signed

Contrast = tuple[str, str]  # a method, and the method that is subtracted
QUANTITIES = ("test log p(x)", "test ELBO")
BETWEEN = ":"  # the methods of a contrast in documents


def read_contrasts(words: Iterable[str]) -> list[Contrast]:
    """Returns contrasts from words such as "rme5:vae".

    Raises:
        ValueError: for another word.
    """
    pairs = [tuple(word.split(BETWEEN)) for word in words]
    wrong = [BETWEEN.join(pair) for pair in pairs if len(pair) != 2 or not all(pair)]
    if wrong:
        raise ValueError(f"Expected contrasts such as rme5{BETWEEN}vae. Received: {', '.join(wrong)}.")
    return [(method, reference) for method, reference in pairs]


def recorded_contrasts(records: Sequence[Record], contrasts: Iterable[Contrast]) -> list[Contrast]:
    """Returns the contrasts of methods that all have records."""
    methods = by_method(records).keys()
    return [contrast for contrast in contrasts if methods >= set(contrast)]


def differences_of(records: Sequence[Record], contrast: Contrast, quantity: str) -> np.ndarray:
    """Returns the differences of a contrast under the common seeds.

    Args:
        records: records of the runs.
        contrast: names of the two methods.
        quantity: column of a comparison, in `columns.QUANTITIES`.

    Raises:
        ValueError: for a method without a record.
    """
    values = values_by_seed(records, quantity)
    first, second = (lookup(values, method, "method of a contrast") for method in contrast)
    return np.array([first[seed] - second[seed] for seed in sorted(first.keys() & second.keys())])


def all_differences(records: Sequence[Record], contrasts: Sequence[Contrast]) -> dict[str, dict[str, np.ndarray]]:
    """Returns the differences by quantity and name of the contrast, see `differences_of`."""
    return {
        quantity: {name_of(contrast): differences_of(records, contrast, quantity) for contrast in contrasts}
        for quantity in QUANTITIES
    }


def contrast_rows(records: Sequence[Record], contrasts: Sequence[Contrast]) -> list[dict[str, Any]]:
    """Returns the rows of the table of contrasts.

    Differences are means ± standard errors over seeds. The p-value of log p(x) is of Student's paired t-test, with
    Holm's correction for the number of contrasts.
    """
    differences = all_differences(records, contrasts)
    gaps = differences[QUANTITIES[0]]
    tests = {name: stats.ttest_1samp(gap, 0.0).pvalue for name, gap in gaps.items() if len(gap) > 1}
    p_values = holm(dict.fromkeys(gaps, math.nan) | tests)
    rows = []
    for name, gap in gaps.items():
        row: dict[str, Any] = {"contrast": name, "seeds": len(gap)}
        for quantity, values in differences.items():
            text = mean_and_error(values[name]) if len(values[name]) else ""
            row[quantity] = signed(text) if text else ""
        rows.append({**row, "p": "" if math.isnan(p_values[name]) else f"{p_values[name]:.3f}"})
    return rows


def method_rows(records: Sequence[Record]) -> list[dict[str, Any]]:
    """Returns the rows of the table of methods and budgets."""
    rows = []
    for method, group in by_method(records).items():
        row: dict[str, Any] = {"method": method, "steps": f"{field(group[0], 'train_steps') or 0:,}"}
        row["training s"] = mean_and_error(values_of(group, "training s"), 0)
        row["seeds"] = len(group)
        rows.append({**row, **{quantity: mean_and_error(values_of(group, quantity)) for quantity in QUANTITIES}})
    return rows


def contrast_text(records: Sequence[Record], contrasts: Sequence[Contrast]) -> str:
    """Returns the tables of methods and of contrasts in Markdown, with captions."""
    captions = (
        bounds_caption(records),
        "Differences under the same seeds, means ± standard errors; p of a paired t-test of log p(x) (Holm's "
        "correction).",
    )
    tables = (method_rows(records), contrast_rows(records, contrasts))
    shown = map(markdown_table, tables)
    return "\n\n".join(text for pair in zip(captions, shown, strict=True) for text in pair)


def bounds_caption(records: Sequence[Record]) -> str:
    """Returns the caption of the table of methods."""
    tests = numbers(observations(record["metrics"]["test"]) for record in records)
    samples = numbers(field(record, "importance_samples") for record in records)
    return (
        f"Bounds in nats on {tests} test observations, log p(x) by {samples} importance samples; means ± standard "
        "errors over seeds."
    )


def write_contrasts(
    records: Sequence[Record],
    contrasts: Iterable[Contrast],
    out,
    as_text: Callable[[Sequence[Record], Sequence[Contrast]], str] = contrast_text,
) -> None:
    """Writes and prints the contrasts that have records.

    Args:
        records: records of the runs.
        contrasts: contrasts of the plan.
        out: directory of contrasts.md and contrasts.png.
        as_text: function (records, contrasts) -> tables in Markdown.
    """
    shown = recorded_contrasts(records, contrasts)
    if not shown:
        print("\nNothing to compare yet: no contrast has finished runs of both methods.")
        return
    text = as_text(records, shown)
    (pathlib.Path(out) / "contrasts.md").write_text(text + "\n", encoding="utf-8")
    draw_contrasts(records, shown, pathlib.Path(out) / "contrasts.png")
    print(f"\n{text}\n\nPlan, tables and figure: {out}/")


def draw_contrasts(records: Sequence[Record], contrasts: Sequence[Contrast], path) -> None:
    """Draws the differences of contrasts, a panel for each quantity.

    Args:
        records: records of the runs.
        contrasts: contrasts, from top to bottom.
        path: path of the figure.
    """
    differences = all_differences(records, contrasts)
    panels = {f"difference in {quantity} (nats)": values for quantity, values in differences.items()}
    plots.save(plots.differences(panels), pathlib.Path(path))


def name_of(contrast: Contrast) -> str:
    """Returns the name of a contrast in tables."""
    return " less ".join(contrast)
