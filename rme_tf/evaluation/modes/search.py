"""Modes of the true posterior in any dimension, by ascents.

Letters: N observations, B batch, R starts, K modes, D latent dimensions.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from rme_tf.core.argument_checks import check_model
from rme_tf.core.compiled import compiled
from rme_tf.core.gaussian import LOG_2_PI
from rme_tf.core.outer_calls import InnerCalls
from rme_tf.core.validation import check_count, check_flag
from rme_tf.evaluation import chunking
from rme_tf.evaluation.batchwise import parts_of
from rme_tf.evaluation.modes.ascents import SETTLED, ascended, log_joint_at, merged_ends
from rme_tf.evaluation.modes.posterior_modes import check_choices, heaviest, joined, modes_in_words, padded_rows
from rme_tf.likelihoods.input_checks import checked_whole, data_errors_as_value_errors

LEAST_STARTS = 4
LEAST_CURVATURE = 1e-3  # of -log p(x, z), where it is not convex at an end
LEAST_SETTLED = 0.9  # share of the ascents, below which a summary warns


class FoundModes(NamedTuple):
    """Modes of true posteriors found by ascents, the heaviest first."""

    num_modes: np.ndarray  # [N]
    modes: np.ndarray  # NaN for modes that an observation lacks  [N, K, D]
    mass: np.ndarray  # share of each mode in p(z|x), by Laplace's approximation  [N, K]
    q_mass: np.ndarray  # share of the draws of Q that ascend to it  [N, K]
    covered: np.ndarray  # whether enough of them do  [N, K]
    settled: np.ndarray  # share of the ascents that gained less than 0.1 nats in their last tenth  [N]

    def summary(self) -> str:
        """Returns the modes in words, several lines."""
        return "\n".join([*modes_in_words(self), *unsettled_in_words(self.settled)])


def find_modes(
    model,
    x,
    *,
    num_starts=64,
    steps=300,
    seed=0,
    batch_size=128,
    progress=True,
    least_mass=0.05,
    least_depth=0.1,
    covered_share=0.1,
) -> FoundModes:
    """Returns the `FoundModes` of each observation, in any number of dimensions.

    Half of the starts are draws from Q, half are draws from the prior; each ascends log p(x, z). Ends are one mode if
    the density on the straight line between them falls less than `least_depth` below the lower end, or if such lines
    join them through other ends. A mode that no start ascends to is not found, and curved ridges may count as several
    modes. Masses are exact for Gaussian modes; with two latent dimensions `posterior_shape` is exact.

    Args:
        model: `VAE` with a differentiable decoder.
        x: array [N, *event_shape], or a finite `tf.data.Dataset` of batches; checked against the likelihood's support.
        num_starts: number of starts R for each observation, at least 4.
        steps: number of steps of an ascent, at least 10.
        seed: integer seed of the starts.
        batch_size: largest number of observations B in a batch.
        progress: whether to show a progress bar.
        least_mass: least share of a mode in p(z|x); modes with less are left out.
        least_depth: least depth of the density between two modes below the lower one, in nats.
        covered_share: least share of the draws of Q for a covered mode, relative to the mass of the mode.

    Raises:
        ValueError: if the data are outside of the likelihood's support, empty or infinite, or a number is outside of
            its range.
    """
    check_model(model)
    check_flag("progress", progress)
    x = checked_whole(x, model.likelihood)
    check_count("num_starts", num_starts, LEAST_STARTS)
    check_count("steps", steps, 10)
    check_count("batch_size", batch_size)
    check_choices(least_mass, least_depth, covered_share)
    rows = max(1, min(batch_size, chunking.codes_at_once(model) // num_starts))
    ascend, parts = compiled(_ascents, model, num_starts, steps), []
    bar = tqdm(desc="Ascents", disable=not progress, leave=False)
    with bar, InnerCalls(), data_errors_as_value_errors():
        for part, part_seed in parts_of(model, x, rows, seed):
            ascents = [values.numpy() for values in ascend(part, part_seed)]
            for row, *of_row in zip(part, *ascents, strict=True):
                parts.append(_modes_of(model, row[tf.newaxis], *of_row, least_depth=least_depth, least_mass=least_mass))
                bar.update()
    modes, masses, masses_of_q, settled = zip(*parts, strict=True)
    counts, mass, q_mass, covered = joined(masses, masses_of_q, covered_share)
    return FoundModes(counts, padded_rows(modes, np.nan), mass, q_mass, covered, np.array(settled))


def unsettled_in_words(settled) -> list[str]:
    """Returns a warning if many ascents have not settled.

    Args:
        settled: share of the settled ascents of each observation. Shape [N].
    """
    unsettled = int(np.sum(settled < LEAST_SETTLED))
    if unsettled == 0:
        return []
    return [f"In {unsettled} observations more than a tenth of the ascents had not settled: more `steps` help."]


def _modes_of(model, x, ends, heights, gains, scale, *, least_depth: float, least_mass: float) -> tuple:
    """Returns the modes [K, D], their masses, the shares of Q [K], and the share of settled ascents.

    Args:
        model: `VAE` of the observation.
        x: checked observation, a tensor. Shape [1, *event_shape].
        ends: ends of the ascents, from draws of Q first. Shape [R, D].
        heights: log p(x, z) there. Shape [R].
        gains: increase of log p(x, z) in the last tenth of an ascent. Shape [R].
        scale: standard deviations of Q. Shape [D].
        least_depth: see `find_modes`.
        least_mass: see `find_modes`.
    """
    peaks, mode_of = merged_ends(model, x, ends, heights, scale, least_depth)
    maxima = ends[peaks]
    hessian = compiled(_hessians, model)(x, tf.constant(maxima)).numpy().astype(float)
    curvature = np.maximum(np.linalg.eigvalsh(-np.nan_to_num(hessian)), LEAST_CURVATURE)
    log_joint = np.nan_to_num(heights[peaks].astype(float), nan=-np.inf, neginf=-np.inf)  # an ascent may overflow
    log_mass = log_joint + 0.5 * np.sum(LOG_2_PI - np.log(curvature), axis=-1)
    mass = np.exp(log_mass - np.logaddexp.reduce(log_mass))
    from_q = mode_of[: len(ends) // 2]
    q_mass = np.bincount(from_q, minlength=len(peaks)) / len(from_q)
    heavy = heaviest(mass, least_mass)
    return maxima[heavy], mass[heavy], q_mass[heavy], float(np.mean(gains < SETTLED))


# Graph code.


def _hessians(model, x, z):
    """Returns the Hessians [K, D, D] of log p(x, z) at codes z [K, D]."""
    size = z.shape[-1]
    copies = tf.repeat(z, size, axis=0)  # [K D, D]
    directions = tf.tile(tf.eye(size), [tf.shape(z)[0], 1])
    with tf.GradientTape(watch_accessed_variables=False) as outer:  # forward mode lacks loops, of LSTMs for instance
        outer.watch(copies)
        with tf.GradientTape(watch_accessed_variables=False) as inner:
            inner.watch(copies)
            log_joint = log_joint_at(model, x, copies)
        along = tf.reduce_sum(directions * inner.gradient(log_joint, copies))
    derivatives = outer.gradient(along, copies, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    return tf.reshape(derivatives, [-1, size, size])


def _ascents(model, x, seed, num_starts: int, steps: int) -> tuple:
    """Returns ends [B, R, D], log p(x, z) there, its gain in the last tenth [B, R], and Q's scale [B, D]."""
    q = model.infer(x)
    scale, from_q = q.stddev(), num_starts // 2
    others = [num_starts - from_q, tf.shape(x)[0]]
    from_prior = model.prior.distribution().sample(others, seed=tf.random.fold_in(seed, q.num_components))
    z = tf.concat([q.sample(from_q, seed), from_prior], axis=0)  # [R, B, D]
    return *ascended(model, x, z, scale, steps), scale
