"""Figures of inference on frozen decoders: stacked gaps, objectives between modes."""

import numpy as np
from matplotlib.figure import Figure

from rme_tf.core.validation import require
from rme_tf.plots.style import color, line, styled

ROW = 0.26  # inches of a bar


@styled
def stacked_bars(panels, parts):
    """Draws horizontal bars of several parts, in panels.

    A bar ends in the sum of its parts, with an error bar.

    Args:
        panels: Title of the panel -> name of the method -> (values of the parts, standard error of their sum).
        parts: Names of the parts. Shape [P].
    """
    require(panels, "panels", "hold at least one group", panels)
    heights = [max(1, len(methods)) for methods in panels.values()]
    figure = Figure((7.4, 0.9 + sum(ROW * height + 0.5 for height in heights)), layout="constrained")
    axes = figure.subplots(len(panels), 1, squeeze=False, height_ratios=[height + 1.5 for height in heights])[:, 0]
    for panel, (title, methods) in zip(axes, panels.items(), strict=True):
        for row, (values, error) in enumerate(methods.values()):
            starts = np.concatenate([[0.0], np.cumsum(values)])
            for index, value in enumerate(values):
                look = {"color": color(index), "label": parts[index] if row == 0 else None, "height": 0.7}
                panel.barh(row, value, left=starts[index], **look)
            panel.errorbar(starts[-1], row, xerr=error, color="black", capsize=2, linewidth=1)
        panel.set(title=title, yticks=range(len(methods)), yticklabels=list(methods))
        panel.invert_yaxis()
        panel.spines[["top", "right"]].set_visible(False)
    axes[-1].set_xlabel("nats; error bars: ± one standard error over seeds")
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=len(parts))
    return figure


@styled
def objectives_between(position, objectives, *, label):
    """Draws objectives along a line, each from its value at the start.

    Args:
        position: Positions on the line. Shape [N].
        objectives: Name of the objective -> values. Shape [N] each.
        label: Label of the positions.
    """
    require(objectives, "objectives", "hold at least one objective", objectives)
    figure = Figure((6.4, 3.6), layout="constrained")
    axes = figure.subplots()
    for index, (name, values) in enumerate(objectives.items()):
        values = np.asarray(values, float)
        axes.plot(position, values - values[0], label=name, **line(index))
    axes.axhline(0.0, color="#999999", linewidth=0.6)
    axes.set(xlabel=label, ylabel="objective, less its start (nats)")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure
