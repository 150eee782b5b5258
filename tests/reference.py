"""The oracle: densities, bounds and integrals by plain loops in NumPy; shares no code with the library.

Letters as in the library: S samples, B batch, M components, D latent dimensions. Everything is in
nats and float64.
"""

import itertools
import math

import numpy as np

# Densities.


def diag_normal_log_prob(z, mean, scale):
    """log N(z; mean, diag(scale^2)) of one point."""
    total = 0.0
    for value, centre, width in zip(z, mean, scale, strict=True):
        total -= 0.5 * ((value - centre) / width) ** 2 + math.log(width) + 0.5 * math.log(2 * math.pi)
    return total


def standard_normal_log_prob(z):
    """log N(z; 0, I) of one point."""
    return diag_normal_log_prob(z, np.zeros(len(z)), np.ones(len(z)))


def full_normal_log_prob(z, mean, covariance):
    """log N(z; mean, covariance) of one point."""
    z, mean, covariance = np.atleast_1d(z), np.atleast_1d(mean), np.atleast_2d(covariance)
    distance = (z - mean) @ np.linalg.solve(covariance, z - mean)
    return -0.5 * (distance + np.log(np.linalg.det(2 * np.pi * covariance)))


def diag_laplace_log_prob(z, mean, scale):
    """log of the product of Laplace densities exp(-|z - mean| / scale) / (2 scale), of one point."""
    total = 0.0
    for value, centre, width in zip(z, mean, scale, strict=True):
        total -= abs(value - centre) / width + math.log(2.0 * width)
    return total


def diag_student_t_log_prob(z, df, mean, scale):
    """log of the product of Student's densities of df degrees of freedom, of one point."""
    constant = math.lgamma(0.5 * (df + 1.0)) - math.lgamma(0.5 * df) - 0.5 * math.log(df * math.pi)
    total = 0.0
    for value, centre, width in zip(z, mean, scale, strict=True):
        total += constant - math.log(width) - 0.5 * (df + 1.0) * math.log1p(((value - centre) / width) ** 2 / df)
    return total


def bernoulli_log_prob(x, logits):
    """log p(x) of one observation: independent pixels, probability 1 / (1 + exp(-logit)) of a one."""
    total = 0.0
    for pixel, logit in zip(np.ravel(x), np.ravel(logits), strict=True):
        probability = 1.0 / (1.0 + math.exp(-logit))
        total += pixel * math.log(probability) + (1.0 - pixel) * math.log(1.0 - probability)
    return total


def log_sum_exp(values):
    """log sum exp of a flat sequence."""
    values = list(values)
    largest = max(values)
    return largest + math.log(sum(math.exp(value - largest) for value in values))


# Mixtures.


def recursion_weights(eps):
    """alpha of Q_m = (1 - eps_m) Q_{m-1} + eps_m q_m, for eps_1 ... eps_{M-1}."""
    alpha = [1.0]
    for share in eps:
        alpha = [(1.0 - share) * weight for weight in alpha] + [share]
    return np.array(alpha)


def mixture_log_prob(z, alpha, means, scales):
    """log Q(z) of one point, for alpha [M], means and scales [M, D]."""
    terms = []
    for m in range(len(alpha)):
        if alpha[m] > 0.0:
            terms.append(math.log(alpha[m]) + diag_normal_log_prob(z, means[m], scales[m]))
    return log_sum_exp(terms)


def entropy(alpha):
    """H(alpha)."""
    return -sum(weight * math.log(weight) for weight in alpha if weight > 0.0)


# Bounds: log_joint and log_density [S, B, M], alpha [B, M].


def elbo(log_joint, log_q):
    """mean_s [log p(x, z_s) - log q(z_s)], for [S, B]."""
    num_samples, batch = np.shape(log_joint)
    result = np.zeros(batch)
    for s, b in itertools.product(range(num_samples), range(batch)):
        result[b] += (log_joint[s][b] - log_q[s][b]) / num_samples
    return result


