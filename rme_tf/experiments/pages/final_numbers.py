"""Final numbers of a run: metrics, gaps, time and memory."""

import math
import pathlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from rme_tf.experiments.pages.verdict import number
from rme_tf.experiments.reports.configuration import field
from rme_tf.experiments.reports.run_files import BOUNDS

SPLITS = ("test", "train")
LARGE = 100.0  # standard error from which on decimals say nothing
# Metric -> name, meaning, decimals.
METRICS = {
    "log_likelihood": ("log p(x)", "importance-weighted lower bound, nats an observation", 2),
    "elbo": ("ELBO", "evidence lower bound of the mixture, nats", 2),
    "reconstruction": ("reconstruction", "E_Q[log p(x|z)], nats", 2),
    "kl": ("KL(Q || p)", "distance of the posterior from the prior, nats", 2),
    "bits_per_dimension": ("bits per dimension", "of the bound on log p(x)", 4),
    "perplexity_per_word": ("perplexity per word", "of the bound on log p(x)", 2),
    "perplexity_per_token": ("perplexity per token", "of the bound on log p(x)", 2),
    "active_units": ("active units", "latent dimensions whose posterior mean varies", 0),
    "component_information": ("I(m; z|x)", "distance between the components, at most log M, nats", 3),
    "mixing_entropy": ("H(alpha)", "entropy of the mixing weights, at most log M, nats", 3),
    "decoder_scale": ("decoder's scale", "mean scale of p(x|z)", 4),
}
DIAGNOSED = {
    "mutual_information": ("I(x; z)", "information of the codes on x, at most log N, nats", 2),
    "reliance": ("reliance on z", "loss of log p(x|z) with the code of another observation, nats", 2),
    "kl_aggregate": ("KL(q(z) || p)", "distance of all codes together from the prior, nats", 2),
}


# Score of hidden cells -> name, meaning, constant.
IMPUTED = {
    "rmse": ("RMSE of hidden cells", "numbers, in standard deviations", "the column's mean"),
    "wrong_levels": ("wrong levels of hidden cells", "share of levels", "the most frequent level"),
}


class Row(NamedTuple):
    """A row of the table of numbers."""

    name: str
    meaning: str
    values: tuple[str, ...]  # by split, empty where not measured


class ColumnError(NamedTuple):
    """Errors of a model and a constant on a column's hidden cells."""

    name: str
    cells: int
    score: str  # name in `IMPUTED`
    model: float
    constant: float

    @property
    def meaning(self) -> str:
        """Quantity of the error, and the constant."""
        return f"{IMPUTED[self.score][1]}; by {IMPUTED[self.score][2]}"


class Gaps(NamedTuple):
    """Gaps of a model: estimates and standard errors, in nats."""

    inference: np.ndarray | None  # log p(x) - ELBO of each test observation, a lower bound of KL(Q || p(z|x))
    rows: list[Row]


def with_error(values: Mapping[str, Any], name: str, decimals: int) -> str:
    """Returns "value ± standard error" of a metric, or the value alone.

    The text is empty for a value that is missing or not finite. With an error of `LARGE` or more there are no decimals.

    Args:
        values: metrics of a split.
        name: name of the metric; its standard error has the ending `_standard_error`.
        decimals: number of decimals.
    """
    value, error = number(values, name), number(values, f"{name}_standard_error")
    if not math.isfinite(value):
        return ""
    decimals = 0 if error >= LARGE else decimals
    return f"{value:,.{decimals}f}" + (f" ± {error:,.{decimals}f}" if math.isfinite(error) else "")


def metric_rows(record: Mapping[str, Any]) -> list[Row]:
    """Returns the rows of measured metrics of both splits.

    Args:
        record: record of a finished run.
    """
    splits = [record["metrics"].get(split, {}) for split in SPLITS]
    rows = [
        Row(name, meaning, tuple(with_error(values, key, decimals) for values in splits))
        for key, (name, meaning, decimals) in METRICS.items()
    ]
    reports = [values.get("collapse", {}) for values in splits]
    few = number(reports[0], "num_observations")
    of = f"; of {few:,.0f} observations" if few < number(splits[0], "num_observations") else ""
    rows += [
        Row(name, f"{meaning}{of}", tuple(with_error(values, key, decimals) for values in reports))
        for key, (name, meaning, decimals) in DIAGNOSED.items()
    ]
    rows += imputation_rows(splits[0].get("imputation", {}))
    samples = field(record, "importance_samples")
    rows[0] = rows[0]._replace(meaning=f"{rows[0].meaning}, {samples:,} samples" if samples else rows[0].meaning)
    more = field(record, "more_importance_samples")
    if more is not None:
        shown = with_error(splits[0], f"log_likelihood_{more}", 2)
        rows.insert(1, Row("log p(x)", f"the same bound, {more:,} samples", (shown, "")))
    probe = splits[0].get("linear_probe")
    if probe:
        meaning = f"share of labels predicted from posterior means; majority class {probe['majority_rate']:.3f}"
        shown = f"{probe['accuracy']:.3f} ± {probe['standard_error']:.3f}"
        rows.append(Row("linear probe", meaning, (shown, "")))
    return [row for row in rows if any(row.values)]


