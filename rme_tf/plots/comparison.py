"""Figures that compare methods: curves by epoch and time, trade-offs, differences."""

import numpy as np
from matplotlib.figure import Figure

from rme_tf.core.validation import require
from rme_tf.plots.style import COLORS, MARKERS, color, line, styled

LEGEND_ROWS = 18  # of one column next to the panels
LEGEND_WIDTH = 2.4  # inches of a further column
SPAN = 10.0  # factor that the logarithmic axis covers at least
MAX_LABELS = 10  # largest number of methods with their names within the panel
PANELS = 3  # panels of differences next to each other
FAR = 3.0  # values this far below the usual minimum, in ranges of the curves, are not shown


@styled
def curves_by_time(histories, metric, *, label):
    """Draws one metric by epoch and by seconds of training.

    The vertical range covers the values after the first fifth of the epochs, without a curve far below the others.

    Args:
        histories: Name of the model -> history of `fit`, with the `seconds` of each epoch.
        metric: Key of the metric to draw. None and values that are not finite are left out of a line.
        label: Label of the metric, with its unit.
    """
    require(histories, "histories", "hold at least one model", histories)
    figure = Figure(figsize=(8.6, 3.6), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    later = []
    for index, (name, history) in enumerate(histories.items()):
        require(metric in history, f"histories[{name!r}]", f"hold {metric!r}", sorted(history))
        values = np.array(history[metric], dtype=float)
        (measured,) = np.isfinite(values).nonzero()
        look = {**line(index), "marker": "." if len(values) <= 20 else "", "label": name}
        panels[0].plot(measured + 1, values[measured], **look)
        panels[1].plot(np.cumsum(history["seconds"])[measured], values[measured], **look)
        later.append(values[measured[measured >= len(values) // 5]])
    panels[0].set(xlabel="epoch", ylabel=label)
    panels[0].locator_params(axis="x", integer=True)
    panels[1].set(xlabel="training time (s)")
    for axes in panels:
        axes.grid(color="#e3e3e3")
        axes.spines[["top", "right"]].set_visible(False)
    shown = np.concatenate(later)
    if len(shown):
        usual, high = np.median([values.min() for values in later if len(values)]), shown.max()
        low = shown[shown >= usual - FAR * (high - usual)].min()
        slack = max(0.06 * (high - low), 1e-6)
        panels[0].set_ylim(low - slack, high + slack)
    _legend(figure, panels[0])
    return figure


@styled
def trade_off(points, *, x, y):
    """Draws two quantities of each run, a color for each model.

    The name of a model stands at the mean of its points, or in a legend where there are many.

    Args:
        points: Name of the model -> two arrays, the first and the second quantity of each run.
        x: Label of the first quantity, on a logarithmic axis.
        y: Label of the second quantity.
    """
    require(points, "points", "hold at least one model", points)
    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    axes = figure.add_subplot(xlabel=x, ylabel=y, xscale="log")
    for index, (name, (first, second)) in enumerate(points.items()):
        marker = MARKERS[index // len(COLORS) % len(MARKERS)]
        axes.scatter(first, second, s=18, color=color(index), marker=marker, alpha=0.8, linewidth=0, label=name)
        if len(points) > MAX_LABELS:
            continue
        where = (np.exp(np.mean(np.log(first))), np.mean(second))
        axes.annotate(name, where, xytext=(5, 4), textcoords="offset points", fontsize=8, color=color(index))
    axes.margins(x=0.15, y=0.1)
    low, high = axes.get_xlim()
    if high < SPAN * low:
        axes.set_xlim(np.sqrt(low * high / SPAN), np.sqrt(low * high * SPAN))
    axes.grid(color="#e3e3e3", which="both")
    axes.spines[["top", "right"]].set_visible(False)
    if len(points) > MAX_LABELS:
        _legend(figure, axes)
    return figure


@styled
def differences(panels):
    """Draws paired differences between methods, with means ± 2 standard errors.

    Args:
        panels: Label of a quantity -> name of a difference -> its values under the seeds.
    """
    require(panels and all(panels.values()), "panels", "hold at least one difference each", panels)
    rows, columns = max(map(len, panels.values())), min(PANELS, len(panels))
    lines = -(-len(panels) // columns)
    figure = Figure(figsize=(4.3 * columns, (1.0 + 0.36 * rows) * lines), layout="constrained")
    places = figure.subplots(lines, columns, squeeze=False).ravel()
    for axes in places[len(panels) :]:
        axes.remove()
    for axes, (label, rows_of) in zip(places, panels.items(), strict=False):
        for place, (name, values) in enumerate(rows_of.items()):
            values = np.asarray(values, dtype=float)
            axes.scatter(values, np.full(len(values), place), s=14, color=color(place), alpha=0.5, linewidth=0)
            spread = 2 * values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else 0.0
            if len(values):
                axes.errorbar(values.mean(), place, xerr=spread, fmt="o", color=color(place), capsize=3, label=name)
        axes.axvline(0, color="#777777", linewidth=0.8)
        axes.set(xlabel=label, yticks=range(len(rows_of)), ylim=(len(rows_of) - 0.5, -0.5))
        first = axes.get_subplotspec().is_first_col()
        axes.set_yticklabels(list(rows_of) if first else [])
        axes.grid(color="#e3e3e3", axis="x")
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def _legend(figure, axes):
    """Puts the names next to the panels, and widens the figure for further columns."""
    handles, labels = axes.get_legend_handles_labels()
    columns = -(-len(labels) // LEGEND_ROWS)
    figure.set_figwidth(figure.get_figwidth() + (columns - 1) * LEGEND_WIDTH)
    figure.legend(handles, labels, loc="outside right upper", ncols=columns)
