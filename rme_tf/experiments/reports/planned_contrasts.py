"""Planned contrasts, with intervals over seeds and errors over observations."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from scipy import stats

from rme_tf.experiments.reports.contrasts import (
    QUANTITIES,
    Contrast,
    bounds_caption,
    differences_of,
    method_rows,
    name_of,
)
from rme_tf.experiments.reports.image_values import ImageValues
from rme_tf.experiments.reports.paired_comparison import holm
from rme_tf.experiments.reports.tables import Record, error_of_mean, markdown_table

LEVEL = 0.95  # of the intervals


class PlannedContrast(NamedTuple):
    """A difference between two methods in nats."""

    seeds: int  # number of common seeds
    mean: float
    low: float  # ends of Student's interval over seeds, NaN for one seed
    high: float
    image_error: float  # standard error over observations, of differences that are averaged over seeds
    p_seeds: float  # of paired t-tests over seeds, and over observations
    p_images: float


def planned_contrast(records: Sequence[Record], images: ImageValues, contrast: Contrast, quantity: str):
    """Returns a `PlannedContrast`.

    Args:
        records: records of the runs.
        images: bounds of each observation by method and quantity.
        contrast: names of the two methods.
        quantity: one of `contrasts.QUANTITIES`.

    Raises:
        ValueError: for a method without a record.
    """
    gaps = differences_of(records, contrast, quantity)
    low, high, p_seeds = math.nan, math.nan, math.nan
    if len(gaps) > 1:
        test = stats.ttest_1samp(gaps, 0.0)
        (low, high), p_seeds = test.confidence_interval(LEVEL), float(test.pvalue)
    first, second = (images[method][quantity] for method in contrast)
    error = error_of_mean(first - second)
    p_images = float(stats.ttest_1samp(first - second, 0.0).pvalue)
    return PlannedContrast(len(gaps), float(gaps.mean()), float(low), float(high), error, p_seeds, p_images)


def planned_contrasts(
    records: Sequence[Record], images: ImageValues, contrasts: Iterable[Contrast], quantity: str
) -> dict[Contrast, PlannedContrast]:
    """Returns all contrasts of a plan, with Holm's correction of the p-values.

    The correction counts the contrasts of the plan, also the ones without a test.

    Args:
        records: records of the runs.
        images: bounds of each observation by method and quantity.
        contrasts: contrasts of the plan.
        quantity: one of `contrasts.QUANTITIES`.
    """
    differences = {contrast: planned_contrast(records, images, contrast, quantity) for contrast in contrasts}
    seeds, observed = (
        holm({name_of(contrast): getattr(one, test) for contrast, one in differences.items()}, len(differences))
        for test in ("p_seeds", "p_images")
    )
    return {
        contrast: one._replace(p_seeds=seeds[name_of(contrast)], p_images=observed[name_of(contrast)])
        for contrast, one in differences.items()
    }


def planned_rows(differences: Mapping[Contrast, PlannedContrast]) -> list[dict[str, Any]]:
    """Returns the rows of the table of a quantity."""
    return [
        {
            "contrast": name_of(contrast),
            "seeds": one.seeds,
            "difference [95% over seeds]": _interval(one),
            "± over images": f"{one.image_error:.2f}",
            "p, seeds": _p(one.p_seeds),
            "p, images": _p(one.p_images),
        }
        for contrast, one in differences.items()
    ]


def planned_text(records: Sequence[Record], contrasts: Sequence[Contrast], images: ImageValues) -> str:
    """Returns the tables of methods and of contrasts in Markdown, with captions."""
    parts = [bounds_caption(records), markdown_table(method_rows(records))]
    for quantity in QUANTITIES:
        parts += [
            f"Differences in {quantity} (nats) under the same seeds, with 95% intervals over seeds; standard errors "
            "over observations, of differences averaged over seeds; p of paired t-tests, with Holm's correction for "
            f"the {len(contrasts)} contrasts.",
            markdown_table(planned_rows(planned_contrasts(records, images, contrasts, quantity))),
        ]
    return "\n\n".join(parts)


def _interval(one: PlannedContrast) -> str:
    """Returns a difference and its interval as text."""
    ends = "" if math.isnan(one.low) else f" [{one.low:+.2f}, {one.high:+.2f}]"
    return f"{one.mean:+.2f}{ends}"


def _p(value: float) -> str:
    """Returns a p-value as text, empty for NaN."""
    return "" if math.isnan(value) else "< 0.001" if value < 0.001 else f"{value:.3f}"
