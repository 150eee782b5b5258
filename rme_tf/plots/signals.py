"""Figures of signals and their reconstructions."""

import numpy as np
from matplotlib.figure import Figure

from rme_tf.core.validation import require
from rme_tf.plots.style import color, styled


@styled
def signals(originals, reconstructed, columns=4):
    """Draws signals and their reconstructions, a panel for each.

    Args:
        originals: Signals of one channel; a value that is not finite leaves a hole. Shape [N, T].
        reconstructed: Their reconstructions. Shape [N, T].
        columns: Number of panels in a row.
    """
    originals, reconstructed = (np.asarray(values, dtype=float) for values in (originals, reconstructed))
    require(originals.ndim == 2 and originals.size, "originals", "be [N, T], not empty", originals.shape)
    require(reconstructed.shape == originals.shape, "reconstructed", f"be {originals.shape}", reconstructed.shape)
    rows = -(-len(originals) // columns)
    figure = Figure(figsize=(2.2 * columns, 1.5 * rows + 0.5), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
    steps = np.arange(1, originals.shape[-1] + 1)
    for axes, original, decoded in zip(panels, originals, reconstructed, strict=False):
        axes.plot(steps, original, color="#888888", linewidth=1, label="signal")
        axes.plot(steps, decoded, color=color(0), label="reconstruction")
        axes.spines[["top", "right"]].set_visible(False)
    for axes in panels[len(originals) :]:
        axes.set_visible(False)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=2)
    figure.supxlabel("step")
    return figure
