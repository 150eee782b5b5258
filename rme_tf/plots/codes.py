"""Figures of latent codes, colored by label."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from rme_tf.core.validation import require
from rme_tf.plots.style import COLORS, MARKERS, color, styled

MAX_NAMES = 24  # the most frequent labels, which have a color and a name; the others are gray
LEGEND_ROWS = 12

_OTHERS, _NONE = "other labels", "no label"
_GRAYS = {_OTHERS: "#9a9a9a", _NONE: "#d4d4d4"}


@styled
def latent_codes(codes, labels=None, names=None, *, title=None):
    """Draws codes as points, colored by label, with a legend.

    Of more than two dimensions, the first two principal components are drawn.

    Args:
        codes: Latent codes. Shape [N, D].
        labels: Integers from 0 to len(names) - 1, or -1 for no label; None for one color. Shape [N].
        names: Names of the labels; None for their numbers.
        title: Text above the points.
    """
    codes = np.asarray(codes, dtype=float)
    require(codes.ndim == 2 and codes.size, "codes", "be [N, D], not empty", codes.shape)
    require(np.isfinite(codes).all(), "codes", "be finite", "NaN or infinity")
    points, axes_names = _points(codes)
    figure = Figure(figsize=(5.6, 4.2), layout="constrained")
    axes = figure.add_subplot(xlabel=axes_names[0], ylabel=axes_names[1], title=title or "")
    look: dict[str, Any] = {"s": 9, "alpha": 0.8, "linewidth": 0}
    if labels is None:
        axes.scatter(*points.T, color=color(0), **look)
    else:
        for place, (name, rows) in enumerate(_groups(labels, names, len(codes))):
            marker = MARKERS[place // len(COLORS) % len(MARKERS)]
            axes.scatter(*points[rows].T, color=_GRAYS.get(name, color(place)), marker=marker, label=name, **look)
        columns = -(-len(axes.collections) // LEGEND_ROWS)
        figure.set_figwidth(figure.get_figwidth() + 1.2 * columns)
        figure.legend(loc="outside right upper", ncols=columns, markerscale=2)
    axes.grid(color="#e3e3e3")
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def _points(codes):
    """Returns points [N, 2], and the names of their axes."""
    if codes.shape[1] == 2:
        return codes, ("$z_1$", "$z_2$")
    if codes.shape[1] == 1 or len(codes) == 1:
        padded = np.pad(codes, ((0, 0), (0, 1)))
        return padded[:, [0, -1]], ("$z_1$", "")
    from sklearn.decomposition import PCA  # imported here: other figures do not need it

    pca = PCA(2, svd_solver="full").fit(codes)
    shares = [f"principal component {i + 1} ({share:.0%})" for i, share in enumerate(pca.explained_variance_ratio_)]
    return pca.transform(codes), tuple(shares)


def _groups(labels, names, count):
    """Returns pairs of a name and rows: frequent labels in their order, then the others, then rows without a label."""
    labels = np.asarray(labels)
    require(labels.shape == (count,) and labels.dtype.kind in "iu", "labels", f"be {count} integers", labels.shape)
    most = len(names) if names is not None else int(labels.max(initial=0)) + 1
    within = labels.min() >= -1 and labels.max() < most
    require(within, "labels", f"be from 0 to {most - 1}, or -1", f"{labels.min()} to {labels.max()}")
    counts = np.bincount(labels[labels >= 0], minlength=most)
    frequent = [int(i) for i in np.sort(np.argsort(-counts, kind="stable")[:MAX_NAMES]) if counts[i]]
    groups = [(str(i if names is None else names[i]), np.flatnonzero(labels == i)) for i in frequent]
    groups += [
        (_OTHERS, np.flatnonzero((labels >= 0) & ~np.isin(labels, frequent))),
        (_NONE, np.flatnonzero(labels < 0)),
    ]
    return [(name, rows) for name, rows in groups if len(rows)]