def imputation_rows(scores: Mapping[str, Any]) -> list[Row]:
    """Returns the rows of errors of imputed cells, next to a constant's.

    Args:
        scores: errors of the model and of constants, see `imputation_errors`.
    """
    return [
        Row(
            name,
            f"{meaning}; {scores[f'{key}_of_constant']:.3f} by {constant}",
            (f"{scores[f'{key}_of_model']:.3f}", ""),
        )
        for key, (name, meaning, constant) in IMPUTED.items()
        if f"{key}_of_model" in scores
    ]


def column_errors(scores: Mapping[str, Any]) -> list[ColumnError]:
    """Returns the errors of each column with hidden cells.

    Args:
        scores: errors of the model and of constants, see `imputation_errors`; earlier ones have none by column.
    """
    return [
        ColumnError(name, cells["hidden_cells"], score, cells[f"{score}_of_model"], cells[f"{score}_of_constant"])
        for name, cells in scores.get("columns", {}).items()
        for score in IMPUTED
        if f"{score}_of_model" in cells
    ]


def gaps_of(folder: pathlib.Path, record: Mapping[str, Any]) -> Gaps:
    """Returns the gaps that were measured.

    Args:
        folder: directory of the run, with the bounds of each observation.
        record: record of the run.
    """
    test, train = (record["metrics"].get(split, {}) for split in SPLITS)
    rows: list[Row] = []
    differences = None
    path = folder / BOUNDS
    if path.exists():
        with np.load(path) as bounds:
            differences = bounds["test_log_likelihood"] - bounds["test_elbo"]
    inference = number(test, "log_likelihood") - number(test, "elbo")
    if math.isfinite(inference):
        error = float("nan") if differences is None or len(differences) < 2 else standard_error(differences)
        meaning = "log p(x) less ELBO, test: KL(Q || p(z|x)) or somewhat less"
        rows.append(Row("inference gap", meaning, (_signed(inference, error),)))
    generalization = number(train, "elbo") - number(test, "elbo")
    if math.isfinite(generalization):
        error = math.hypot(number(train, "elbo_standard_error"), number(test, "elbo_standard_error"))
        rows.append(Row("generalization gap", "ELBO of training less test data", (_signed(generalization, error),)))
    gain = number(test, "component_information")
    if math.isfinite(gain) and "elbo_1" in test:
        rows.append(Row("gain of the mixture", "ELBO(Q) less its components' mean, test", (_signed(gain, math.nan),)))
    return Gaps(differences, rows)


def standard_error(values) -> float:
    """Returns the standard error of a mean.

    Args:
        values: independent values. Shape [N], N of at least 2.
    """
    return float(np.std(values, ddof=1) / math.sqrt(len(values)))


def _signed(value: float, error: float) -> str:
    decimals = 0 if error >= LARGE else 2
    return f"{value:+,.{decimals}f}" + (f" ± {error:,.{decimals}f}" if math.isfinite(error) else "") + " nats"


def cost_rows(record: Mapping[str, Any]) -> list[Row]:
    """Returns the rows of time, memory and parameters.

    Args:
        record: record of a finished run.
    """
    seconds, metrics = record.get("seconds", {}), record.get("metrics", {})
    milliseconds = number(record, "inference_milliseconds_per_batch_of_128")
    memory = number(record, "peak_memory_mib")
    shown = {
        "training": ("all epochs", duration(number(seconds, "training"))),
        "last epoch": ("the first one includes compilation", duration(number(seconds, "last_epoch"))),
        "evaluation": ("bounds and diagnostics at the end", duration(number(seconds, "evaluation"))),
        "inference": ("a batch of 128", f"{milliseconds:.2f} ms" if math.isfinite(milliseconds) else ""),
        "peak memory": (record.get("peak_memory_of") or "", f"{memory:,.0f} MiB" if math.isfinite(memory) else ""),
        "inference parameters": ("encoders and mixing", _count(number(metrics, "inference_parameters"))),
        "generative parameters": ("decoder, likelihood, prior", _count(number(metrics, "generative_parameters"))),
    }
    return [Row(name, meaning, (value,)) for name, (meaning, value) in shown.items() if value]


def duration(seconds: float) -> str:
    """Returns a duration in words, empty for NaN.

    Examples are "2 h 05 min", "3 min 20 s" and "1.2 s".
    """
    if not math.isfinite(seconds):
        return ""
    if seconds < 60.0:
        return f"{seconds:.2g} s" if seconds < 10.0 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60:,} h {minutes % 60:02d} min"


def _count(value: float) -> str:
    return f"{value:,.0f}" if math.isfinite(value) else ""
