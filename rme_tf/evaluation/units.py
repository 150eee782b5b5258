"""Log-likelihoods in other units: bits per dimension and perplexity."""

import math

import numpy as np

from rme_tf.core.arrays import as_numbers
from rme_tf.core.validation import check_count, check_instance, is_number, require
from rme_tf.likelihoods.base import Likelihood


def bits_per_dimension(nats: float, likelihood) -> float:
    """Returns the negative log-likelihood in bits per dimension.

        -nats / (D_x ln 2), plus 8 for a density of 8-bit pixels scaled to [0, 1]

    For a density, these are bits of the data only if the pixels are dequantized, (pixel + u) / 256: on a grid of levels
    a density has no upper bound. For pixels scaled to [low, high] the second term is 8 - log2(high - low). The result
    is NaN for real values without an interval, for counts, and where the number of dimensions varies: for sequences,
    see `perplexity`, and for observations with missing entries.

    Args:
        nats: log-likelihood of an observation, in nats.
        likelihood: `Likelihood` of the observation.
    """
    require(is_number(nats), "nats", "be a number", repr(nats))
    check_instance("likelihood", likelihood, Likelihood, "a `Likelihood`")
    if None in likelihood.event_shape or likelihood.missing:
        return math.nan
    return -nats / (math.prod(likelihood.event_shape) * math.log(2.0)) + likelihood.bits_offset


def perplexity(log_likelihood, num_tokens: int) -> float:
    """Returns the perplexity exp(-sum log p(x) / num_tokens).

    Args:
        log_likelihood: log-likelihood of each sequence in nats, or a bound, which should be named with the result.
            Shape [N].
        num_tokens: number of tokens or words of all N sequences, with an EOS for each sequence and without BOS.

    Raises:
        ValueError: if the values are not numbers, or `num_tokens` is not an integer of at least 1.
    """
    check_count("num_tokens", num_tokens)
    exponent = -np.sum(as_numbers(log_likelihood, "log_likelihood")) / num_tokens
    return float(np.exp(exponent))
