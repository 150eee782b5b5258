"""Tables of imputations: log-probabilities of hidden pixels, with paired differences."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from tabulate import tabulate

from rme_tf.core.registry import lookup
from rme_tf.experiments.reports.configuration import field
from rme_tf.experiments.reports.growth import components_trained
from rme_tf.experiments.reports.page_tables import PageTable
from rme_tf.experiments.reports.paired_comparison import numbers, observations
from rme_tf.experiments.reports.tables import Record, by_method, mean_and_error

# Name of the score in a record -> column.
SCORES = {"drawn": "drawn from Q", "weighted": "importance-weighted"}


def has_imputations(records: Sequence[Record]) -> bool:
    """Returns whether all records have scores of imputations."""
    return all("imputation" in record["metrics"]["test"] for record in records)


def paired_gap(group: Sequence[Record], others: Sequence[Record], score: str) -> tuple[float, float]:
    """Returns the mean difference of a score, and its standard error.

    The difference of an image is the mean over the seeds of both groups. The standard error is over images.

    Args:
        group: records of a method.
        others: records of the reference.
        score: one of `SCORES`.

    Raises:
        ValueError: without a common seed.
    """
    first, second = ({field(record, "seed"): _of_each(record, score) for record in part} for part in (group, others))
    common = sorted(first.keys() & second.keys())
    if not common:
        raise ValueError(f"Expected records of one seed. Received: seeds {sorted(first)} and {sorted(second)}.")
    gaps = np.mean([first[seed] - second[seed] for seed in common], axis=0)  # [N]
    return float(gaps.mean()), float(gaps.std(ddof=1) / np.sqrt(len(gaps)))


def _of_each(record: Record, score: str) -> np.ndarray:
    return np.asarray(record["metrics"]["test"]["imputation"]["of_each"][score], float)


def imputation_rows(records: Sequence[Record], reference: str) -> list[dict[str, Any]]:
    """Returns the rows of the table of imputations, one a method.

    Args:
        records: records of runs with hidden pixels.
        reference: name of the method that differences are from.

    Raises:
        ValueError: if there is no record of the reference.
    """
    groups = by_method(records)
    others = lookup(groups, reference, "reference")
    rows = []
    for method, group in groups.items():
        tests = [record["metrics"]["test"] for record in group]
        row: dict[str, Any] = {"method": method, "M": components_trained(group), "seeds": len(group)}
        row["log p(seen)"] = mean_and_error([test["log_likelihood"] for test in tests])
        row["ELBO(seen)"] = mean_and_error([test["elbo"] for test in tests])
        for score, column in SCORES.items():
            row[column] = mean_and_error([test["imputation"][score] for test in tests])
            mean, error = paired_gap(group, others, score)
            row[f"{column}, less {reference}'s"] = "" if method == reference else f"{mean:+.2f} ± {error:.2f}"
        rows.append(row)
    return rows


def imputation_page_tables(records: Sequence[Record], reference: str) -> tuple[PageTable, ...]:
    """Returns the tables of a page for `imputation_rows`."""
    tests, samples, pixels = (
        numbers(values)
        for values in (
            [observations(record["metrics"]["test"]) for record in records],
            [field(record, "importance_samples") for record in records],
            [round(record["metrics"]["test"]["imputation"]["hidden_pixels"]) for record in records],
        )
    )
    caption = (
        f"log p(hidden pixels given the seen ones) of {tests} test images, {pixels} hidden pixels each, in nats an "
        f"image by {samples} draws from Q; means ± standard errors over seeds. Differences: means over seeds ± "
        "standard errors over images, paired."
    )
    seen = "The seen pixels of the test images, in nats an image."
    columns = [name for column in SCORES.values() for name in (column, f"{column}, less {reference}'s")]
    return (
        PageTable(("method", "M", *columns), caption),
        PageTable(("method", "seeds", "log p(seen)", "ELBO(seen)"), seen),
    )


def imputation_table(records: Sequence[Record], reference: str, style: str = "github") -> str:
    """Returns the table of imputations, one row a method.

    Args:
        records: records of runs with hidden pixels.
        reference: name of the method that differences are from.
        style: format of tabulate.
    """
    rows = imputation_rows(records, reference)
    return tabulate(rows, headers="keys", tablefmt=style, disable_numparse=True)
