"""Methods side by side: what they reach by epoch and by time, and what their inference costs."""

import numpy as np
from matplotlib.figure import Figure

from rme_tf.plots.style import COLOURS, MARKERS, colour, line, require, styled

LEGEND_ROWS = 18  # that stand beside the panels
LEGEND_WIDTH = 2.4  # inches of a further column
SPAN = 10.0  # factor that the logarithmic axis covers at least
LABELLED = 10  # methods that have their names within the panel, at most
FAR = 3.0  # below where most curves are lowest, in their ranges: not shown


@styled
def curves_by_time(histories, metric, *, label):
    """Draws one metric by epoch and by the seconds of training, a colour for each model.

    What is shown are the values after the first fifth of the epochs, but of a curve that falls far below most others.

    Args:
        histories: By the model's name, what `fit(...).history` holds, with `seconds` of each epoch.
        metric: The key to draw. Lines pass over None and values not finite.
        label: Of the metric, with its unit.
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
    every = np.concatenate(later)
    if len(every):
        usual, high = np.median([values.min() for values in later if len(values)]), every.max()
        low = every[every >= usual - FAR * (high - usual)].min()
        slack = max(0.06 * (high - low), 1e-6)
        panels[0].set_ylim(low - slack, high + slack)
    _legend(figure, panels[0])
    return figure


@styled
def trade_off(points, *, x, y):
    """Draws two numbers of each model against each other: a point a run, the name at their mean, or beside the panel.

    Args:
        points: By the model's name, a pair of arrays, one number a run each.
        x: Label of the first, drawn on a logarithmic axis.
        y: Label of the second.
    """
    require(points, "points", "hold at least one model", points)
    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    axes = figure.add_subplot(xlabel=x, ylabel=y, xscale="log")
    for index, (name, (first, second)) in enumerate(points.items()):
        marker = MARKERS[index // len(COLOURS) % len(MARKERS)]
        axes.scatter(first, second, s=18, color=colour(index), marker=marker, alpha=0.8, linewidth=0, label=name)
        if len(points) > LABELLED:
            continue
        where = (np.exp(np.mean(np.log(first))), np.mean(second))
        axes.annotate(name, where, xytext=(5, 4), textcoords="offset points", fontsize=8, color=colour(index))
    axes.margins(x=0.15, y=0.1)
    low, high = axes.get_xlim()
    if high < SPAN * low:
        axes.set_xlim(np.sqrt(low * high / SPAN), np.sqrt(low * high * SPAN))
    axes.grid(color="#e3e3e3", which="both")
    axes.spines[["top", "right"]].set_visible(False)
    if len(points) > LABELLED:
        _legend(figure, axes)
    return figure


def _legend(figure, axes):
    """Puts the names beside the panels, and makes the figure wider where one column does not hold them."""
    handles, labels = axes.get_legend_handles_labels()
    columns = -(-len(labels) // LEGEND_ROWS)
    figure.set_figwidth(figure.get_figwidth() + (columns - 1) * LEGEND_WIDTH)
    figure.legend(handles, labels, loc="outside right upper", ncols=columns)
