"""Modes of the true posterior in any dimension, by ascents.

Letters: N observations, B batch, R starts, C codes, K modes, D latent dimensions.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from rme_tf.core.compiled import compiled
from rme_tf.core.gaussian import LOG_2_PI
from rme_tf.core.outer_calls import InnerCalls
from rme_tf.core.validation import check_count, check_number
from rme_tf.evaluation import chunking
from rme_tf.evaluation.batchwise import parts_of
from rme_tf.evaluation.modes.basins import merged_modes
from rme_tf.evaluation.modes.posterior_modes import modes_in_words, padded_rows
from rme_tf.likelihoods.input_checks import checked_whole, data_errors_as_value_errors

LEAST_STARTS = 4
RATE = 0.3  # first step of an ascent, in standard deviations of Q
DECAYS = (0.5, 0.99)  # of Adam's moments: with a short memory of the gradient an ascent stays in its basin
SAME = 0.05  # standard deviations of Q between the ends of ascents to one maximum
ON_SEGMENT = 15  # points between two maxima at which the density is compared
LEAST_CURVATURE = 1e-3  # of -log p(x, z), where it is not convex at an end
SETTLED = 0.1  # nats gained in the last tenth of an ascent


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
        lines = modes_in_words(self)
        if self.settled.min() < 0.9:
            lines.append(
                f"In {int(np.sum(self.settled < 0.9))} observations more than a tenth of the ascents had not settled: "
                "more `steps` help."
            )
        return "\n".join(lines)


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
    x = checked_whole(x, model.likelihood)
    check_count("num_starts", num_starts, LEAST_STARTS)
    check_count("steps", steps, 10)
    check_count("batch_size", batch_size)
    check_number("least_mass", least_mass, least=0.0, below=1.0)
    check_number("least_depth", least_depth, least=0.0)
    check_number("covered_share", covered_share, above=0.0)
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
    counts = np.array([len(part) for part in masses])
    mass, q_mass = padded_rows(masses, 0.0), padded_rows(masses_of_q, 0.0)
    covered = (q_mass >= covered_share * mass) & (mass > 0.0)
    return FoundModes(counts, padded_rows(modes, np.nan), mass, q_mass, covered, np.array(settled))


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
    chosen, nearest = _distinct(ends / scale, heights)
    maxima, heights = ends[chosen], heights[chosen].astype(float)
    groups = merged_modes(heights, _passes(model, x, maxima), least_depth)
    peaks, index = np.unique(groups, return_inverse=True)
    hessian = compiled(_hessians, model)(x, tf.constant(maxima[peaks])).numpy().astype(float)
    curvature = np.maximum(np.linalg.eigvalsh(-hessian), LEAST_CURVATURE)
    log_mass = heights[peaks] + 0.5 * np.sum(LOG_2_PI - np.log(curvature), axis=-1)
    mass = np.exp(log_mass - np.logaddexp.reduce(log_mass))
    from_q = index[nearest[: len(ends) // 2]]
    q_mass = np.bincount(from_q, minlength=len(peaks)) / len(from_q)
    order = np.argsort(-mass, kind="stable")
    heavy = order[mass[order] >= least_mass]
    heavy = order[:1] if len(heavy) == 0 else heavy
    return maxima[peaks][heavy], mass[heavy], q_mass[heavy], float(np.mean(gains < SETTLED))


def _distinct(ends, heights) -> tuple[np.ndarray, np.ndarray]:
    """Returns the indices of distinct ends, the highest first, and the position of each end's own among them."""
    chosen: list[int] = []
    nearest = np.empty(len(ends), int)
    for index in np.argsort(-heights, kind="stable"):
        distances = np.linalg.norm(ends[chosen] - ends[index], axis=-1)
        if len(chosen) and distances.min() < SAME * np.sqrt(ends.shape[-1]):
            nearest[index] = np.argmin(distances)
        else:
            nearest[index] = len(chosen)
            chosen.append(int(index))
    return np.array(chosen), nearest


