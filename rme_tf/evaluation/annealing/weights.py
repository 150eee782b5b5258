"""Estimates from log weights of chains: pure functions of NumPy arrays.

Letters: N observations, C chains.
"""

import math

import numpy as np
from scipy.special import logsumexp


def log_mean(log_weights):
    """Returns log mean_c w_c, in nats. Shape [N].

    Args:
        log_weights: log w_c. Shape [N, C].
    """
    return logsumexp(log_weights, axis=-1) - math.log(log_weights.shape[-1])


def log_mean_error(log_weights):
    """Returns the standard error of `log_mean`, in nats. Shape [N].

    By the delta method it is std(w) / (sqrt(C) mean(w)), at most 1. Where it is large, few chains carry the mean, and
    it is itself uncertain. NaN for a single chain.

    Args:
        log_weights: log w_c of independent chains. Shape [N, C].
    """
    count = log_weights.shape[-1]
    if count < 2:
        return np.full(len(log_weights), math.nan)
    relative = np.exp(log_weights - log_mean(log_weights)[:, np.newaxis])
    return relative.std(axis=-1, ddof=1) / math.sqrt(count)
