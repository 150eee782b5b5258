"""Draws a study's figures from plain arrays: curves, images, posteriors, component usage."""

import pathlib
from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Ellipse, Patch

DPI = 160
MASSES = (0.5, 0.8, 0.95, 0.99)  # a contour encloses this share of its density
# Okabe and Ito's colour-blind-safe set; wine and olive for its black (Q has it) and pale yellow.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#882255", "#999933")
MARKERS = "os^DvPXp"
_BANDS = ("#e6eaee", "#ccd4db", "#abb7c1", "#8795a2")  # 99% ... 50% of the true posterior
_DASHED = (0, (4, 1.5))
_TILE, _GAP = 80, 4  # pixels: about an image's height once enlarged; the space between images
_METADATA = {".png": {"Software": None}, ".pdf": {"CreationDate": None}}
_styled = matplotlib.rc_context({"font.size": 9, "axes.titlesize": 9, "legend.frameon": False})


class PosteriorPanel(NamedTuple):
    """One image's posterior over two latent dimensions, on a grid of X x Y points."""

    image: np.ndarray  # [H, W, C], in [0, 1]
    grid_x: np.ndarray  # [X], increasing
    grid_y: np.ndarray  # [Y], increasing
    log_joint: np.ndarray  # [Y, X], log p(x, z) at z = (grid_x[j], grid_y[i]) in row i, column j
    weights: np.ndarray  # [M], mixing weights
    means: np.ndarray  # [M, 2]
    scales: np.ndarray  # [M, 2], standard deviations
    title: str = ""  # stands above the panel, e.g. "KL(Q||p) = 0.12 nats"


@_styled
def learning_curves(histories, metric="elbo", *, unit="nats", robust=True):
    """Draws one metric by epoch, training solid, validation dashed, a colour for each model.

    Args:
        histories: By the model's name, what `fit(...).history` holds: a list for `metric` and
            perhaps one for "val_" + `metric`. Lines pass over None and values not finite.
        metric: The key to draw.
        unit: What the metric is measured in.
        robust: Shows the range of the later epochs, so that the first cannot flatten the rest.
    """
    _require(histories, "histories", "hold at least one model", histories)
    name = "ELBO" if metric == "elbo" else metric.replace("_", " ")
    figure = Figure(figsize=(6.8, 3.3), layout="constrained")
    axes = figure.add_subplot(xlabel="epoch", ylabel=f"{name} ({unit})")
    axes.plot([], [], color="#444444", label="training")
    if any(f"val_{metric}" in history for history in histories.values()):
        axes.plot([], [], color="#444444", linestyle=_DASHED, label="validation")
    later = []
    for index, (name, history) in enumerate(histories.items()):
        _require(metric in history, f"histories[{name!r}]", f"hold {metric!r}", sorted(history))
        for key, look in ((metric, {"label": name}), (f"val_{metric}", {"linestyle": _DASHED})):
            values = np.array(history.get(key, [None] * len(history[metric])), dtype=float)
            expected = f"have {len(history[metric])} values, None where not measured"
            _require(len(values) == len(history[metric]), key, expected, len(values))
            (measured,) = np.isfinite(values).nonzero()
            look = {**look, "color": _colour(index), "marker": "." if len(values) <= 20 else ""}
            axes.plot(measured + 1, values[measured], **look)
            later.extend(values[measured[measured >= len(values) // 5]])
    if robust and later:
        axes.set_ylim(_range(np.array(later)))
    axes.margins(x=0.02)
    axes.locator_params(axis="x", integer=True)
    axes.grid(color="#e3e3e3")
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside right upper")
    return figure


@_styled
def image_grid(images, columns, title=None):
    """Draws images [N, H, W, C] in [0, 1] row by row, e.g. samples from the prior."""
    _require(columns >= 1, "columns", "be at least 1", columns)
    figure = _tiled_figure(_checked_images("images", images), columns)
    figure.axes[0].set_title(title or "")
    return figure


@_styled
def reconstructions(originals, reconstructions):
    """Draws images in the top row and each model's reconstructions in a labelled row below.

    Args:
        originals: In [0, 1]; what lies beyond is clipped. Shape [N, H, W, C], C = 1 or 3.
        reconstructions: Images of the same shape, by the model's name.
    """
    originals = _checked_images("originals", originals)
    rows = {name: _checked_images(name, images) for name, images in reconstructions.items()}
    for name, row in rows.items():
        expected = f"have the originals' shape {originals.shape}"
        _require(row.shape == originals.shape, name, expected, row.shape)
    figure = _tiled_figure(np.concatenate([originals, *rows.values()]), len(originals))
    bottom, top = figure.axes[0].get_ylim()
    edges = np.linspace(top, bottom, len(rows) + 2)
    figure.axes[0].set_yticks((edges[1:] + edges[:-1]) / 2, ["original", *rows])
    return figure


@_styled
def posterior_2d(panels, axis_labels=("$z_1$", "$z_2$")):
    """Draws true posteriors, components and mixtures: a column an image, a row a model.

    Filled bands are the smallest regions with 50, 80, 95 and 99% of the true posterior on the
    grid, dashed lines those of the mixture Q. A component has its 1- and 2-sigma ellipses,
    bolder for a larger weight. The axes cover all this and 99.9% of the true posterior.

    Args:
        panels: By the model's name, a list of `PosteriorPanel`, the same images for each.
        axis_labels: Names of the two latent dimensions.
    """
    _check_panels(panels)
    first, *_ = panels.values()
    side = np.clip(6.6 / len(first), 2.2, 3.3)
    heights = [0.8, *[side + 0.1] * len(panels)]
    figure = Figure((0.4 + side * len(first), 0.8 + sum(heights)), layout="constrained")
    axes = figure.subplots(len(heights), len(first), squeeze=False, height_ratios=heights)
    for axis, panel in zip(axes[0], first, strict=True):
        _show_image(axis, _checked_images("image", [panel.image])[0])
    place = {"xycoords": "axes fraction", "textcoords": "offset points", "ha": "right"}
    for row, (name, row_panels) in zip(axes[1:], panels.items(), strict=True):
        for axis, panel in zip(row, row_panels, strict=True):
            _draw_panel(axis, panel)
        row[0].set_ylabel(axis_labels[1])
        row[0].annotate(name, (0, 0.5), (-42, 0), rotation=90, va="center", weight="bold", **place)
    for axis in axes[-1]:
        axis.set_xlabel(axis_labels[0])
    bands = Patch(color=_BANDS[2], label="true posterior")
    lines = [Line2D([], [], color="black", linestyle=_DASHED, label="mixture Q")]
    for m in range(max(len(panel.weights) for row in panels.values() for panel in row)):
        look = {"color": _colour(m), "marker": MARKERS[m % len(MARKERS)], "markersize": 4}
        lines.append(Line2D([], [], label=f"component {m}", **look))
    note = "contours: 50, 80, 95, 99% of the mass\nellipses: 1 and 2 standard deviations"
    look = {"ncols": min(2 * len(first), 6), "columnspacing": 1, "handlelength": 1.8}
    figure.legend(handles=[bands, *lines], loc="outside lower center", title=note, **look)
    return figure


def grid_around(means, scales, num=120):
    """Returns grid_x and grid_y [num] of a square around all components, for `PosteriorPanel`.

    It is twice as wide as means -+ 4 scales together, for the modes that Q misses.

    Args:
        means: Shape [M, 2].
        scales: Standard deviations. Shape [M, 2].
        num: Number of points on a side.
    """
    means, scales = np.asarray(means, dtype=float), np.asarray(scales, dtype=float)
    valid = means.shape == scales.shape == (len(means), 2)
    _require(valid, "means, scales", "have shape [M, 2]", f"{means.shape}, {scales.shape}")
    low, high = (means - 4 * scales).min(axis=0), (means + 4 * scales).max(axis=0)  # [2]
    centre, half = (low + high) / 2, (high - low).max()
    return tuple(np.linspace(centre - half, centre + half, num, axis=-1))


@_styled
def component_usage(alphas):
    """Draws each component's mean mixing weight as a bar, single images' weights as points.

    Args:
        alphas: Mixing weights, in [0, 1]; rows that are not finite are left out. Shape [N, M].
    """
    alphas = np.asarray(alphas, dtype=float)
    _require(alphas.ndim == 2 and alphas.size, "alphas", "be [N, M], not empty", alphas.shape)
    alphas = alphas[np.isfinite(alphas).all(axis=-1)]
    valid = alphas.size and np.abs(alphas - 0.5).max() < 0.501
    _require(valid, "alphas", "be finite and in [0, 1], not logs", alphas)
    shown = alphas[:: -(-len(alphas) // 400)]  # 400 points at most
    jitter = 0.5 * (np.arange(len(shown)) * 0.618034 % 1 - 0.5)  # even, the same every time
    count = alphas.shape[-1]
    figure = Figure(figsize=(max(4.2, 1.2 + 0.6 * count), 3.0), layout="constrained")
    axes = figure.add_subplot(xlabel="component", ylabel=r"mixing weight $\alpha_m(x)$")
    for m in range(count):
        axes.bar(m, alphas[:, m].mean(), width=0.7, color=_colour(m), alpha=0.35)
        axes.scatter(m + jitter, shown[:, m], s=5, color=_colour(m), alpha=0.5, linewidth=0)
    uniform = axes.axhline(1 / count, color="black", linestyle=_DASHED, linewidth=1)
    axes.set(xticks=range(count), ylim=(0, 1.03))
    axes.spines[["top", "right"]].set_visible(False)
    handles = [Patch(color="#bbbbbb"), Line2D([], [], ls="", marker=".", color="#777777"), uniform]
    labels = [f"mean of {len(alphas):,} images", "one image", "uniform, 1/M"]
    figure.legend(handles, labels, loc="outside upper center", ncols=3, columnspacing=1.2)
    return figure


def save(figure, path):
    """Writes a figure as .png or .pdf, without a date: equal figures give equal bytes."""
    path = pathlib.Path(path)
    _require(path.suffix in _METADATA, "path", f"end in one of {sorted(_METADATA)}", path)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=DPI, bbox_inches="tight", metadata=_METADATA[path.suffix])


def _require(condition, name, expected, received):
    if not condition:
        raise ValueError(f"`{name}` must {expected}. Received: {received}.")


def _colour(m):
    return COLOURS[m % len(COLOURS)]


def _range(values):
    low, high = np.percentile(values, (5, 95))
    slack = max(high - low, 1e-3 * abs(high), 1e-6)
    values = values[(values > low - slack) & (values < high + slack)]
    return values.min() - 0.06 * slack, values.max() + 0.06 * slack


def _checked_images(name, images):
    images = np.asarray(images)
    valid = images.ndim == 4 and images.shape[-1] in (1, 3) and images.size
    _require(valid, name, "have shape [N, H, W, C], C = 1 or 3, not empty", images.shape)
    _require(images.dtype.kind == "f", name, "be floats in [0, 1]", images.dtype)
    return np.nan_to_num(images).clip(0, 1)


def _tiled_figure(images, columns):
    """Returns a figure of enlarged images, a pixel of the file for each pixel of the array."""
    scale = max(1, round(_TILE / images.shape[1]))
    columns = min(columns, len(images))
    images = images.repeat(scale, axis=1).repeat(scale, axis=2)
    padding = ((0, -len(images) % columns), *[(_GAP // 2, _GAP // 2)] * 2, (0, 0))
    images = np.pad(images, padding, constant_values=1.0)
    _, height, width, channels = images.shape
    tiles = images.reshape(-1, columns, height, width, channels).swapaxes(1, 2)
    tiles = tiles.reshape(-1, columns * width, channels)
    figure = Figure(figsize=(tiles.shape[1] / DPI, tiles.shape[0] / DPI))
    _show_image(figure.add_axes((0, 0, 1, 1)), tiles)
    return figure


def _show_image(axes, image):
    image = np.broadcast_to(image, (*image.shape[:2], 3))  # grey as RGB
    axes.imshow(image, interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _check_panels(panels):
    counts = {name: len(row) for name, row in panels.items()}
    equal = len(set(counts.values())) == 1 and 0 not in counts.values()
    _require(equal, "panels", "hold as many panels for each model, at least one", counts)
    for panel in (panel for row in panels.values() for panel in row):
        means_shape = (len(panel.weights), 2)
        grid_shape = (len(panel.grid_y), len(panel.grid_x))
        expected = {"log_joint": grid_shape, "means": means_shape, "scales": means_shape}
        received = {field: np.shape(getattr(panel, field)) for field in expected}
        _require(received == expected, "PosteriorPanel", f"have shapes {expected}", received)
        steps = np.concatenate([np.diff(panel.grid_x), np.diff(panel.grid_y)])
        _require(np.all(steps > 0), "grid_x, grid_y", "increase", f"steps {steps}")
        _require(np.any(np.isfinite(panel.log_joint)), "log_joint", "have finite values", "none")
        valid = np.isfinite(panel.means).all() and np.all(np.greater(panel.scales, 0))
        _require(valid, "means, scales", "be finite, positive", (panel.means, panel.scales))


def _draw_panel(axes, panel):
    weights, means, scales = map(np.asarray, (panel.weights, panel.means, panel.scales))
    log_p, levels, box = _mass_levels(panel.grid_x, panel.grid_y, panel.log_joint)
    axes.contourf(panel.grid_x, panel.grid_y, log_p, [*levels, 1], colors=_BANDS)
    # Each component brings grid lines of its own: a narrow one beside a wide one is resolved.
    lines = means + np.linspace(-5, 5, 61)[:, None, None] * scales  # [61, M, 2]
    grid_x, grid_y = np.unique(lines[..., 0]), np.unique(lines[..., 1])
    x = (grid_x[:, None] - means[:, 0]) / scales[:, 0]  # [X, M]
    y = (grid_y[:, None, None] - means[:, 1]) / scales[:, 1]  # [Y, 1, M]
    log_peaks = np.log((weights + 1e-30) / scales.prod(axis=-1))  # 1e-30: a weight may be 0
    log_q = np.logaddexp.reduce(log_peaks - 0.5 * (x**2 + y**2), axis=-1)  # [Y, X]
    log_q, levels, _ = _mass_levels(grid_x, grid_y, log_q)
    axes.contour(grid_x, grid_y, log_q, levels, colors="k", linestyles=[_DASHED], linewidths=0.8)
    for m, (mean, scale, bold) in enumerate(zip(means, scales, np.sqrt(weights), strict=True)):
        look = {"edgecolor": _colour(m), "alpha": 0.45 + 0.55 * bold, "linewidth": 0.8 + 1.4 * bold}
        for sigmas in (1, 2):
            axes.add_patch(Ellipse(mean, *(2 * sigmas * scale), fill=False, zorder=3, **look))
        look = {"color": _colour(m), "markeredgecolor": "white", "markeredgewidth": 0.5}
        axes.plot(*mean, MARKERS[m % len(MARKERS)], markersize=5, zorder=4, **look)
    corners = np.concatenate([box, means - 3.1 * scales, means + 3.1 * scales])  # Q's 99%: 3.03
    low, high = corners.min(axis=0), corners.max(axis=0)
    limits = (low + high) / 2 + 0.52 * (high - low).max() * np.array([[-1], [1]])
    axes.set(xlim=limits[:, 0], ylim=limits[:, 1], aspect="equal", title=panel.title)


def _mass_levels(grid_x, grid_y, log_density):
    """Returns log density less its maximum [Y, X], levels around `MASSES`, 99.9% box [2, 2]."""
    log_density = np.nan_to_num(log_density, nan=-np.inf, neginf=-np.inf)
    log_density = np.maximum(log_density - log_density.max(), -100)  # no contour passes -inf
    area = np.gradient(grid_y)[:, None] * np.gradient(grid_x)
    order = np.argsort(-log_density, axis=None)
    mass = np.cumsum((np.exp(log_density) * area).flat[order])
    levels = np.interp([*MASSES, 0.999], mass / mass[-1], log_density.flat[order])
    levels -= 1e-3 * np.arange(5)  # distinct, also where one cell holds all the mass
    rows, columns = np.nonzero(log_density >= levels[-1])
    box = [[grid_x[end(columns)], grid_y[end(rows)]] for end in (np.min, np.max)]
    return log_density, levels[-2::-1], np.array(box)
