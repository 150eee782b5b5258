"""Figures of metrics over epochs, and of mixing weights."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from rme_tf.core.validation import require
from rme_tf.plots.style import DASHED, color, line, styled


@styled
def learning_curves(histories, metric="elbo", *, unit="nats", robust=True):
    """Draws one metric by epoch: training solid, validation dashed.

    Args:
        histories: Name of the model -> history of `fit`, with a list for `metric` and perhaps one for
            "val_" + `metric`. None and values that are not finite are left out of a line.
        metric: Key of the metric to draw.
        unit: Unit of the metric.
        robust: Whether the vertical range covers the later epochs only, so that the first do not flatten the rest.
    """
    require(histories, "histories", "hold at least one model", histories)
    name = "ELBO" if metric == "elbo" else metric.replace("_", " ")
    figure = Figure(figsize=(6.8, 3.3), layout="constrained")
    axes = figure.add_subplot(xlabel="epoch", ylabel=f"{name} ({unit})")
    axes.plot([], [], color="#444444", label="training")
    if any(f"val_{metric}" in history for history in histories.values()):
        axes.plot([], [], color="#444444", linestyle=DASHED, label="validation")
    later = []
    for index, (name, history) in enumerate(histories.items()):
        require(metric in history, f"histories[{name!r}]", f"hold {metric!r}", sorted(history))
        for key, look in ((metric, {"label": name}), (f"val_{metric}", {"linestyle": DASHED})):
            values = np.array(history.get(key, [None] * len(history[metric])), dtype=float)
            expected = f"have {len(history[metric])} values, None where not measured"
            require(len(values) == len(history[metric]), key, expected, len(values))
            (measured,) = np.isfinite(values).nonzero()
            look = {**look, "color": color(index), "marker": "." if len(values) <= 20 else ""}
            axes.plot(measured + 1, values[measured], **look)
            later.extend(values[measured[measured >= len(values) // 5]])
    if robust and later:
        axes.set_ylim(later_range(np.array(later)))
    _frame(axes)
    figure.legend(loc="outside right upper")
    return figure


@styled
def diagnostic_curves(histories, metrics, columns=3):
    """Draws several metrics by epoch, a panel for each.

    Args:
        histories: Name of the model -> history of `fit`. A model without a metric is left out of its panel; None and
            values that are not finite are left out of a line.
        metrics: Key of the metric in the histories -> label of its panel.
        columns: Number of panels in a row.
    """
    require(histories, "histories", "hold at least one model", histories)
    columns = min(columns, len(metrics))
    rows = -(-len(metrics) // columns)
    figure = Figure(figsize=(3.0 * columns, 2.6 * rows + 0.5), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, (metric, label) in zip(panels, metrics.items(), strict=False):
        axes.set(xlabel="epoch", ylabel=label)
        for index, history in enumerate(histories.values()):
            values = np.array(history.get(metric, []), dtype=float)
            (measured,) = np.isfinite(values).nonzero()
            axes.plot(measured + 1, values[measured], **line(index), marker="." if len(values) <= 20 else "")
        _frame(axes)
    for axes in panels[len(metrics) :]:
        axes.set_visible(False)
    handles = [Line2D([], [], **line(index)) for index in range(len(histories))]
    figure.legend(handles, list(histories), loc="outside upper center", ncols=min(len(histories), 2 * columns))
    return figure


@styled
def component_usage(alphas):
    """Draws mean mixing weights as bars, weights of single images as points.

    Args:
        alphas: Mixing weights in [0, 1]; rows that are not finite are left out. Shape [N, M].
    """
    alphas = np.asarray(alphas, dtype=float)
    require(alphas.ndim == 2 and alphas.size, "alphas", "be [N, M], not empty", alphas.shape)
    alphas = alphas[np.isfinite(alphas).all(axis=-1)]
    valid = alphas.size and np.abs(alphas - 0.5).max() < 0.501
    require(valid, "alphas", "be finite and in [0, 1], not logs", alphas)
    shown = alphas[:: -(-len(alphas) // 400)]  # 400 points at most
    jitter = 0.5 * (np.arange(len(shown)) * 0.618034 % 1 - 0.5)  # even, the same every time
    count = alphas.shape[-1]
    figure = Figure(figsize=(max(4.2, 1.2 + 0.6 * count), 3.0), layout="constrained")
    axes = figure.add_subplot(xlabel="component", ylabel=r"mixing weight $\alpha_m(x)$")
    for m in range(count):
        axes.bar(m, alphas[:, m].mean(), width=0.7, color=color(m), alpha=0.35)
        axes.scatter(m + jitter, shown[:, m], s=5, color=color(m), alpha=0.5, linewidth=0)
    uniform = axes.axhline(1 / count, color="black", linestyle=DASHED, linewidth=1)
    axes.set(xticks=range(count), ylim=(0, 1.03))
    axes.spines[["top", "right"]].set_visible(False)
    handles = [Patch(color="#bbbbbb"), Line2D([], [], ls="", marker=".", color="#777777"), uniform]
    labels = [f"mean of {len(alphas):,} images", "one image", "uniform, 1/M"]
    figure.legend(handles, labels, loc="outside upper center", ncols=3, columnspacing=1.2)
    return figure


def _frame(axes):
    """Sets whole numbers on the axis of epochs, and a grid."""
    axes.margins(x=0.02)
    axes.locator_params(axis="x", integer=True)
    axes.grid(color="#e3e3e3")
    axes.spines[["top", "right"]].set_visible(False)


def later_range(values):
    """Returns the limits of most values, without far ones."""
    low, high = np.percentile(values, (5, 95))
    slack = max(high - low, 1e-3 * abs(high), 1e-6)
    values = values[(values > low - slack) & (values < high + slack)]
    return values.min() - 0.06 * slack, values.max() + 0.06 * slack
