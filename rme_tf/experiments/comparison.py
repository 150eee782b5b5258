"""The table that decides: every number of every method, over seeds, and which differences are real."""

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
from rme_tf.experiments.tables import Record, by_method, mean_and_error
from rme_tf.records import read_json

LEVEL = 0.05  # of the tests, over all of a table's

# Column -> where it is in a record's metrics, or in the record; how many decimals.
COLUMNS: dict[str, tuple[tuple[str, ...], int]] = {
    "test log p(x)": (("metrics", "test", "log_likelihood"), 2),
    "train log p(x)": (("metrics", "train", "log_likelihood"), 2),
    "bits/dim": (("metrics", "test", "bits_per_dimension"), 4),
    "test ELBO": (("metrics", "test", "elbo"), 2),
    "KL": (("metrics", "test", "kl"), 2),
    "I(m; z given x)": (("metrics", "test", "component_information"), 2),
    "H(alpha)": (("metrics", "test", "mixing_entropy"), 2),
    "active units": (("metrics", "test", "active_units"), 1),
    "inference parameters": (("metrics", "inference_parameters"), 0),
    "generative parameters": (("metrics", "generative_parameters"), 0),
    "training s": (("seconds", "training"), 0),
    "inference ms/128": (("inference_milliseconds_per_batch_of_128",), 1),
    "peak MiB": (("peak_memory_mib",), 0),
}


def load_records(paths: Iterable) -> list[Record]:
    """Returns the records that are meant by directories of runs, records (JSON), or directories of records.

    Raises:
        ValueError: if one of them is none of these, or a run that has not been finished.
    """
    records: list[Record] = []
    paths = [pathlib.Path(path) for path in paths]
    for path in paths:
        if (path / "config.yaml").exists():
            records.append(_record_of_run(path))
        elif path.is_dir() and any(path.glob("*.json")):
            records += map(read_json, sorted(path.glob("*.json")))
        elif path.suffix == ".json" and path.is_file():
            records.append(read_json(path))
        else:
            raise ValueError(f"Expected a run, a record (.json) or a directory of records. Received: {path}.")
    wrong = [record for record in records if not {"method", "metrics", "history"} <= record.keys()]
    if wrong or not records:
        raise ValueError(f"Expected records of runs. Received others, or none, in {', '.join(map(str, paths))}.")
    return records


def _record_of_run(path: pathlib.Path) -> Record:
    if not (path / "metrics.json").exists():
        raise ValueError(f"Expected a finished run, with metrics.json. Received: {path}.")
    history = read_json(path / "checkpoints" / "history.json")
    return {"method": re.sub(r"-seed\d+$", "", path.name), **read_json(path / "metrics.json"), "history": history}


def values_of(records: Sequence[Record], column: str) -> np.ndarray:
    """Returns a column's number in each record, NaN where it was not recorded."""
    path, _ = COLUMNS[column]
    numbers = []
    for record in records:
        place: Any = record
        for name in path:
            place = (place or {}).get(name)
        numbers.append(math.nan if place is None else place)
    return np.array(numbers, float)


def paired_differences(records: Sequence[Record], reference: str, column="test log p(x)") -> dict[str, tuple]:
    """Returns, by method, its mean difference from the reference over the seeds of both, and the test's p-value.

    Student's paired t-test, two-sided, corrected for the number of methods as Holm does. The p-value is NaN with
    fewer than two common seeds.

    Raises:
        ValueError: if there is no record of the reference.
    """
    seeds = {
        method: {record["config"]["seed"]: value for record, value in zip(group, values_of(group, column), strict=True)}
        for method, group in by_method(records).items()
    }
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


def holm(p_values: dict[str, float]) -> dict[str, float]:
    """Returns the p-values corrected by Holm's step-down procedure (1979); NaN stays NaN and does not count."""
    known = sorted((p, name) for name, p in p_values.items() if math.isfinite(p))
    corrected, largest = dict(p_values), 0.0
    for rank, (p, name) in enumerate(known):
        largest = max(largest, min(1.0, p * (len(known) - rank)))
        corrected[name] = largest
    return corrected


def comparison_rows(records: Sequence[Record], reference: str) -> list[dict[str, str]]:
    """Returns the table's lines, means ± standard errors over seeds; real differences from the reference are bold."""
    differences = paired_differences(records, reference)
    rows = []
    for method, group in by_method(records).items():
        gap, p = differences.get(method, (math.nan, math.nan))
        shown = "" if math.isnan(gap) else f"{gap:+.2f}" + ("" if math.isnan(p) else f" (p = {p:.3f})")
        row = {"method": method, "M": group[0]["config"]["components"], "seeds": len(group)}
        for column, (_, decimals) in COLUMNS.items():
            row[column] = mean_and_error(values_of(group, column), decimals)
            if column == "test log p(x)":
                row[f"less {reference}'s"] = f"**{shown}**" if p < LEVEL else shown
        rows.append(row)
    return rows


def write_comparison(records: Sequence[Record], reference: str, out) -> str:
    """Writes table.md, table.tex and table.csv (plain numbers), and the figures; returns the table in Markdown."""
    out = pathlib.Path(out)
    out.mkdir(parents=True, exist_ok=True)
    rows = comparison_rows(records, reference)
    markdown = tabulate(rows, headers="keys", tablefmt="github", disable_numparse=True)
    (out / "table.md").write_text(markdown + "\n", encoding="utf-8")
    latex = tabulate(rows, headers="keys", tablefmt="latex_raw", disable_numparse=True)
    latex = re.sub(r"\*\*(.+?)\*\*", r"\\textbf{\1}", latex).replace("±", r"$\pm$").replace("_", r"\_")
    (out / "table.tex").write_text(latex + "\n", encoding="utf-8")
    _write_csv(records, reference, out / "table.csv")
    draw_comparison(records, out)
    return markdown


def _write_csv(records, reference, path) -> None:
    differences = paired_differences(records, reference)
    rows = []
    for method, group in by_method(records).items():
        row = {"method": method, "components": group[0]["config"]["components"], "seeds": len(group)}
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


def draw_comparison(records: Sequence[Record], out) -> None:
    """Draws the validation ELBO by epoch and by training time, and the log-likelihood against inference's time."""
    out, groups = pathlib.Path(out), by_method(records)
    histories = {method: group[0]["history"] for method, group in groups.items()}
    plots.save(plots.curves_by_time(histories, "val_elbo", label="validation ELBO (nats)"), out / "curves.png")
    points = {
        method: (values_of(group, "inference ms/128"), values_of(group, "test log p(x)"))
        for method, group in groups.items()
    }
    labels = {"x": "inference, ms a batch of 128", "y": "test log p(x) (nats)"}
    plots.save(plots.trade_off(points, **labels), out / "quality_and_time.png")
