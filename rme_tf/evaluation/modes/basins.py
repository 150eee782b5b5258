"""Modes of a density on a grid, and their basins of attraction.

Letters: X, Y points of the grid, K modes.
"""

from typing import NamedTuple

import numpy as np

OUTSIDE = -1  # label of a cell without a basin
NEIGHBORS = ((0, 1), (1, 0), (1, 1), (1, -1))  # and their opposites


class Basins(NamedTuple):
    """Modes of a density on a grid, the highest first."""

    labels: np.ndarray  # index of the mode to which a cell ascends, or `OUTSIDE`  [Y, X]
    peaks: np.ndarray  # row and column of each mode  [K, 2]


def basins_of(log_density, *, least_depth: float, drop: float, steps=(1.0, 1.0)) -> Basins:
    """Returns the `Basins` of a density.

    Each cell ascends to its steepest one of eight neighbors until a local maximum. Two modes are one if the density
    along the highest pass between them falls less than `least_depth` below the lower mode.

    Args:
        log_density: log-density up to a constant, in nats. Shape [Y, X].
        least_depth: least depth of a pass between two modes, in nats.
        drop: depth below the highest cell at which cells have no basin, in nats.
        steps: distances of rows and of columns.
    """
    log_density = np.nan_to_num(np.asarray(log_density, np.float64), nan=-np.inf, neginf=-np.inf)
    inside = log_density > log_density.max() - drop
    parents = _ascended(np.where(inside, log_density, -np.inf), steps)
    peaks, labels = np.unique(parents[inside.ravel()], return_inverse=True)
    full = np.full(log_density.shape, OUTSIDE)
    full[inside] = labels
    heights = log_density.ravel()[peaks]
    merged = merged_modes(heights, _passes(log_density, full, len(peaks)), least_depth)
    tops = np.unique(merged)
    tops = tops[np.argsort(-heights[tops], kind="stable")]
    position = np.empty(len(peaks), int)
    position[tops] = np.arange(len(tops))
    full[inside] = position[merged[labels]]
    return Basins(full, np.stack(np.unravel_index(peaks[tops], log_density.shape), axis=-1))


def _ascended(log_density, steps):
    """Returns the flat index [Y * X] of the local maximum to which each cell ascends."""
    shape = log_density.shape
    padded = np.pad(log_density, 1, constant_values=-np.inf)
    cells = np.arange(log_density.size).reshape(shape)
    parents, steepest = cells.copy(), np.zeros(shape)
    for row, column in (offset for pair in NEIGHBORS for offset in (pair, (-pair[0], -pair[1]))):
        neighbor = padded[1 + row : 1 + row + shape[0], 1 + column : 1 + column + shape[1]]
        with np.errstate(invalid="ignore"):  # of two cells of density zero
            slope = (neighbor - log_density) / np.hypot(row * steps[0], column * steps[1])
        better = slope > steepest
        steepest = np.where(better, slope, steepest)
        parents = np.where(better, cells + row * shape[1] + column, parents)
    parents = parents.ravel()
    while not np.array_equal(further := parents[parents], parents):
        parents = further
    return parents


def _passes(log_density, labels, count: int):
    """Returns the log-density [K, K] of the highest pass between each two basins, -inf for none."""
    passes = np.full([count, count], -np.inf)
    rows, columns = labels.shape
    for row, column in NEIGHBORS:
        first = slice(0, rows - row), slice(max(0, -column), columns - max(0, column))
        second = slice(row, rows), slice(max(0, column), columns - max(0, -column))
        a, b = labels[first], labels[second]
        apart = (a != b) & (a != OUTSIDE) & (b != OUTSIDE)
        heights = np.minimum(log_density[first], log_density[second])[apart]
        np.maximum.at(passes, (a[apart], b[apart]), heights)
    return np.maximum(passes, passes.T)


def merged_modes(heights, passes, least_depth: float):
    """Returns the group of each mode, joined over the shallowest passes first.

    A mode without a finite height is a group of its own.

    Args:
        heights: log-densities of the modes, in nats. Shape [K].
        passes: log-density of the highest pass between each two modes, -inf for none. Shape [K, K].
        least_depth: least depth of a pass below the lower mode, in nats.

    Returns:
        merged: index of the highest mode of each mode's group. Shape [K].
    """
    passes, merged = np.nan_to_num(passes, nan=-np.inf, neginf=-np.inf), np.arange(len(heights))
    lower, finite = np.minimum(heights[:, np.newaxis], heights), np.isfinite(heights)
    joinable = finite & finite[:, np.newaxis] & ~np.eye(len(heights), dtype=bool)
    while True:
        depths = np.subtract(lower, passes, out=np.full(passes.shape, np.inf), where=joinable)
        a, b = np.unravel_index(np.argmin(depths), depths.shape)
        if depths[a, b] >= least_depth:
            return merged
        stays, goes = (a, b) if heights[a] >= heights[b] else (b, a)
        merged[merged == goes] = stays
        passes[stays] = passes[:, stays] = np.maximum(passes[stays], passes[goes])
        passes[goes] = passes[:, goes] = -np.inf
