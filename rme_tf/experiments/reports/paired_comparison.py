"""Comparison of methods over seeds, with paired tests of their differences."""

import csv
import math
import pathlib
import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from scipy import stats
from tabulate import tabulate

from rme_tf import plots
from rme_tf.experiments.reports.columns import COLUMNS, COST, values_of
from rme_tf.experiments.reports.configuration import field
from rme_tf.experiments.reports.growth import components_trained
from rme_tf.experiments.reports.tables import Record, by_method, mean_and_error

LEVEL = 0.05  # of all tests of a table together
SPLITS = ("test", "train")
WHOLE = "of the process, all that it held"  # kind of the peak memory in older records


def values_by_seed(records: Sequence[Record], column: str) -> dict[str, dict[int, float]]:
    """Returns a column's value by method and seed."""
    return {
        method: {field(record, "seed"): value for record, value in zip(group, values_of(group, column), strict=True)}
        for method, group in by_method(records).items()
    }


def paired_differences(records: Sequence[Record], reference: str, column="test log p(x)") -> dict[str, tuple]:
    """Returns the paired difference from a reference, and its p-value, by method.

    The difference is the mean over the seeds of both. The p-value is of Student's paired t-test,
    two-sided, with Holm's correction for the number of methods; NaN with fewer than two common seeds.

    Raises:
        ValueError: if there is no record of the reference.
    """
    seeds = values_by_seed(records, column)
    if reference not in seeds:
        raise ValueError(f"Unknown reference. Expected one of: {', '.join(seeds)}. Received: {reference!r}.")
    differences, p_values = {}, {}
    for method in seeds.keys() - {reference}:
        common = sorted(seeds[method].keys() & seeds[reference].keys())
        gaps = np.array([seeds[method][seed] - seeds[reference][seed] for seed in common])
        differences[method] = gaps.mean() if len(gaps) else math.nan
        p_values[method] = stats.ttest_1samp(gaps, 0.0).pvalue if len(gaps) > 1 else math.nan
    corrected = holm(p_values)
    return {method: (differences[method], corrected[method]) for method in differences}


def holm(p_values: dict[str, float], tests: int | None = None) -> dict[str, float]:
    """Returns the p-values corrected by Holm's step-down procedure (1979).

    NaN stays NaN.

    Args:
        p_values: p-values by the name of the test.
        tests: number of tests that were planned; None for the number of p-values that are not NaN.
    """
    known = sorted((p, name) for name, p in p_values.items() if math.isfinite(p))
    tests = len(known) if tests is None else tests
    corrected, largest = dict(p_values), 0.0
    for rank, (p, name) in enumerate(known):
        largest = max(largest, min(1.0, p * (tests - rank)))
        corrected[name] = largest
    return corrected


def comparison_rows(records: Sequence[Record], reference: str) -> list[dict[str, Any]]:
    """Returns the rows of the comparison, one a method.

    Numbers are means ± standard errors over seeds; differences that the paired test finds are bold.
    """
    differences = paired_differences(records, reference)
    hidden = {"peak MiB"} if len(memory_kinds(records)) > 1 else set()
    rows = []
    for method, group in by_method(records).items():
        gap, p = differences.get(method, (math.nan, math.nan))
        shown = "" if math.isnan(gap) else f"{gap:+.2f}" + ("" if math.isnan(p) else f" (p = {p:.3f})")
        row: dict[str, Any] = {"method": method, "M": components_trained(group), "seeds": len(group)}
        for column in COLUMNS:
            values = values_of(group, column)
            row[column] = "" if column in hidden else mean_and_error(values, COLUMNS[column].decimals)
            if column == "test log p(x)":
                row[f"less {reference}'s"] = f"**{shown}**" if p < LEVEL else shown
        rows.append(row)
    return rows


def comparison_captions(records: Sequence[Record]) -> tuple[str, str]:
    """Returns the captions of the tables of quality and of cost."""
    tests, trains = (numbers(observations(record["metrics"][split]) for record in records) for split in SPLITS)
    samples = numbers(field(record, "importance_samples") for record in records)
    quality = (
        f"Bounds in nats on {tests} test and {trains} training observations, log p(x) by {samples} importance samples; "
        f"means ± standard errors over seeds. Bold: a paired test finds a difference ({LEVEL:.0%}, Holm)."
    )
    cost = "Epochs and seconds of training, inference for a batch of 128, trainable parameters, peak memory in training"
    kinds = memory_kinds(records)
    if len(kinds) > 1:
        return quality, f"{cost}, which was measured in several ways ({', '.join(kinds)}) and is not shown."
    return quality, f"{cost}{f' ({kinds[0]})' if kinds else ''}."


