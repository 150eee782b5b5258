"""Charts of the page of a run, from its `RunReport`."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from rme_tf.experiments.pages.run_report import RunReport
from rme_tf.experiments.pages.verdict import series
from rme_tf.plots import svg_charts
from rme_tf.plots.svg import NUM_COLORS

# Title, label of the axis, metric, whether "val_" is drawn too.
CURVES = (
    ("ELBO", "nats", "elbo", True),
    ("Reconstruction, E_Q[log p(x|z)]", "nats", "reconstruction", True),
    ("KL(Q || p)", "nats", "kl", True),
    ("Information of the codes, I(x; z)", "nats", "mi", False),
    ("Reliance on z", "nats", "reliance", False),
    ("Active units", "latent dimensions", "active_units", False),
    ("Distance between components, I(m; z|x)", "nats", "component_mi", False),
    ("Learning rate", "", "learning_rate", False),
    ("Time of an epoch", "seconds", "seconds", False),
)
MOST_CAPTION = 160  # characters of a sentence under the pointer


class Legend(NamedTuple):
    """A name in the legend of a chart."""

    name: str
    color: int
    dashed: bool = False


class Chart(NamedTuple):
    """A chart of a page, with its title and its legend."""

    title: str
    svg: str
    legend: Sequence[Legend] = ()
    note: str = ""


def learning_curves(report: RunReport) -> list[Chart]:
    """Returns the charts of the metrics in the history.

    The end of a warm start is marked. The ELBO of each component has a chart of its own.

    Args:
        report: data of the run.
    """
    marks = [(report.warm_start_epochs, "all components")] if report.components > 1 and report.warm_start_epochs else []
    charts = []
    for title, label, metric, held_out in CURVES:
        lines = [svg_charts.Line("training" if held_out else title, report.history.get(metric, []), 0)]
        if held_out:
            lines.append(svg_charts.Line("validation", report.history.get(f"val_{metric}", []), 1, dashed=True))
        charts.append(_curves(title, label, lines, marks))
    if report.components > 1:
        lines = [
            svg_charts.Line(f"component {m}", report.history.get(f"elbo_{m}", []), m)
            for m in range(min(report.components, NUM_COLORS))
        ]
        charts.insert(1, _curves("ELBO of each component, training", "nats", lines, marks))
    return [chart for chart in charts if chart is not None]


def _curves(title: str, label: str, lines: Sequence[svg_charts.Line], marks=()) -> Chart | None:
    """Returns a chart of the lines that were measured, None without any."""
    measured = [line for line in lines if np.isfinite(series({"": list(line.values)}, "")).any()]
    if not measured:
        return None
    legend = [Legend(line.name, line.color, line.dashed) for line in measured] if len(measured) > 1 else []
    alt = f"{title} by epoch: {', '.join(line.name for line in measured)}"
    chart = svg_charts.curves(measured, alt, label=label, marks=marks)
    return Chart(title, chart, legend, svg_charts.outside(measured))


def overlaid_curves(histories: Mapping[str, Mapping[str, list]]) -> list[Chart]:
    """Returns charts with a line for each run.

    Validation is shown where it was measured.

    Args:
        histories: name of the run -> metrics by epoch.
    """
    charts = []
    for title, label, metric, held_out in CURVES:
        key = (
            f"val_{metric}"
            if held_out and any(f"val_{metric}" in history for history in histories.values())
            else metric
        )
        lines = [
            svg_charts.Line(name, history.get(key, []), index)
            for index, (name, history) in enumerate(histories.items())
        ]
        suffix = ", validation" if key != metric else ""
        charts.append(_curves(title + suffix, label, lines))
    return [chart for chart in charts if chart is not None]


def latent_charts(report: RunReport) -> list[Chart]:
    """Returns the maps of the latent space, by PCA and t-SNE.

    The points are colored by label where the data have labels.

    Args:
        report: data of the run.
    """
    latent = report.latent
    if latent is None:
        return []
    names = sorted(set(latent.groups), key=_label_order) if latent.groups else []
    colors = [names.index(group) for group in latent.groups] if latent.groups else [0] * len(latent.codes)
    captions = point_captions(report)
    legend = [Legend(name, index) for index, name in enumerate(names)]
    two = latent.codes.shape[-1] <= 2
    title = "The two latent dimensions" if two else "Principal components"
    labels = ("z0", "z1") if two else ("first principal component", "second")
    charts = []
    for name, positions, axes, note in (
        (title, latent.plane, labels, "" if two else f"{latent.explained:.0%} of the variance is in this plane."),
        ("t-SNE", latent.neighborhoods, ("", ""), "Neighbors stay together; distances between groups mean little."),
    ):
        if positions is not None:
            layer = svg_charts.Points(np.asarray(positions), colors, captions)
            alt = f"{name} of the latent codes of {len(captions)} test observations"
            charts.append(Chart(name, svg_charts.points([layer], alt, axes), legend, note))
    return charts


def _label_order(name: str) -> tuple:
    """Returns a key that sorts numbers by value, then names, then "other"."""
    return name == "other", not name.isdecimal(), int(name) if name.isdecimal() else 0, name


def point_captions(report: RunReport) -> list[str]:
    """Returns the label and the sentence of each point."""
    latent = report.latent
    if latent is None:
        return []
    captions = []
    for index in range(len(latent.codes)):
        text = f"test {index}" if latent.items.texts is None else shortened(latent.items.texts[index])
        captions.append(f"{latent.groups[index]}: {text}" if latent.groups else text)
    return captions


def shortened(text: str, most: int = MOST_CAPTION) -> str:
    """Returns a text of at most `most` characters."""
    return text if len(text) <= most else f"{text[: most - 1]}\u2026"


def posterior_charts(report: RunReport) -> list[Chart]:
    """Returns a chart of the draws from each posterior's components."""
    latent, decodings = report.latent, report.decodings
    if latent is None or decodings is None:
        return []
    charts = []
    for view in decodings.views:
        draws = latent.project(view.draws)  # [S, M, 2]
        layers = [svg_charts.Points(latent.plane, radius=1.6, of="faint")]
        layers += [svg_charts.Points(draws[:, m], [m] * len(draws), radius=2.2) for m in range(draws.shape[1])]
        means = latent.project(view.means)
        layers.append(svg_charts.Points(means, range(len(means)), radius=5.0, of="ring"))
        alt = f"Posterior of test observation {view.observation}: draws from {len(means)} components"
        charts.append(Chart("", svg_charts.points(layers, alt)))
    return charts


def usage_chart(report: RunReport) -> Chart | None:
    """Returns the bars of the components' mean weights, or None."""
    test = report.record.get("metrics", {}).get("test", {})
    weights = [test.get(f"alpha_{m}") for m in range(report.components)]
    if report.components < 2 or None in weights or np.allclose(weights, 1 / len(weights), atol=1e-4):
        return None  # equal weights, such as uniform ones, need no chart
    names = [f"component {m}" for m in range(report.components)]
    alt = f"Mean weights of {report.components} components; the line is at 1/M"
    return Chart("Mean weights of the components", svg_charts.bars(weights, names, alt, reference=1 / len(weights)))


def gap_chart(report: RunReport) -> Chart | None:
    """Returns the histogram of the inference gaps of test observations, or None."""
    gaps = report.gaps
    if gaps is None or gaps.inference is None or not np.isfinite(gaps.inference).any():
        return None
    title = "Inference gap of each test observation"
    return Chart(title, svg_charts.histogram(gaps.inference, title, label="log p(x) - ELBO, nats"))
