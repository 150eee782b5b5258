"""Diagnostics of posterior and component collapse: pure functions of NumPy arrays.

Letters: N observations, S samples for each observation, M components, D latent dimensions.
"""

import math
from typing import NamedTuple

import numpy as np

ACTIVE_VARIANCE = 0.01  # threshold of Burda et al.


def active_units(weights, means) -> int:
    """Returns the number of latent dimensions d with Var_x(E_Q[z_d]) > 0.01.

    Args:
        weights: mixing weights alpha. Shape [N, M].
        means: means of the components. Shape [N, M, D].

    References:
        Burda, Grosse and Salakhutdinov (2016), https://arxiv.org/abs/1509.00519
    """
    return int(np.sum(code_variance(weights, means) > ACTIVE_VARIANCE))


def code_variance(weights, means):
    """Returns Var_x(E_Q[z_d]) of each latent dimension d. Shape [D].

    Args:
        weights: mixing weights alpha. Shape [N, M].
        means: means of the components. Shape [N, M, D].
    """
    return np.var(np.einsum("nm,nmd->nd", weights, means), axis=0, ddof=1)


def standard_error(values):
    """Returns the standard error of the mean over observations.

    NaN for fewer than two observations.

    Args:
        values: Shape [N] or [N, ...].

    Returns:
        A float for values [N], else an array [...].
    """
    values = np.asarray(values, np.float64)
    if len(values) < 2:
        return np.full(values.shape[1:], np.nan) if values.ndim > 1 else math.nan
    error = values.std(axis=0, ddof=1) / math.sqrt(len(values))
    return error if values.ndim > 1 else float(error)


def mixing_entropy(weights) -> float:
    """Returns the mean entropy of the weights, mean_x H(alpha(x)), in nats.

    It is at most log M.

    Args:
        weights: mixing weights alpha. Shape [N, M].
    """
    weights = np.asarray(weights, np.float64)
    terms = np.where(weights > 0.0, weights * np.log(np.maximum(weights, 1e-300)), 0.0)
    return float(abs(terms.sum(axis=-1)).mean())  # no term is positive


def component_information(elbo, component_elbo, weights) -> float:
    """Returns mean_x I(m; z|x), in nats, from bounds.

        ELBO(Q) - sum_m alpha_m ELBO(q_m) = I(m; z|x) <= H(alpha) <= log M

    Args:
        elbo: ELBO(Q) of each observation. Shape [N].
        component_elbo: ELBO(q_m) of each observation. Shape [N, M].
        weights: mixing weights alpha. Shape [N, M].
    """
    return float(np.mean(elbo - np.sum(weights * component_elbo, axis=-1)))


class Usage(NamedTuple):
    """Usage of each component, as two vectors [M] that sum to one."""

    mean: np.ndarray  # mean_x alpha_m(x)
    largest: np.ndarray  # fraction of the observations whose largest weight is alpha_m; ties are split equally


def component_usage(weights) -> Usage:
    """Returns the `Usage` of each component.

    If several weights of an observation are the largest, up to the rounding of float32, the observation is split
    equally between their components: uniform weights give 1 / M for every component.

    Args:
        weights: mixing weights alpha. Shape [N, M].
    """
    weights = np.asarray(weights, np.float64)
    is_largest = weights >= weights.max(axis=-1, keepdims=True) - 1e-6  # components
    return Usage(weights.mean(axis=0), np.mean(is_largest / is_largest.sum(axis=-1, keepdims=True), axis=0))


def aggregate_log_density(log_q_table):
    """Returns the log density of the aggregate posterior, in nats.

        q(z) = 1/N sum_n Q(z|x_n)

    Args:
        log_q_table: log Q(z_c|x_n) for C codes. Shape [N, C].

    Returns:
        log_density: float64, at least log Q(z_c|x_n) - log N for every n. Shape [C].
    """
    return _log_sum_exp(log_q_table, axis=0) - math.log(len(log_q_table))


