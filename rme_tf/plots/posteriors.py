"""Figures of posteriors over two latent dimensions: true, components, mixture."""

from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Ellipse, Patch

from rme_tf.core.validation import require
from rme_tf.plots.images import checked_images, show_image
from rme_tf.plots.style import DASHED, MARKERS, color, styled

MASSES = (0.5, 0.8, 0.95, 0.99)  # a contour encloses this share of its density
OF_COMPONENTS = (0.393, 0.865)  # shares within 1 and 2 standard deviations of a Gaussian
_BANDS = ("#e6eaee", "#ccd4db", "#abb7c1", "#8795a2")  # 99% ... 50% of the true posterior


class PosteriorPanel(NamedTuple):
    """Posterior of one image over two latent dimensions, on a grid."""

    image: np.ndarray  # [H, W, C], in [0, 1]
    grid_x: np.ndarray  # [X], increasing
    grid_y: np.ndarray  # [Y], increasing
    log_joint: np.ndarray  # [Y, X], log p(x, z) at z = (grid_x[j], grid_y[i]) in row i, column j
    weights: np.ndarray  # [M], mixing weights
    means: np.ndarray  # [M, 2]
    scales: np.ndarray  # [M, 2], standard deviations
    title: str = ""  # text above the panel, e.g. "KL(Q||p) = 0.12 nats"
    log_mixture: np.ndarray | None = None  # [Y, X], log Q(z|x) on the grid; None for diagonal Gaussians as components
    log_components: np.ndarray | None = None  # [M, Y, X], log q_m(z|x) on the grid; None for ellipses


@styled
def posterior_2d(panels, axis_labels=("$z_1$", "$z_2$")):
    """Draws true posteriors, components and mixtures, a row for each model.

    Filled bands are the smallest regions with 50, 80, 95 and 99% of the true posterior on the
    grid, dashed lines the same regions of the mixture Q. A component has its 1- and 2-sigma ellipses,
    or the regions of the same mass of another density, bolder for a larger weight. The axes cover all
    this and 99.9% of the true posterior.

    Args:
        panels: Name of the model -> list of `PosteriorPanel`, of the same images for all models.
        axis_labels: Names of the two latent dimensions.
    """
    _check_panels(panels)
    first, *_ = panels.values()
    side = np.clip(6.6 / len(first), 2.2, 3.3)
    heights = [0.8, *[side + 0.1] * len(panels)]
    figure = Figure((0.4 + side * len(first), 0.8 + sum(heights)), layout="constrained")
    axes = figure.subplots(len(heights), len(first), squeeze=False, height_ratios=heights)
    for axis, panel in zip(axes[0], first, strict=True):
        show_image(axis, checked_images("image", [panel.image])[0])
    place = {"xycoords": "axes fraction", "textcoords": "offset points", "ha": "right"}
    for row, (name, row_panels) in zip(axes[1:], panels.items(), strict=True):
        for axis, panel in zip(row, row_panels, strict=True):
            _draw_panel(axis, panel)
        row[0].set_ylabel(axis_labels[1])
        row[0].annotate(name, (0, 0.5), (-42, 0), rotation=90, va="center", weight="bold", **place)
    for axis in axes[-1]:
        axis.set_xlabel(axis_labels[0])
    bands = Patch(color=_BANDS[2], label="true posterior")
    lines = [Line2D([], [], color="black", linestyle=DASHED, label="mixture Q")]
    for m in range(max(len(panel.weights) for row in panels.values() for panel in row)):
        look = {"color": color(m), "marker": MARKERS[m % len(MARKERS)], "markersize": 4}
        lines.append(Line2D([], [], label=f"component {m}", **look))
    ellipses = all(panel.log_components is None for row in panels.values() for panel in row)
    of_components = "ellipses: 1 and 2 standard deviations" if ellipses else "of components: 39, 86% of the mass"
    note = f"contours: 50, 80, 95, 99% of the mass\n{of_components}"
    look = {"ncols": min(2 * len(first), 6), "columnspacing": 1, "handlelength": 1.8}
    figure.legend(handles=[bands, *lines], loc="outside lower center", title=note, **look)
    return figure


def grid_around(means, scales, num=120):
    """Returns grid_x and grid_y [num] of a square around all components.

    It is twice as wide as means -+ 4 scales together, for the modes that Q misses.

    Args:
        means: Means of the components. Shape [M, 2].
        scales: Standard deviations of the components. Shape [M, 2].
        num: Number of points on a side.
    """
    means, scales = np.asarray(means, dtype=float), np.asarray(scales, dtype=float)
    valid = means.shape == scales.shape == (len(means), 2)
    require(valid, "means, scales", "have shape [M, 2]", f"{means.shape}, {scales.shape}")
    low, high = (means - 4 * scales).min(axis=0), (means + 4 * scales).max(axis=0)  # [2]
    center, half = (low + high) / 2, (high - low).max()
    return tuple(np.linspace(center - half, center + half, num, axis=-1))