def memory_kinds(records: Sequence[Record]) -> list[str]:
    """Returns the kinds of peak memory in the records.

    Peaks of several kinds cannot be compared.
    """
    measured = [record.get("peak_memory_of") for record in records if record.get("peak_memory_mib") is not None]
    return sorted({f"of {kind}, beyond what was held before" if kind else WHOLE for kind in measured})


def observations(metrics: dict) -> int:
    """Returns the number of observations of a split."""
    return metrics["num_observations"] if "num_observations" in metrics else metrics["num_images"]  # in older records


def numbers(values: Iterable[int]) -> str:
    """Returns different whole numbers as text, "1,000 or 10,000"."""
    return " or ".join(f"{value:,}" for value in sorted(set(values)))


def comparison_tables(records: Sequence[Record], reference: str, style: str = "github") -> tuple[str, str]:
    """Returns the tables of quality and of cost, one row a method.

    Args:
        records: records of the runs.
        reference: name of the method that differences are from.
        style: format of tabulate.
    """
    rows = comparison_rows(records, reference)
    quality = [{name: value for name, value in row.items() if name not in COST} for row in rows]
    cost = [{name: value for name, value in row.items() if name in ("method", "M", *COST)} for row in rows]
    options: dict[str, Any] = {"headers": "keys", "tablefmt": style, "disable_numparse": True}
    return tabulate(quality, **options), tabulate(cost, **options)


def comparison_text(records: Sequence[Record], reference: str) -> str:
    """Returns both tables in Markdown, under their captions."""
    parts = zip(comparison_captions(records), comparison_tables(records, reference), strict=True)
    return "\n\n".join(f"{caption}\n\n{table}" for caption, table in parts)


def write_comparison(records: Sequence[Record], reference: str, out) -> str:
    """Writes the tables and figures of a comparison; returns the Markdown.

    Args:
        records: records of the runs.
        reference: name of the method that differences are from.
        out: folder for table.md, table.tex, table.csv (plain numbers), curves.png and quality_and_time.png.
    """
    out = pathlib.Path(out)
    out.mkdir(parents=True, exist_ok=True)
    markdown = comparison_text(records, reference)
    (out / "table.md").write_text(markdown + "\n", encoding="utf-8")
    latex = "\n\n".join(comparison_tables(records, reference, "latex_raw"))
    latex = re.sub(r"\*\*(.+?)\*\*", r"\\textbf{\1}", latex).replace("±", r"$\pm$").replace("_", r"\_")
    captions = "".join(f"% {caption}\n" for caption in comparison_captions(records))
    (out / "table.tex").write_text(f"{captions}\n{latex}\n", encoding="utf-8")
    _write_csv(records, reference, out / "table.csv")
    draw_comparison(records, curves=out / "curves.png", trade_off=out / "quality_and_time.png")
    return markdown


def _write_csv(records, reference, path) -> None:
    differences = paired_differences(records, reference)
    rows = []
    for method, group in by_method(records).items():
        row: dict[str, Any] = {"method": method, "components": components_trained(group), "seeds": len(group)}
        for column in COLUMNS:
            values = values_of(group, column)
            row[column] = values.mean()
            row[f"{column}, standard error"] = values.std(ddof=1) / math.sqrt(len(values)) if len(values) > 1 else None
        row["difference"], row["p"] = differences.get(method, (None, None))
        rows.append(row)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def draw_comparison(records: Sequence[Record], *, curves, trade_off) -> None:
    """Draws the curves of training, and log-likelihood against inference time.

    The curves are the validation ELBO by epoch and by training time.

    Args:
        records: records of the runs; curves are drawn for the first seed of each method.
        curves: path of the figure of curves.
        trade_off: path of the other figure.
    """
    groups = by_method(records)
    histories = {method: group[0]["history"] for method, group in groups.items()}
    plots.save(plots.curves_by_time(histories, "val_elbo", label="validation ELBO (nats)"), curves)
    points = {
        method: (values_of(group, "inference ms/128"), values_of(group, "test log p(x)"))
        for method, group in groups.items()
    }
    labels = {"x": "inference, ms a batch of 128", "y": "test log p(x) (nats)"}
    plots.save(plots.trade_off(points, **labels), trade_off)