def mutual_information(log_q_own, log_q_aggregate, weights=None) -> float:
    """Returns I_q(x; z) = E_x KL(Q(z|x) || q(z)), in nats, for z ~ Q(z|x).

        mean_n sum_s w_ns [log Q(z_ns|x_n) - log q(z_ns)]

    It is at most log N if q is the aggregate posterior of these N observations, and equals
    E_x KL(Q(z|x) || p(z)) - KL(q(z) || p(z)) for any prior p.

    Args:
        log_q_own: log Q(z_ns|x_n) at the S samples of each observation. Shape [N, S].
        log_q_aggregate: log q(z_ns) at the samples. Shape [N, S].
        weights: weights of the samples of an observation, with sum one; None is equal weights. Shape [N, S].

    References:
        Hoffman and Johnson (2016), ELBO surgery, http://approximateinference.org/accepted/HoffmanJohnson2016.pdf
        He et al. (2019), https://arxiv.org/abs/1901.05534
    """
    ratio = np.asarray(log_q_own, np.float64) - np.asarray(log_q_aggregate, np.float64)
    per_observation = ratio.mean(axis=-1) if weights is None else np.sum(weights * ratio, axis=-1)  # samples
    return float(per_observation.mean())


def kl_per_dimension(means, scales):
    """Returns mean_x KL(N(mean_d, scale_d^2) || N(0, 1)), in nats.

        (mean^2 + scale^2 - 1) / 2 - log scale

    Args:
        means: means of the components. Shape [N, M, D].
        scales: standard deviations of the components. Shape [N, M, D].

    Returns:
        kl: KL of each component and dimension, whose sum over D is KL(q_m || N(0, I)) for a diagonal Gaussian. Shape
            [M, D].
    """
    means, scales = np.asarray(means, np.float64), np.asarray(scales, np.float64)
    return np.mean(0.5 * (means**2 + scales**2 - 1.0) - np.log(scales), axis=0)  # observations


def component_kl(log_q_all):
    """Returns mean_x KL(q_m || q_j) of pairs of components, in nats, from samples.

    Args:
        log_q_all: log q_j(z_m), where component m drew z_m. Shape [S, N, M, M].

    Returns:
        kl: KL with indices [m, j], zero on the diagonal. Shape [M, M].
    """
    return np.mean(_log_ratios(log_q_all), axis=(0, 1))  # samples, observations


def component_kl_standard_error(log_q_all):
    """Returns the standard errors of `component_kl` over observations, in nats. Shape [M, M].

    Args:
        log_q_all: log q_j(z_m), where component m drew z_m. Shape [S, N, M, M].
    """
    return standard_error(np.mean(_log_ratios(log_q_all), axis=0))  # samples


def _log_ratios(log_q_all):
    """Returns log q_m(z_m) - log q_j(z_m). Shape [S, N, M, M]."""
    log_q_all = np.asarray(log_q_all, np.float64)
    return np.diagonal(log_q_all, axis1=-2, axis2=-1)[..., np.newaxis] - log_q_all


def component_divergence(log_q_all, weights) -> float:
    """Returns the Jensen-Shannon divergence of the components, in nats.

        mean_x I(m; z|x) = mean_x sum_m alpha_m KL(q_m || Q) <= H(alpha) <= log M

    `component_information` estimates the same quantity from bounds; here only densities of components are used.

    Args:
        log_q_all: log q_j(z_m), where component m drew z_m. Shape [S, N, M, M].
        weights: mixing weights alpha. Shape [N, M].

    References:
        Lin (1991), Divergence measures based on the Shannon entropy.
    """
    log_q_all, weights = np.asarray(log_q_all, np.float64), np.asarray(weights, np.float64)
    log_alpha = np.log(np.maximum(weights, 1e-300))  # a weight of zero adds nothing
    log_q = np.diagonal(log_q_all, axis1=-2, axis2=-1)  # log q_m(z_m)
    log_mixture = _log_sum_exp(log_alpha[:, np.newaxis] + log_q_all, axis=-1)
    return float(np.mean(np.sum(weights * (log_q - log_mixture), axis=-1)))


def closest_components(divergences) -> tuple[int, int, float]:
    """Returns the closest components (m, j), m < j, and their symmetric KL.

    The symmetric KL is the mean of both directions, in nats.

    Args:
        divergences: KL(q_m || q_j) for M of at least 2. Shape [M, M].
    """
    symmetric = 0.5 * (np.asarray(divergences) + np.asarray(divergences).T)
    rows, columns = np.triu_indices(len(symmetric), k=1)
    least = int(np.argmin(symmetric[rows, columns]))
    m, j = int(rows[least]), int(columns[least])
    return m, j, float(symmetric[m, j])


def _log_sum_exp(values, axis: int):
    values = np.asarray(values, np.float64)
    largest = values.max(axis=axis, keepdims=True)
    return np.squeeze(largest, axis) + np.log(np.sum(np.exp(values - largest), axis=axis))