def mixture_elbo(log_joint, log_density, alpha):
    """sum_m alpha_m mean_s [log p(x, z_ms) - log Q(z_ms)]."""
    num_samples, batch, num_components = np.shape(log_joint)
    result = np.zeros(batch)
    for b, m in itertools.product(range(batch), range(num_components)):
        mean = sum(log_joint[s][b][m] - log_density[s][b][m] for s in range(num_samples)) / num_samples
        result[b] += alpha[b][m] * mean
    return result


def importance_weighted_bound(log_joint, log_density, alpha):
    """log sum_m alpha_m mean_s p(x, z_ms) / Q(z_ms)."""
    num_samples, batch, num_components = np.shape(log_joint)
    result = np.zeros(batch)
    for b in range(batch):
        terms = []
        for s, m in itertools.product(range(num_samples), range(num_components)):
            weight = log_joint[s][b][m] - log_density[s][b][m]
            terms.append(math.log(alpha[b][m]) - math.log(num_samples) + weight)
        result[b] = log_sum_exp(terms)
    return result


def renyi_bound(log_joint, log_density, alpha, order):
    """1 / (1 - a) log sum_m alpha_m mean_s (p(x, z_ms) / Q(z_ms))^(1 - a), and its limit at a = 1."""
    if order == 1.0:
        return mixture_elbo(log_joint, log_density, alpha)
    num_samples, batch, num_components = np.shape(log_joint)
    result = np.zeros(batch)
    for b in range(batch):
        terms = []
        for s, m in itertools.product(range(num_samples), range(num_components)):
            power = (1.0 - order) * (log_joint[s][b][m] - log_density[s][b][m])
            terms.append(math.log(alpha[b][m] / num_samples) + power)
        result[b] = log_sum_exp(terms) / (1.0 - order)
    return result


def kl_none(log_q, log_before, kl_bound=None):
    """mean_s [log q - log Q], for [S, B]."""
    del kl_bound
    return elbo(log_q, log_before)


def kl_clamp(log_q, log_before, kl_bound):
    """min(KL, C) of each observation."""
    return np.array([min(kl, kl_bound) for kl in kl_none(log_q, log_before)])


def kl_skew(log_q, log_before, kl_bound):
    """KL(q || (1 - d) Q + d q), d = exp(-C)."""
    share = math.exp(-kl_bound)
    num_samples, batch = np.shape(log_q)
    mixed = np.zeros((num_samples, batch))
    for s, b in itertools.product(range(num_samples), range(batch)):
        terms = [math.log(share) + log_q[s][b]]
        if share < 1.0:
            terms.append(math.log(1.0 - share) + log_before[s][b])
        mixed[s, b] = log_sum_exp(terms)
    return kl_none(log_q, mixed)


KL_BOUNDS = {"clamp": kl_clamp, "none": kl_none, "skew": kl_skew}


# Quadrature. Smooth integrands that vanish at the edges: the midpoint rule converges faster than
# any power of the spacing.


def grid_1d(limit=9.0, size=1501):
    """Points [N, 1] and the weight of each."""
    spacing = 2 * limit / size
    points = -limit + spacing * (np.arange(size) + 0.5)
    return points[:, None], spacing


def grid_2d(limit=7.0, size=121):
    """Points [N, 2] and the weight of each."""
    line, spacing = grid_1d(limit, size)
    return np.array(list(itertools.product(line[:, 0], line[:, 0]))), spacing**2


def log_integral(log_values, weight):
    """log of the integral of exp(log_values) over the grid."""
    return log_sum_exp(log_values) + math.log(weight)


def expectation(values, log_density, weight):
    """Integral of exp(log_density) * values over the grid."""
    return float(np.sum(np.exp(log_density) * values) * weight)


def kl_by_quadrature(log_q, log_p, weight):
    """KL(q || p) from both log densities on the grid."""
    return expectation(np.asarray(log_q) - np.asarray(log_p), log_q, weight)


def mutual_information(alpha, log_q, weight):
    """I(m; z) = sum_m alpha_m KL(q_m || Q), for log q_m on the grid [N, M]."""
    log_q = np.asarray(log_q)
    log_mixture = np.log(np.exp(log_q) @ np.asarray(alpha))
    shares = [kl_by_quadrature(log_q[:, m], log_mixture, weight) for m in range(len(alpha))]
    return float(np.dot(alpha, shares))
