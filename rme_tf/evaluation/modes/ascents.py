"""Ascents of log p(x, z) in z, and maxima that are one mode.

Letters: B batch, R starts, C codes, K modes, D latent dimensions.
"""

import numpy as np
import tensorflow as tf

from rme_tf.core.compiled import compiled
from rme_tf.evaluation import chunking
from rme_tf.evaluation.modes.basins import merged_modes

RATE = 0.3  # first step of an ascent, in standard deviations of Q
DECAYS = (0.5, 0.99)  # of Adam's moments: with a short memory of the gradient an ascent stays in its basin
SAME = 0.05  # standard deviations of Q between the ends of ascents to one maximum
ON_SEGMENT = 15  # points between two maxima at which the density is compared
SETTLED = 0.1  # nats gained in the last tenth of an ascent


def merged_ends(model, x, ends, heights, scale, least_depth: float) -> tuple[np.ndarray, np.ndarray]:
    """Returns the highest end of each mode, and each end's mode.

    Args:
        model: `VAE` of the observation.
        x: checked observation, a tensor. Shape [1, *event_shape].
        ends: ends of ascents. Shape [R, D].
        heights: log p(x, z) there. Shape [R].
        scale: standard deviations of Q. Shape [D].
        least_depth: least depth of the density between two modes below the lower one, in nats.

    Returns:
        peaks: indices of ends. Shape [K].
        mode_of: position among the peaks. Shape [R].
    """
    chosen, nearest = _distinct(ends / scale, heights)
    groups = merged_modes(heights[chosen].astype(float), _passes(model, x, ends[chosen]), least_depth)
    peaks, index = np.unique(groups, return_inverse=True)
    return chosen[peaks], index[nearest]


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
    evaluate, size = compiled(log_joint_at, model), chunking.codes_at_once(model)
    parts = [evaluate(x, tf.constant(codes[start : start + size])) for start in range(0, len(codes), size)]
    lowest = np.concatenate(parts).reshape(-1, ON_SEGMENT).min(axis=1)
    passes[first, second] = passes[second, first] = lowest
    return passes


# Graph code.


def log_joint_at(model, x, z):
    """Returns log p(x, z) of one observation, in nats. Shape [C].

    Args:
        model: `VAE` of the observation.
        x: observation. Shape [1, *event_shape].
        z: codes. Shape [C, D].
    """
    return sum(model.log_joint(x, z[:, tf.newaxis, tf.newaxis]))[:, 0, 0]


def ascended(model, x, z, scale, steps: int) -> tuple:
    """Returns the ends of ascents of log p(x, z).

    The steps are Adam's, in units of Q's standard deviations, with a rate that falls to zero along a cosine. Where the
    gradient is not finite, a code stays.

    Args:
        model: `VAE` of the observations.
        x: observations. Shape [B, *event_shape].
        z: starts. Shape [R, B, D].
        scale: standard deviations of Q. Shape [B, D].
        steps: number of steps.

    Returns:
        ends: Shape [B, R, D].
        heights: log p(x, z) there. Shape [B, R].
        gains: increase of log p(x, z) in the last tenth of the steps. Shape [B, R].
    """

    def value_and_gradient(z):
        """Returns log p(x, z) [R, B], and its gradient in units of Q's standard deviations [R, B, D]."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(z)
            log_joint = sum(model.log_joint(x, z[:, :, tf.newaxis]))[..., 0]
        gradient = tape.gradient(log_joint, z)
        return log_joint, scale * tf.where(tf.math.is_finite(gradient), gradient, 0.0)

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
    return tf.transpose(z, [1, 0, 2]), tf.transpose(log_joint), tf.transpose(log_joint - before)