def _check_panels(panels):
    counts = {name: len(row) for name, row in panels.items()}
    equal = len(set(counts.values())) == 1 and 0 not in counts.values()
    require(equal, "panels", "hold as many panels for each model, at least one", counts)
    for panel in (panel for row in panels.values() for panel in row):
        means_shape = (len(panel.weights), 2)
        grid_shape = (len(panel.grid_y), len(panel.grid_x))
        expected: dict[str, tuple[int, ...]] = {"log_joint": grid_shape, "means": means_shape, "scales": means_shape}
        expected |= {} if panel.log_mixture is None else {"log_mixture": grid_shape}
        expected |= {} if panel.log_components is None else {"log_components": (len(panel.weights), *grid_shape)}
        received = {field: np.shape(getattr(panel, field)) for field in expected}
        require(received == expected, "PosteriorPanel", f"have shapes {expected}", received)
        steps = np.concatenate([np.diff(panel.grid_x), np.diff(panel.grid_y)])
        require(np.all(steps > 0), "grid_x, grid_y", "increase", f"steps {steps}")
        require(np.any(np.isfinite(panel.log_joint)), "log_joint", "have finite values", "none")
        valid = np.isfinite(panel.means).all() and np.all(np.greater(panel.scales, 0))
        require(valid, "means, scales", "be finite, positive", (panel.means, panel.scales))


def _draw_panel(axes, panel):
    weights, means, scales = map(np.asarray, (panel.weights, panel.means, panel.scales))
    log_p, levels, box = _mass_levels(panel.grid_x, panel.grid_y, panel.log_joint)
    axes.contourf(panel.grid_x, panel.grid_y, log_p, [*levels, 1], colors=_BANDS)
    grid_x, grid_y, log_q = _log_mixture(panel)
    log_q, levels, log_q_box = _mass_levels(grid_x, grid_y, log_q)
    axes.contour(grid_x, grid_y, log_q, levels, colors="k", linestyles=[DASHED], linewidths=0.8)
    for m, (mean, scale, bold) in enumerate(zip(means, scales, np.sqrt(weights), strict=True)):
        alpha, width = 0.45 + 0.55 * bold, 0.8 + 1.4 * bold
        if panel.log_components is None:
            look = {"edgecolor": color(m), "alpha": alpha, "linewidth": width}
            for sigmas in (1, 2):
                axes.add_patch(Ellipse(mean, *(2 * sigmas * scale), fill=False, zorder=3, **look))
        else:
            log_q, levels, _ = _mass_levels(panel.grid_x, panel.grid_y, panel.log_components[m], OF_COMPONENTS)
            look = {"colors": [color(m)], "alpha": alpha, "linewidths": width}
            axes.contour(panel.grid_x, panel.grid_y, log_q, levels, zorder=3, linestyles="solid", **look)
        look = {"color": color(m), "markeredgecolor": "white", "markeredgewidth": 0.5}
        axes.plot(*mean, MARKERS[m % len(MARKERS)], markersize=5, zorder=4, **look)
    boxes = [box] if panel.log_mixture is None else [box, log_q_box]
    corners = np.concatenate([*boxes, means - 3.1 * scales, means + 3.1 * scales])  # 99% of a Gaussian: 3.03
    low, high = corners.min(axis=0), corners.max(axis=0)
    limits = (low + high) / 2 + 0.52 * (high - low).max() * np.array([[-1], [1]])
    axes.set(xlim=limits[:, 0], ylim=limits[:, 1], aspect="equal", title=panel.title)


def _log_mixture(panel):
    """Returns grid_x [X], grid_y [Y], and log Q(z|x) there, up to a constant, [Y, X]."""
    if panel.log_mixture is not None:
        return panel.grid_x, panel.grid_y, panel.log_mixture
    weights, means, scales = map(np.asarray, (panel.weights, panel.means, panel.scales))
    # Grid lines for each component: a narrow one next to a wide one is resolved.
    lines = means + np.linspace(-5, 5, 61)[:, None, None] * scales  # [61, M, 2]
    grid_x, grid_y = np.unique(lines[..., 0]), np.unique(lines[..., 1])
    x = (grid_x[:, None] - means[:, 0]) / scales[:, 0]  # [X, M]
    y = (grid_y[:, None, None] - means[:, 1]) / scales[:, 1]  # [Y, 1, M]
    log_peaks = np.log((weights + 1e-30) / scales.prod(axis=-1))  # 1e-30: a weight may be 0
    return grid_x, grid_y, np.logaddexp.reduce(log_peaks - 0.5 * (x**2 + y**2), axis=-1)


def _mass_levels(grid_x, grid_y, log_density, masses=MASSES):
    """Returns log density less its maximum [Y, X], levels around masses, 99.9% box [2, 2]."""
    log_density = np.nan_to_num(log_density, nan=-np.inf, neginf=-np.inf)
    log_density = np.maximum(log_density - log_density.max(), -100)  # no contour passes -inf
    area = np.gradient(grid_y)[:, None] * np.gradient(grid_x)
    order = np.argsort(-log_density, axis=None)
    mass = np.cumsum((np.exp(log_density) * area).flat[order])
    levels = np.interp([*masses, 0.999], mass / mass[-1], log_density.flat[order])
    levels -= 1e-3 * np.arange(len(levels))  # distinct, also where one cell holds all the mass
    rows, columns = np.nonzero(log_density >= levels[-1])
    box = [[grid_x[end(columns)], grid_y[end(rows)]] for end in (np.min, np.max)]
    return log_density, levels[-2::-1], np.array(box)
