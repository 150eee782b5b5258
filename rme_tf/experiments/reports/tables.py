"""Tables of recorded runs on images and on sentences."""

import collections
import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from tabulate import tabulate

from rme_tf.experiments.reports.configuration import field
from rme_tf.experiments.reports.growth import components_trained

# Decimals of a benchmark's columns that are neither ratios nor large.
MILLISECONDS = {"ms": ",.2f", "CPU ms": ",.2f", "ms/1,000 codes": ",.2f", "decoder's ms": ",.2f"}
FORMATS = {"largest difference": ".0e", "seconds": ",.2f", "ms/batch": ",.1f", **MILLISECONDS}

Record = dict
Column = Callable[[list[Record]], str]  # the records of one row


def mean_and_error(values, decimals: int = 2) -> str:
    """Returns "mean ± standard error" over seeds.

    The text is the mean without an error for one value, or for equal whole numbers, and empty for NaN.
    """
    values = np.asarray(values, float)
    if not np.isfinite(values).all():
        return ""
    if len(values) == 1 or (decimals == 0 and np.ptp(values) == 0):
        return f"{values[0]:,.{decimals}f}"
    return f"{values.mean():,.{decimals}f} ± {error_of_mean(values):,.{decimals}f}"


def error_of_mean(values: np.ndarray) -> float:
    """Returns the standard error of the mean, 0 for one value."""
    return float(values.std(ddof=1) / math.sqrt(len(values))) if len(values) > 1 else 0.0


def signed(text: str) -> str:
    """Returns the text of a number with its sign."""
    return text if text.startswith("-") else f"+{text}"


def markdown_table(rows: Sequence[Mapping]) -> str:
    """Returns rows as a table in Markdown."""
    return tabulate(rows, headers="keys", tablefmt="github", disable_numparse=True)


def by_method(records) -> dict[str, list[Record]]:
    """Returns the records by their method, in the order of the records."""
    methods = collections.defaultdict(list)
    for record in records:
        methods[record["method"]].append(record)
    return dict(methods)


def summary_rows(records: dict[str, Record]) -> list[dict]:
    """Returns the rows of the table of single runs, one a model."""
    columns = _text_summary if _of_text(records.values()) else _image_summary
    return _aligned([{"model": _model(name, record), **columns(record)} for name, record in records.items()])


def summary_table(records: dict[str, Record], style: str = "simple") -> str:
    """Returns the table of single runs, one row a model.

    Bounds are in nats, ± the standard error over observations.

    Args:
        records: name of the model -> record.
        style: format of tabulate.
    """
    return tabulate(summary_rows(records), headers="keys", tablefmt=style, disable_numparse=True)


def study_rows(records: list[Record]) -> list[dict]:
    """Returns the rows of the table of a study, one a method."""
    columns = _text_study if _of_text(records) else _image_study
    return _aligned([{"method": method, **columns(group)} for method, group in by_method(records).items()])


def study_table(records: list[Record], style: str = "github") -> str:
    """Returns the table of a study, one row a method.

    Numbers are means ± standard errors over seeds.

    Args:
        records: records of the runs.
        style: format of tabulate.
    """
    return tabulate(study_rows(records), headers="keys", tablefmt=style, disable_numparse=True)


def benchmark_table(record: Record, style: str = "github") -> str:
    """Returns the table in the record of a benchmark."""
    columns = max(record["table"], key=len)  # in the order of the longest row
    formats = [".2f" if name.startswith("times") else FORMATS.get(name, ",.0f") for name in columns]
    return tabulate(_aligned(record["table"]), headers="keys", tablefmt=style, floatfmt=formats, missingval="")


def _aligned(rows: list[dict]) -> list[dict]:
    """Returns the rows with all columns of the longest row; missing cells are empty."""
    longest = max(rows, key=lambda row: len(row))
    columns = dict.fromkeys(longest, "")
    return [{**columns, **row} for row in rows]


def _more_samples(group: list[Record], title: str, show: Callable[[list[dict], str], str]) -> dict[str, str]:
    """Returns the column of the test log-likelihood by more samples; empty if it was not recorded."""
    number = field(group[0], "more_importance_samples")
    if number is None:
        return {}
    tests = [record["metrics"]["test"] for record in group]
    return {f"{title}, {number:,} samples": show(tests, f"log_likelihood_{number}")}


def _of_text(records) -> bool:
    return any("perplexity_per_word" in record["metrics"]["test"] for record in records)


def _with_error(summary: dict, name: str) -> str:
    error = summary[name + "_standard_error"]  # None or NaN for one observation
    return f"{summary[name]:.2f}" + ("" if error is None or math.isnan(error) else f" ± {error:.2f}")


def _model(name: str, record: Record) -> str:
    """Returns the name of a model, with the number of components where not all were trained."""
    trained = components_trained([record])
    return f"{name} ({trained} components)" if isinstance(trained, str) else name


