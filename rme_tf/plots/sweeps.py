"""Figures of quantities against a setting of the methods."""

import numpy as np
from matplotlib.figure import Figure

from rme_tf.core.validation import require
from rme_tf.plots.style import MARKERS, color, styled

WIDE = 20.0  # ratio of the largest to the smallest magnitude from which the axis is logarithmic
LINEAR = 10.0  # magnitudes below it are on a linear part of an axis with both signs
COLUMNS = 3


@styled
def sweeps(panels, *, x, references=None):
    """Draws quantities against a setting, means ± standard errors.

    Args:
        panels: Label of a quantity -> name of a line -> values of the setting [K], means [K] and standard errors [K].
        x: Label of the setting, on a logarithmic axis.
        references: Label of a quantity -> name of a method without the setting -> its mean, a horizontal line.
    """
    require(panels and all(panels.values()), "panels", "hold at least one line each", panels)
    references = references or {}
    columns = min(COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(3.4 * columns, 2.8 * rows), layout="constrained")
    axes_of = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, (label, lines) in zip(axes_of, panels.items(), strict=False):
        shown = []
        for index, (name, (settings, means, errors)) in enumerate(lines.items()):
            look = {"color": color(index), "marker": MARKERS[index % len(MARKERS)], "markersize": 4, "capsize": 2}
            axes.errorbar(settings, means, yerr=errors, label=name, linewidth=1.2, **look)
            shown.append(np.asarray(means, dtype=float))
        for name, mean in references.get(label, {}).items():
            axes.axhline(mean, color="#777777", linewidth=1.0, linestyle="--", label=name)
            shown.append(np.array([mean]))
        axes.set(xlabel=x, ylabel=label, xscale="log")
        _scale(axes, np.concatenate(shown))
        axes.grid(color="#e3e3e3")
        axes.spines[["top", "right"]].set_visible(False)
    for axes in axes_of[len(panels) :]:
        axes.remove()
    handles, labels = axes_of[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # with logarithmic axes, the layout changes with each drawing
    return figure


def _scale(axes, values):
    """Makes the vertical axis logarithmic for a wide range of values."""
    sizes = np.abs(values[values != 0.0])
    if not len(sizes) or sizes.max() < WIDE * sizes.min():
        return
    if (values >= 0.0).all():
        axes.set_yscale("log")
    else:
        axes.set_yscale("symlog", linthresh=LINEAR)
