"""Tables and figures of studies of inference on frozen decoders.

A block of a document names a table, a decoder and methods, such as `gaps bernoulli_2 gaussian me4`.
"""

import pathlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from rme_tf import plots
from rme_tf.core.registry import lookup
from rme_tf.core.validation import require
from rme_tf.experiments.reports.contrasts import name_of, read_contrasts
from rme_tf.experiments.reports.tables import Record, error_of_mean, markdown_table, mean_and_error

TRUTH, OPTIMUM, PATH = "truth", "optimum", "path"  # records that are no methods
DECIMALS = 3


def of_decoder(records: Iterable[Record], decoder: str) -> dict[str, list[Record]]:
    """Returns the records on a decoder by method, seeds in order.

    Raises:
        ValueError: if there are none.
    """
    groups: dict[str, list[Record]] = {}
    for record in records:
        if record["config"]["decoder"] == decoder:
            groups.setdefault(record["method"], []).append(record)
    require(groups, "decoder", "have records", decoder)
    return {method: sorted(group, key=lambda record: record["config"]["seed"]) for method, group in groups.items()}


def gaps_of(groups: dict[str, list[Record]], method: str, split: str = "test") -> np.ndarray:
    """Returns log p(x) - ELBO(Q) under each seed, in nats. Shape [seeds, N].

    Args:
        groups: result of `of_decoder`.
        method: name of the method.
        split: "test" or "train".
    """
    truth = np.array(groups[TRUTH][0]["metrics"][split]["log_likelihood"])
    return np.array([truth - record["metrics"][split]["elbo"] for record in lookup(groups, method, "method")])


def approximation_of(groups: dict[str, list[Record]], method: str) -> np.ndarray:
    """Returns log p(x) - ELBO(q*) of the test observations.

    Of a flow, under the first seeds, which had a search; else the same for all seeds. Shape [seeds, N] or [1, N].

    Args:
        groups: result of `of_decoder`.
        method: name of the method.
    """
    truth = np.array(groups[TRUTH][0]["metrics"]["test"]["log_likelihood"])
    first = groups[method][0]
    if _is_flow(groups, method):
        searched = [record["metrics"]["test"].get("optimal_elbo") for record in groups[method]]
        return np.array([truth - elbo for elbo in searched if elbo is not None])
    components = first["config"]["inference"]["components"]
    return gaps_of(groups, f"{OPTIMUM}_{components}")


def _is_flow(groups: dict[str, list[Record]], method: str) -> bool:
    """Returns whether the networks of a method are its own family, with best posteriors of its own."""
    return "optimal_elbo" in groups[method][0]["metrics"]["test"]


def gap_rows(records: Iterable[Record], decoder: str, *methods: str) -> list[dict[str, Any]]:
    """Returns rows with the gaps of methods on a decoder."""
    groups, rows = of_decoder(records, decoder), []
    for method in methods:
        test, best = gaps_of(groups, method).mean(axis=1), approximation_of(groups, method).mean(axis=1)
        row = {"method": method, "seeds": len(test), "test gap": test, "approximation": best}
        searched = test[: len(best)] if _is_flow(groups, method) else test
        row |= {"amortization": searched - best, "training gap": gaps_of(groups, method, "train").mean(axis=1)}
        rows.append({name: _shown(value) for name, value in row.items()})
    return rows


def difference_rows(records: Iterable[Record], decoder: str, *words: str) -> list[dict[str, Any]]:
    """Returns rows with differences of test gaps, paired by seed and observation."""
    groups, rows = of_decoder(records, decoder), []
    for contrast in read_contrasts(words):
        first, second = (gaps_of(groups, method) for method in contrast)
        count = min(len(first), len(second))
        difference = first[:count] - second[:count]
        row = {"contrast": name_of(contrast), "seeds": count}
        row["difference in test gap"] = mean_and_error(difference.mean(axis=1), DECIMALS)
        of_each = difference.mean(axis=0)  # seeds
        row["standard error over observations"] = f"{error_of_mean(of_each):.{DECIMALS}f}"
        rows.append(row)
    return rows


def mode_rows(records: Iterable[Record], decoder: str, *methods: str) -> list[dict[str, Any]]:
    """Returns rows with the modes that methods cover on a decoder."""
    groups, rows = of_decoder(records, decoder), []
    for method in methods:
        group = lookup(groups, method, "method")
        modes = [record["metrics"]["test"]["modes"] for record in group]
        row: dict[str, Any] = {
            "method": method,
            "seeds": "" if method.startswith(OPTIMUM) else len(group),
            "modes covered, %": _shown(share_covered(modes), 1),
        }
        row["missed mass"] = _shown(np.array([one["missed_mass"] for one in modes]))
        row["test gap"] = _shown(gaps_of(groups, method).mean(axis=1))
        kl = np.array([record["metrics"].get("component_kl", 0.0) for record in group])
        row["KL between components"] = _shown(kl, 1) if kl.any() else ""
        rows.append(row)
    return rows


