"""Modes of true posteriors over two dimensions, and which Q covers.

Letters: N observations, K modes of the observation with the most, M components.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from rme_tf.core.argument_checks import check_model
from rme_tf.core.estimates import percent, short, with_error
from rme_tf.core.outer_calls import InnerCalls
from rme_tf.core.types import Encoding
from rme_tf.core.validation import check_count, check_flag, check_number, require
from rme_tf.evaluation.batchwise import parts_of
from rme_tf.evaluation.diagnostics import standard_error
from rme_tf.evaluation.likelihood_bounds import compiled_encode
from rme_tf.evaluation.modes.basins import OUTSIDE, Basins, basins_of
from rme_tf.evaluation.modes.grid_densities import GridDensities, grid_densities
from rme_tf.likelihoods.input_checks import checked_whole, data_errors_as_value_errors

DROP = 15.0  # nats below the highest point: beyond, the posterior has less than 1e-6 of its mass
COARSE = 60  # points on a side of the grids that find the mass
ROUNDS = 3  # of such grids
LARGEST_CELL = 0.1  # share of the mass: quadrature is exact to 1e-6 for a Gaussian whose largest cell has it


class PosteriorShape(NamedTuple):
    """Modes of the true posterior of each observation, the heaviest first."""

    num_modes: np.ndarray  # [N]
    modes: np.ndarray  # NaN for modes that an observation lacks  [N, K, 2]
    mass: np.ndarray  # share of p(z|x) in the basin of each mode  [N, K]
    q_mass: np.ndarray  # share of Q(z|x) in it  [N, K]
    covered: np.ndarray  # whether Q has enough mass in it  [N, K]
    log_evidence: np.ndarray  # log p(x) by quadrature, in nats  [N]
    largest_cell: np.ndarray  # share of p(z|x) in the heaviest cell of the grid  [N]

    def summary(self) -> str:
        """Returns the modes in words, several lines."""
        lines = modes_in_words(self)
        coarse = int(np.sum(self.largest_cell > LARGEST_CELL))
        if coarse:
            lines.append(
                f"The grid is too coarse for {coarse} observations: one cell has up to "
                f"{short(float(self.largest_cell.max()))} of the mass. A larger `num` helps."
            )
        return "\n".join(lines)


def posterior_shape(
    model,
    x,
    *,
    encoding=None,
    num=150,
    least_mass=0.05,
    least_depth=0.1,
    covered_share=0.1,
    batch_size=128,
    progress=True,
) -> PosteriorShape:
    """Returns the `PosteriorShape` of each observation, by quadrature on a grid.

    The grid of an observation is a rectangle around the mass of p(z|x), which coarser grids find within the range of
    the prior and of Q. A mode is a local maximum; its basin is the cells that ascend to it, the steepest way. Q covers
    a mode if Q has the given share of the mode's mass, or more, in its basin. A posterior that is narrower than
    the coarse grid may be missed: `log_evidence` below an importance-weighted bound shows it.

    Args:
        model: `VAE` with D = 2.
        x: array [N, *event_shape], or a finite `tf.data.Dataset` of batches; checked against the likelihood's support.
        encoding: `Encoding` of Q for all observations, such as the first components of the model's, or the best
            posteriors of `inference_gaps`; None is the model's.
        num: number of grid points on a side, at least 10.
        least_mass: least share of p(z|x) in the basin of a mode; basins with less are left out.
        least_depth: least depth of the pass between two modes below the lower one, in nats.
        covered_share: least mass of Q in a basin for a covered mode, as a share of the mass of p(z|x) there.
        batch_size: number of observations read at a time.
        progress: whether to show a progress bar.

    Raises:
        ValueError: if D is not 2, the data are outside of the likelihood's support, empty or infinite, an encoding is
            not one of all observations, or a number is outside of its range.
    """
    check_model(model)
    check_flag("progress", progress)
    require(model.latent_dim == 2, "model", "have two latent dimensions, for a grid", f"D = {model.latent_dim}")
    x = checked_whole(x, model.likelihood)
    check_count("num", num, 10)
    check_count("batch_size", batch_size)
    check_choices(least_mass, least_depth, covered_share)
    encoding = _checked_encoding(model, x, encoding)
    parts: list[tuple] = []
    bar = tqdm(desc="Grids", disable=not progress, leave=False)
    with bar, InnerCalls(), data_errors_as_value_errors():
        for batch, _ in parts_of(model, x, batch_size):
            for row in batch:
                of_row = None if encoding is None else Encoding(*(part[len(parts)][tf.newaxis] for part in encoding))
                grid = grid_around_mass(model, row[tf.newaxis], num, of_row)
                steps = grid.grid_y[1] - grid.grid_y[0], grid.grid_x[1] - grid.grid_x[0]
                basins = basins_of(grid.log_joint, least_depth=least_depth, drop=DROP, steps=steps)
                parts.append(_shape_of(grid, basins, least_mass))
                bar.update()
    modes, masses, masses_of_q, log_evidence, largest = zip(*parts, strict=True)
    counts, mass, q_mass, covered = joined(masses, masses_of_q, covered_share)
    of_mass = mass, q_mass, covered
    return PosteriorShape(counts, padded_rows(modes, np.nan), *of_mass, np.array(log_evidence), np.array(largest))


def check_choices(least_mass, least_depth, covered_share) -> None:
    """Raises ValueError if a choice of a mode is out of range.

    Args:
        least_mass: least share of a mode in p(z|x).
        least_depth: least depth of the pass between two modes, in nats.
        covered_share: least share of the mass of a covered mode.
    """
    check_number("least_mass", least_mass, least=0.0, below=1.0)
    check_number("least_depth", least_depth, least=0.0)
    check_number("covered_share", covered_share, above=0.0)


def modes_in_words(shape) -> list[str]:
    """Returns lines on modes, and on the ones that Q covers.

    Args:
        shape: `PosteriorShape`, or another record with its `num_modes`, `mass` and `covered`.
    """
    counts, several = shape.num_modes, shape.num_modes > 1
    lines = [
        f"{len(counts)} observations; ± is one standard error.",
        f"Modes of the true posterior: {with_error(float(counts.mean()), standard_error(counts))}; "
        f"{int(several.sum())} observations, {percent(several.mean())}, have several, at most {int(counts.max())}.",
    ]
    if several.any():
        complete = several & (shape.covered.sum(axis=1) == counts)
        missed = missed_mass(shape)[several]
        lines.append(
            f"Of these, Q covers every mode of {int(complete.sum())}; the modes that it misses have "
            f"{with_error(float(missed.mean()), standard_error(missed))} of the mass."
        )
    return lines


def missed_mass(shape) -> np.ndarray:
    """Returns the share of p(z|x) in modes outside of Q. Shape [N].

    Args:
        shape: `PosteriorShape`, or another record with its `mass` and `covered`.
    """
    return np.where(shape.covered, 0.0, shape.mass).sum(axis=1)


def grid_around_mass(model, x, num: int, encoding=None) -> GridDensities:
    """Returns the densities of one observation around the mass of p(z|x).

    Args:
        model: `VAE` with D = 2.
        x: checked observation, a tensor. Shape [1, *event_shape].
        num: number of points on a side.
        encoding: `Encoding` of the observation; None is the model's.
    """
    encoding = compiled_encode(model)(x) if encoding is None else encoding
    low, high = _outer_box(model, encoding)
    for _ in range(ROUNDS):
        coarse = grid_densities(model, x, encoding, *np.linspace(low, high, COARSE, axis=-1))
        rows, columns = np.nonzero(coarse.log_joint > coarse.log_joint.max() - DROP)
        step = (high - low) / (COARSE - 1)
        ends = [[coarse.grid_x[end(columns)], coarse.grid_y[end(rows)]] for end in (np.min, np.max)]
        size = high - low
        low, high = np.maximum(low, ends[0] - 2 * step), np.minimum(high, ends[1] + 2 * step)
        if np.prod(high - low) > 0.5 * np.prod(size):
            break
    return grid_densities(model, x, encoding, *np.linspace(low, high, num, axis=-1))


def _checked_encoding(model, x, encoding) -> Encoding | None:
    """Returns an encoding of all observations as tensors, or None."""
    if encoding is None:
        return None
    fits = isinstance(encoding, tuple) and len(encoding) == 2
    require(fits, "encoding", "be an `Encoding`, params and log_alpha", type(encoding).__name__)
    params, log_alpha = (tf.convert_to_tensor(part, tf.float32) for part in encoding)
    size = len(x) if hasattr(x, "shape") else params.shape[0]  # unknown for a data set
    expected = (size, log_alpha.shape[-1], model.posterior_family.num_params), (size, log_alpha.shape[-1])
    received = tuple(params.shape), tuple(log_alpha.shape)
    require(received == expected, "encoding", f"have shapes {expected[0]} and {expected[1]}", received)
    return Encoding(params, log_alpha)


def _outer_box(model, encoding) -> tuple[np.ndarray, np.ndarray]:
    """Returns the corners [2] of a box around the prior and all components."""
    z = model.prior.distribution().sample(1000, seed=(0, 0)).numpy()
    low, high = z.min(axis=0), z.max(axis=0)
    low, high = low - 0.25 * (high - low), high + 0.25 * (high - low)
    means, scales = (moment.numpy()[0] for moment in model.posterior_family.moments(encoding.params))
    return np.minimum(low, (means - 5 * scales).min(axis=0)), np.maximum(high, (means + 5 * scales).max(axis=0))


def _shape_of(grid: GridDensities, basins: Basins, least_mass: float) -> tuple:
    """Returns the modes, masses and masses of Q of one observation, log p(x), and the mass of the largest cell."""
    cells = np.exp(grid.log_joint - grid.log_evidence) * grid.area
    inside, count = basins.labels != OUTSIDE, len(basins.peaks)
    mass, q_mass = (
        np.bincount(basins.labels[inside], values[inside], minlength=count)
        for values in (cells, np.exp(grid.log_mixture) * grid.area)
    )
    modes = np.stack([grid.grid_x[basins.peaks[:, 1]], grid.grid_y[basins.peaks[:, 0]]], axis=-1)
    heavy = heaviest(mass, least_mass)
    return modes[heavy], mass[heavy], q_mass[heavy], grid.log_evidence, cells.max()


def heaviest(mass, least_mass: float) -> np.ndarray:
    """Returns the indices of modes with enough mass, the heaviest first.

    The heaviest mode is always among them.

    Args:
        mass: share of each mode. Shape [K].
        least_mass: least share of a mode.
    """
    order = np.argsort(-mass, kind="stable")
    return order[: max(1, int(np.sum(mass >= least_mass)))]


def padded_rows(values, fill) -> np.ndarray:
    """Returns arrays of several lengths as one, [N, K, ...].

    Args:
        values: arrays [K_n, ...], K the largest K_n.
        fill: value of missing rows.
    """
    counts = [len(part) for part in values]
    result = np.full([len(counts), max(counts), *values[0].shape[1:]], fill)
    for row, part in zip(result, values, strict=True):
        row[: len(part)] = part
    return result


def joined(masses, masses_of_q, covered_share: float) -> tuple:
    """Returns the masses of several observations, and which modes Q covers.

    Args:
        masses: masses of the modes of each observation. Shape [K_n].
        masses_of_q: masses of Q in their basins. Shape [K_n].
        covered_share: least mass of Q for a covered mode, as a share of the mode's mass.

    Returns:
        counts: numbers of modes. Shape [N].
        mass: Shape [N, K].
        q_mass: Shape [N, K].
        covered: Shape [N, K].
    """
    counts = np.array([len(part) for part in masses])
    mass, q_mass = padded_rows(masses, 0.0), padded_rows(masses_of_q, 0.0)
    return counts, mass, q_mass, (q_mass >= covered_share * mass) & (mass > 0.0)