def _parameters(record: Record) -> int:
    return record["metrics"]["inference_parameters"] + record["metrics"]["generative_parameters"]


def _image_summary(record: Record) -> dict:
    test, train = record["metrics"]["test"], record["metrics"]["train"]
    return {
        "parameters": _parameters(record),
        "train ELBO": f"{train['elbo']:.2f}",
        "test ELBO": _with_error(test, "elbo"),
        f"test log p(x), {field(record, 'importance_samples'):,} samples": _with_error(test, "log_likelihood"),
        **_more_samples([record], "test log p(x)", lambda tests, name: _with_error(tests[0], name)),
        "bits/dim": mean_and_error([test["bits_per_dimension"]], 4),
        "active units": f"{test['active_units']} of {field(record, 'latent_dim')}",
        "H(alpha)": f"{test['mixing_entropy']:.3f}",
        "s/epoch": f"{record['seconds']['last_epoch']:.2f}",
        "inference ms/128": f"{record['inference_milliseconds_per_batch_of_128']:.2f}",
    }


def _text_summary(record: Record) -> dict:
    test = record["metrics"]["test"]
    collapse = test["collapse"]
    return {
        "parameters": _parameters(record),
        "test ELBO": _with_error(test, "elbo"),
        "test log p(x)": _with_error(test, "log_likelihood"),
        "samples": f"{field(record, 'importance_samples'):,}",  # 1 for a language model
        **_more_samples([record], "test log p(x)", lambda tests, name: _with_error(tests[0], name)),
        "PPL/word": f"{test['perplexity_per_word']:.2f}",
        "PPL/token": f"{test['perplexity_per_token']:.2f}",
        "KL": f"{test['kl']:.2f}",
        "I(x; z)": f"{collapse['mutual_information']:.2f}",
        "active units": f"{collapse['active_units']:.0f} of {field(record, 'latent_dim')}",
        "reliance on z": f"{collapse['reliance']:.2f}",
        "s/epoch": f"{record['seconds']['last_epoch']:.2f}",
    }


def _image_study(group: list[Record]) -> dict:
    """Returns the row of one method over its seeds, with the report on collapse where there is one."""
    if all("collapse" in record["metrics"]["test"] for record in group):
        return _collapse_study(group, {"bits/dim": "bits_per_dimension"})
    tests = [record["metrics"]["test"] for record in group]
    trains = [record["metrics"]["train"] for record in group]
    scaled = all("decoder_scale" in test for test in tests)
    scale = {"decoder's scale": mean_and_error([test["decoder_scale"] for test in tests], 4)} if scaled else {}
    least = min(min(test[f"alpha_{m}"] for m in range(field(group[0], "components"))) for test in tests)
    return {
        "M": components_trained(group),
        "seeds": len(group),
        "test ELBO": mean_and_error([test["elbo"] for test in tests]),
        f"test log p(x), {field(group[0], 'importance_samples'):,} samples": mean_and_error(
            [test["log_likelihood"] for test in tests]
        ),
        **_more_samples(group, "test log p(x)", lambda tests, name: mean_and_error([test[name] for test in tests])),
        "train ELBO": mean_and_error([train["elbo"] for train in trains]),
        "I(m; z)": mean_and_error([test["component_information"] for test in tests]),
        "least mean alpha": f"{least:.3f}",
        "active units": mean_and_error([test["active_units"] for test in tests]),
        **scale,
        "minutes": f"{np.mean([record['seconds']['training'] for record in group]) / 60:.1f}",
    }


def _text_study(group: list[Record]) -> dict:
    """Returns the row of one method, over its seeds; NLL and KL in nats a sentence."""
    return _collapse_study(group, {"PPL/word": "perplexity_per_word", "PPL/token": "perplexity_per_token"})


def _collapse_study(group: list[Record], more: dict[str, str]) -> dict:
    """Returns the row of one method with its report on collapse.

    Args:
        group: records of the method.
        more: name of a further column -> metric of the test set.
    """
    tests = [record["metrics"]["test"] for record in group]

    def shown(name, sign=1.0):
        return mean_and_error([sign * test[name] for test in tests])

    def diagnosed(name):
        return mean_and_error([test["collapse"][name] for test in tests])

    return {
        "M": components_trained(group),
        "seeds": len(group),
        "NLL": shown("log_likelihood", -1.0),
        **_more_samples(group, "NLL", lambda _, name: shown(name, -1.0)),
        "-ELBO": shown("elbo", -1.0),
        **{column: shown(name) for column, name in more.items()},
        "KL": shown("kl"),
        "I(x; z)": diagnosed("mutual_information"),
        "active units": diagnosed("active_units"),
        "reliance on z": diagnosed("reliance"),
        "I(m; z given x)": diagnosed("component_information"),
        "minutes": f"{np.mean([record['seconds']['training'] for record in group]) / 60:.1f}",
    }
