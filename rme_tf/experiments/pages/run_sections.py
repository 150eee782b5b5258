"""Sections of the page of a run, and the values they show."""

from collections.abc import Callable
from typing import Any, NamedTuple

from rme_tf import plots
from rme_tf.experiments.pages import charts
from rme_tf.experiments.pages.final_numbers import column_errors
from rme_tf.experiments.pages.run_report import RunReport
from rme_tf.experiments.pages.run_verdicts import Judged, verdicts_of
from rme_tf.experiments.pages.settings import with_found
from rme_tf.experiments.pages.shown_items import Shown, shown
from rme_tf.plots.data_uris import figure_uri, sheet

MOST_SAMPLES = 24
MOST_SENTENCES = 10


class Section(NamedTuple):
    """A section of a page."""

    name: str  # of its template, and of its anchor
    title: str
    values: Callable[[RunReport], dict[str, Any] | None]  # None: the run has nothing to show here


def _verdicts(report: RunReport) -> dict[str, Any]:
    judged = Judged(
        report.record,
        report.history,
        report.diagnosed,
        report.components,
        report.latent_dim,
        report.warm_start_epochs,
        report.has_codes,
        report.steps,
        report.neighbors,
    )
    return {"verdicts": verdicts_of(judged)}


def _numbers(report: RunReport) -> dict[str, Any] | None:
    if not report.metrics and not report.costs:
        return None
    test = report.record.get("metrics", {}).get("test", {})
    columns = column_errors(test.get("imputation", {}))
    return {"metrics": report.metrics, "costs": report.costs, "count": test.get("num_observations"), "columns": columns}


def _setup(report: RunReport) -> dict[str, Any]:
    data = report.record.get("data") or {}
    settings = [with_found(setting, data) for setting in report.settings]
    return {"facts": report.facts, "settings": settings, "made_from": report.made_from}


def _curves(report: RunReport) -> dict[str, Any] | None:
    curves = charts.learning_curves(report)
    return {"charts": curves} if curves else None


def _reconstructions(report: RunReport) -> dict[str, Any] | None:
    decodings = report.decodings
    if decodings is None:
        return None
    originals = shown(decodings.observations, "Test observation {}")
    return {"pairs": list(zip(originals, shown(decodings.reconstructions, "Reconstruction of {}"), strict=True))}


def _posteriors(report: RunReport) -> dict[str, Any] | None:
    decodings = report.decodings
    if decodings is None or report.latent is None:
        return None
    views = []
    for view, chart in zip(decodings.views, charts.posterior_charts(report), strict=True):
        weights = [f"component {m}: {weight:.2f}" for m, weight in enumerate(view.weights[: len(view.components)])]
        observation = shown(decodings.observations.take([view.observation]), f"Test observation {view.observation}")[0]
        decoded = shown(
            view.components, f"Test observation {view.observation}, decoded mean of component {{}}", weights
        )
        views.append({"observation": observation, "components": decoded, "chart": chart})
    figures = [
        Shown(f"True posterior of test observation {index}, its components and the mixture", uri=_panel_uri(panel))
        for index, panel in enumerate(report.panels or [])
    ]
    return {"views": views, "figures": figures, "usage": charts.usage_chart(report)}


def _panel_uri(panel) -> str:
    return figure_uri(plots.posterior_2d({"Q": [panel]}))


def _samples(report: RunReport) -> dict[str, Any] | None:
    items = report.samples if report.decodings is None else report.decodings.samples
    if items is None:
        return None
    most = MOST_SENTENCES if items.images is None else MOST_SAMPLES
    return {"samples": shown(items.take(range(min(most, len(items)))), "Sample {} from the prior")}


def _neighbors(report: RunReport) -> dict[str, Any] | None:
    neighbors = report.neighbors
    if neighbors is None:
        return None
    distances = [f"{first:.3g}" for first, _ in neighbors.distances[: len(neighbors.nearest)]]
    nearest = shown(neighbors.nearest, "Nearest training observation of sample {}", distances)
    return {"pairs": list(zip(shown(neighbors.samples, "Sample {}"), nearest, strict=True)), "found": neighbors}


def _interpolations(report: RunReport) -> dict[str, Any] | None:
    decodings = report.decodings
    if decodings is None or not decodings.lines:
        return None
    alt = "Step {{}} between test observations {} and {}"
    return {"lines": [shown(line, alt.format(index, index + 1)) for index, line in enumerate(decodings.lines)]}


def _latent(report: RunReport) -> dict[str, Any] | None:
    latent = report.latent
    if latent is None:
        return None
    images = latent.items.images
    thumbnails = None if images is None else sheet(images)
    return {"charts": charts.latent_charts(report), "sheet": thumbnails, "labeled": latent.groups is not None}


def _gaps(report: RunReport) -> dict[str, Any] | None:
    gaps = report.gaps
    return None if gaps is None or not gaps.rows else {"rows": gaps.rows, "chart": charts.gap_chart(report)}


SECTIONS = (
    Section("verdicts", "Verdict", _verdicts),
    Section("numbers", "Final numbers", _numbers),
    Section("curves", "Learning curves", _curves),
    Section("reconstructions", "Reconstructions", _reconstructions),
    Section("posteriors", "Posteriors", _posteriors),
    Section("samples", "Samples", _samples),
    Section("neighbors", "Nearest training data", _neighbors),
    Section("interpolations", "Interpolations", _interpolations),
    Section("latent", "Latent space", _latent),
    Section("gaps", "Gaps", _gaps),
    Section("setup", "What was run", _setup),
)
