"""Masses of modes from weighted draws of two groups.

Letters: G groups, C draws of a group, K modes, T bootstrap replicates.
"""

from typing import NamedTuple

import numpy as np

from rme_tf.evaluation.proposal import effective_sample_size

REPLICATES = 200  # of the bootstrap
LEAST_SIZE = 10  # effective sample size below which masses are rough


class ModeMasses(NamedTuple):
    """Masses of the modes of one observation."""

    mass: np.ndarray  # share of each mode, summing to one  [K]
    error: np.ndarray  # its standard error, over the draws  [K]
    starts: np.ndarray  # share by each group only  [K, G]
    effective_sample_size: float  # of all draws, from 1 to G C
    log_evidence: float  # log of the sum of the modes' weights, in nats


def masses_of(log_weights, mode_of, num_modes: int) -> ModeMasses:
    """Returns the `ModeMasses` of an observation.

    The mean over a group of the weights in a mode estimates the mode's mass times p(x) without bias. The groups are
    averaged mode by mode, by their effective sample sizes there. Standard errors are of the bootstrap, over the draws
    of each group.

    Args:
        log_weights: log weights of draws from p(z|x), in nats. Shape [G, C].
        mode_of: mode of each draw. Shape [G, C].
        num_modes: number of modes K.
    """
    largest = log_weights.max()
    weights = np.exp(np.asarray(log_weights, np.float64) - largest)
    member = mode_of[..., np.newaxis] == np.arange(num_modes)  # [G, C, K]
    means, shares = _means_and_shares(weights, member, np.ones([1, *weights.shape]))
    (evidence,) = np.sum(means * shares, axis=1)
    counts = _resampled(weights.shape)
    replicates = np.sum(np.multiply(*_means_and_shares(weights, member, counts)), axis=1)  # [T, K]
    replicates /= replicates.sum(axis=-1, keepdims=True)
    used = weights * np.sum(member * shares[0][:, np.newaxis], axis=-1)  # weights in the average
    with np.errstate(divide="ignore"):
        (size,) = effective_sample_size(np.log(used.reshape(1, -1)))
    return ModeMasses(
        evidence / evidence.sum(),
        replicates.std(axis=0, ddof=1),
        (means[0] / means[0].sum(axis=-1, keepdims=True)).T,
        float(size),
        float(np.log(evidence.sum()) + largest),
    )


def _resampled(shape) -> np.ndarray:
    """Returns how often each draw is taken in each replicate. Shape [T, G, C]."""
    groups, size = shape
    return np.random.default_rng(0).multinomial(size, np.full(size, 1.0 / size), [REPLICATES, groups])


def _means_and_shares(weights, member, counts) -> tuple[np.ndarray, np.ndarray]:
    """Returns the mean weight of each mode in each group, and the group's share in the average. Shape [T, G, K]."""
    sums = np.einsum("tgc,gc,gck->tgk", counts, weights, member)
    squares = np.einsum("tgc,gc,gck->tgk", counts, weights**2, member)
    sizes = np.divide(sums**2, squares, out=np.zeros_like(sums), where=squares > 0.0)
    total = sizes.sum(axis=1, keepdims=True)
    return sums / weights.shape[-1], np.divide(sizes, total, out=np.zeros_like(sizes), where=total > 0.0)