def _passes(model, x, maxima):
    """Returns the least log p(x, z) [K, K] on the segments between maxima [K, D]."""
    passes = np.full([len(maxima)] * 2, -np.inf)
    first, second = np.triu_indices(len(maxima), k=1)
    if len(first) == 0:
        return passes
    shares = np.linspace(0.0, 1.0, ON_SEGMENT + 2, dtype=np.float32)[1:-1, np.newaxis]
    codes = maxima[first, np.newaxis] * (1 - shares) + maxima[second, np.newaxis] * shares  # [pairs, points, D]
    codes = codes.reshape(-1, maxima.shape[-1])
    evaluate, size = compiled(_log_joint, model), chunking.codes_at_once(model)
    parts = [evaluate(x, tf.constant(codes[start : start + size])) for start in range(0, len(codes), size)]
    lowest = np.concatenate(parts).reshape(-1, ON_SEGMENT).min(axis=1)
    passes[first, second] = passes[second, first] = lowest
    return passes


# Graph code.


def _log_joint(model, x, z):
    """Returns log p(x, z) [C] of one observation [1, *event_shape] at codes z [C, D]."""
    return sum(model.log_joint(x, z[:, tf.newaxis, tf.newaxis]))[:, 0, 0]


def _hessians(model, x, z):
    """Returns the Hessians [K, D, D] of log p(x, z) at codes z [K, D]."""
    size = z.shape[-1]
    copies = tf.repeat(z, size, axis=0)  # [K D, D]
    directions = tf.tile(tf.eye(size), [tf.shape(z)[0], 1])
    with tf.autodiff.ForwardAccumulator(copies, directions) as forward:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(copies)
            log_joint = _log_joint(model, x, copies)
        gradient = tape.gradient(log_joint, copies)
    derivatives = forward.jvp(gradient, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    return tf.reshape(derivatives, [-1, size, size])


def _ascents(model, x, seed, num_starts: int, steps: int) -> tuple:
    """Returns ends [B, R, D], log p(x, z) there, its gain in the last tenth [B, R], and Q's scale [B, D].

    The steps are Adam's, in units of Q's standard deviations, with a rate that falls to zero along a cosine.
    """
    q = model.infer(x)
    scale, from_q = q.stddev(), num_starts // 2
    others = [num_starts - from_q, tf.shape(x)[0]]
    from_prior = model.prior.distribution().sample(others, seed=tf.random.fold_in(seed, q.num_components))
    z = tf.concat([q.sample(from_q, seed), from_prior], axis=0)  # [R, B, D]

    def value_and_gradient(z):
        """Returns log p(x, z) [R, B], and its gradient in units of Q's standard deviations [R, B, D]."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(z)
            log_joint = sum(model.log_joint(x, z[:, :, tf.newaxis]))[..., 0]
        return log_joint, scale * tape.gradient(log_joint, z)

    def body(step, z, first, second, before):
        """Returns the state after one step of Adam."""
        log_joint, gradient = value_and_gradient(z)
        before = tf.where(step == steps - steps // 10, log_joint, before)
        first = DECAYS[0] * first + (1.0 - DECAYS[0]) * gradient
        second = DECAYS[1] * second + (1.0 - DECAYS[1]) * gradient**2
        count = tf.cast(step + 1, tf.float32)
        corrected = first / (1.0 - DECAYS[0] ** count), second / (1.0 - DECAYS[1] ** count)
        rate = 0.5 * RATE * (1.0 + tf.cos(np.pi * tf.cast(step, tf.float32) / steps))
        return step + 1, z + rate * scale * corrected[0] / (tf.sqrt(corrected[1]) + 1e-8), first, second, before

    zeros = tf.zeros_like(z)
    state = (tf.constant(0), z, zeros, zeros, zeros[..., 0])
    _, z, _, _, before = tf.while_loop(lambda step, *_: step < steps, body, state, parallel_iterations=1)
    log_joint, _ = value_and_gradient(z)
    ends = tf.transpose(z, [1, 0, 2]), tf.transpose(log_joint), tf.transpose(log_joint - before)
    return *ends, scale