def growth_rows(records: Iterable[Record], decoder: str, *methods: str) -> list[dict[str, Any]]:
    """Returns rows with modes that K components cover, and after searches."""
    groups = of_decoder(records, decoder)
    metrics = {method: [record["metrics"] for record in lookup(groups, method, "method")] for method in methods}
    most = max(len(one["joined"]) for group in metrics.values() for one in group)
    searches = {"own_ascent": "ascent from there", "search": "search from four starts"}
    rows = [
        {
            "modes covered, %": f"Q_{index}",
            **{of: _shown(share_covered([one["joined"][index] for one in group]), 1) for of, group in metrics.items()},
        }
        for index in range(most)
    ]
    for name, words in searches.items():
        covered = {of: _shown(share_covered([one[name] for one in group]), 1) for of, group in metrics.items()}
        rows.append({"modes covered, %": words, **covered})
    gaps = {of: _shown(np.array([one["gap"] for one in group])) for of, group in metrics.items()}
    rows.append({"modes covered, %": "gap in nats, trained", **gaps})
    for name, words in searches.items():
        gaps = {of: _shown(np.array([one[name]["gap"] for one in group])) for of, group in metrics.items()}
        rows.append({"modes covered, %": f"gap in nats, {words}", **gaps})
    return rows


def share_covered(modes: Sequence[dict]) -> np.ndarray:
    """Returns the percentage of covered modes in each record."""
    return np.array([100.0 * one["covered"] / max(1, one["modes"]) for one in modes])


TABLES: dict[str, Callable[..., list[dict[str, Any]]]] = {
    "differences": difference_rows,
    "gaps": gap_rows,
    "growth": growth_rows,
    "modes": mode_rows,
}


def inference_text(records: Sequence[Record], reference: str) -> str:
    """Returns the table that a block names, in Markdown.

    Args:
        records: records of the study.
        reference: name in `TABLES`, decoder, and methods or contrasts.
    """
    kind, decoder, *names = reference.split()
    rows = lookup(TABLES, kind, "table of inference")(records, decoder, *names)
    return markdown_table(rows)


def draw_inference(records: Sequence[Record], reference: str, path) -> None:
    """Draws the figure that a mark names.

    Args:
        records: records of the study.
        reference: "path", or "gaps", "modes" and a decoder with methods.
        path: path of the figure.
    """
    kind, *words = reference.split()
    figure = lookup({"gaps": _gap_figure, "modes": _mode_figure, "path": _path_figure}, kind, "figure")(records, *words)
    plots.save(figure, pathlib.Path(path))


def _gap_figure(records, *words):
    """Returns the bars of gaps, words of the form "decoder:method,method"."""
    parts = ("approximation gap", "amortization gap")
    return _bars(records, words, parts, lambda groups, method: approximation_of(groups, method).mean())


def _mode_figure(records, *words):
    """Returns the bars of gaps, the least nats of missed modes first, words as in `_gap_figure`."""
    return _bars(records, words, ("missed modes", "rest of the gap"), _missed_nats)


def _missed_nats(groups, method: str) -> float:
    """Returns the least nats that missed modes cost, the mean over observations and seeds."""
    modes = [record["metrics"]["test"]["modes"] for record in groups[method]]
    share = np.mean([one["with_several_modes"] / one["observations"] for one in modes])
    return share * np.mean([one["missed_nats"] for one in modes])


def _bars(records, words, parts: tuple[str, str], first_of: Callable):
    """Returns bars of test gaps, cut into a first part and the rest.

    Args:
        records: records of the study.
        words: words of the form "decoder:method,method".
        parts: names of both parts.
        first_of: function (groups, method) -> nats of the first part.
    """
    panels = {}
    for word in words:
        decoder, _, names = word.partition(":")
        groups, bars = of_decoder(records, decoder), {}
        for method in names.split(","):
            test, first = gaps_of(groups, method).mean(axis=1), first_of(groups, method)
            bars[method] = ((first, test.mean() - first), error_of_mean(test))
        panels[decoder] = bars
    return plots.stacked_bars(panels, parts)


def _path_figure(records):
    """Returns the objectives between two modes."""
    (metrics,) = [record["metrics"] for record in records if record["method"] == PATH]
    curves = {name: values for name, values in metrics.items() if name not in ("position", "cpu_seconds")}
    return plots.objectives_between(metrics["position"], curves, label="position between the two modes")


def _shown(value, decimals: int = DECIMALS):
    """Returns values over seeds as text; other values stay."""
    return mean_and_error(value, decimals) if isinstance(value, np.ndarray) else value
