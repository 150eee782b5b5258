"""Bounds on log p(x) as pure functions of log-probabilities, in nats.

They do not average over the batch.

Letters: S samples, B batch, M components. `log_q_all[s, b, m, j]` is log q_j at the sample that component m
drew.
"""

import math

import tensorflow as tf

from rme_tf.core.registry import lookup
from rme_tf.core.types import LogProbs

LOG_ZERO = -1e9  # log weight of what does not count: exp gives 0, and no NaN gradient as -inf would
LOG_NOTHING = -1e37  # the same for densities of any size; finite, and so is its sum with any of them


def log_mixture(log_alpha, log_q):
    """Returns log Q(z|x) = log sum_j alpha_j q_j(z|x), in nats.

    Args:
        log_alpha: Shape [..., M], broadcast against `log_q`.
        log_q: log q_j(z). Shape [..., M].

    Returns:
        Shape [...].
    """
    return tf.reduce_logsumexp(log_alpha + log_q, axis=-1)  # components


def diagonal(values):
    """Returns the diagonal [..., K] of [..., K, K].

    Differentiable where shapes are only partly known, as in XLA: there the gradient of `tf.linalg.diag_part` fails if
    the shape of the values is known and the shape of the incoming gradient is not.
    """
    index = tf.range(tf.shape(values)[-1])
    return tf.reduce_sum(tf.where(index[:, tf.newaxis] == index, values, 0.0), axis=-1)


def prefix_log_alpha(log_alpha, num_components: int):
    """Returns the log weights [B, K] of the mixture Q_{K-1}, of K components.

    By the recursion they are the first K of the M weights, normalized again.
    """
    first = log_alpha[:, :num_components]
    return first - tf.reduce_logsumexp(first, axis=-1, keepdims=True)


def log_mixtures_before(log_alpha, log_q_all):
    """Returns log Q_{m-1}(z_m), in nats, for m = 1 ... K-1.

    Args:
        log_alpha: Shape [B, K].
        log_q_all: log q_j(z_m). Shape [S, B, K, K].

    Returns:
        Shape [S, B, K-1].
    """
    index = tf.range(log_alpha.shape[-1])
    earlier = index < index[1:, tf.newaxis]  # [K-1, K]
    weights = tf.where(earlier, log_alpha[:, tf.newaxis], LOG_NOTHING)  # [B, K-1, K]; no row has nothing else
    weights -= tf.reduce_logsumexp(weights, axis=-1, keepdims=True)
    return log_mixture(weights, log_q_all[:, :, 1:])


def elbo(log_joint, log_q):
    """Returns the evidence lower bound mean_s [log p(x, z_s) - log q(z_s|x)], in nats.

    Args:
        log_joint: log p(x, z). Shape [S, B, ...].
        log_q: log q(z|x) at samples of q. Shape [S, B, ...].

    Returns:
        Shape [B, ...].

    References:
        Kingma and Welling (2014), https://arxiv.org/abs/1312.6114
    """
    return tf.reduce_mean(log_joint - log_q, axis=0)  # samples


def mixture_elbo(log_joint, log_mixture_density, log_alpha):
    """Returns the ELBO of the mixture, stratified over its components, in nats.

        ELBO(Q) = sum_m alpha_m mean_s [log p(x, z_ms) - log Q(z_ms|x)]

    Args:
        log_joint: log p(x, z_ms). Shape [S, B, M].
        log_mixture_density: log Q(z_ms|x). Shape [S, B, M].
        log_alpha: Shape [B, M].

    Returns:
        Shape [B].
    """
    per_component = elbo(log_joint, log_mixture_density)  # [B, M]
    return tf.reduce_sum(tf.exp(log_alpha) * per_component, axis=-1)


def joining_elbo(log_joint, log_q_all, log_alpha, m: int, kl_weight=1.0):
    """Returns ELBO(Q_m) as a function of eps_m only, in nats.

    eps_m is the share with which component m joins Q_{m-1}.

    Args:
        log_joint: log p(x|z) + kl_weight log p(z). Shape [S, B, K], K > m; no gradient is passed to it.
        log_q_all: Shape [S, B, K, K]; no gradient is passed to it.
        log_alpha: Shape [B, K].
        m: index of the component that joins, at least 1.
        kl_weight: weight of log Q_m.

    Returns:
        Shape [B].
    """
    log_joint, log_q_all = tf.stop_gradient(log_joint), tf.stop_gradient(log_q_all)
    log_alpha = prefix_log_alpha(log_alpha, m + 1)
    log_stay = tf.reduce_logsumexp(log_alpha[:, :m], axis=-1, keepdims=True)  # log(1 - eps_m)
    before = tf.stop_gradient(log_alpha[:, :m] - log_stay)
    log_alpha = tf.concat([log_stay + before, log_alpha[:, m:]], axis=-1)
    log_density = kl_weight * log_mixture(log_alpha[:, tf.newaxis], log_q_all[:, :, : m + 1, : m + 1])
    return mixture_elbo(log_joint[:, :, : m + 1], log_density, log_alpha)


def log_importance_weight(log_joint, log_mixture_density, log_alpha):
    """Returns the log of the summed importance weights, in nats.

        log sum_m alpha_m sum_s w_ms,   w = p(x, z) / Q(z|x)

    That is the sum, not the mean, over S. Subtract log S for the stratified importance-weighted bound (multiple
    importance sampling with the balance heuristic); leave it, to accumulate over chunks of samples.

    Args:
        log_joint: Shape [S, B, M].
        log_mixture_density: Shape [S, B, M].
        log_alpha: Shape [B, M].

    Returns:
        Shape [B].
    """
    log_weights = log_joint - log_mixture_density + log_alpha
    return tf.reduce_logsumexp(log_weights, axis=[0, 2])  # samples, components


def importance_weighted_bound(log_joint, log_mixture_density, log_alpha):
    """Returns the stratified importance-weighted bound on log p(x), in nats.

        log sum_m alpha_m mean_s p(x, z_ms) / Q(z_ms|x)

    Args:
        log_joint: Shape [S, B, M].
        log_mixture_density: Shape [S, B, M].
        log_alpha: Shape [B, M].

    Returns:
        Shape [B]. For M = 1 it is the bound of Burda et al.; for M = S = 1 the ELBO's estimate.

    References:
        Burda, Grosse and Salakhutdinov (2016), https://arxiv.org/abs/1509.00519
    """
    num_samples = tf.cast(tf.shape(log_joint)[0], log_joint.dtype)
    total = log_importance_weight(log_joint, log_mixture_density, log_alpha)
    return total - tf.math.log(num_samples)


def renyi_bound(log_joint, log_mixture_density, log_alpha, order: float):
    """Returns the stratified variational Renyi bound of an order a, in nats.

        1 / (1 - a) log sum_m alpha_m mean_s (p(x, z_ms) / Q(z_ms|x))^(1 - a)

    Args:
        log_joint: Shape [S, B, M].
        log_mixture_density: Shape [S, B, M].
        log_alpha: Shape [B, M].
        order: a. 1 is the limit, the mixture's ELBO, and 0 the importance-weighted bound. Near 1 the value and its
            gradient in log_alpha have an error of the order of the float type's epsilon over the distance from 1.

    Returns:
        Shape [B]. Never increases in the order. On average over draws, at most log p(x) for orders from 0 to 1.

    References:
        Li and Turner (2016), https://arxiv.org/abs/1602.02311
    """
    if order == 1.0:
        return mixture_elbo(log_joint, log_mixture_density, log_alpha)
    power = 1.0 - order
    return importance_weighted_bound(power * log_joint, power * log_mixture_density, log_alpha) / power


def unbounded_kl(log_q, log_q_before, kl_bound=None):
    """Returns KL(q || Q) = mean_s [log q - log Q], in nats, [B, ...]. `kl_bound` is ignored."""
    del kl_bound
    return tf.reduce_mean(log_q - log_q_before, axis=0)  # samples


def clamped_kl(log_q, log_q_before, kl_bound: float):
    """Returns the paper's min(KL(q || Q), C), in nats; no gradient beyond C.

    Args:
        log_q: log q(z_s) at samples of q. Shape [S, B, ...].
        log_q_before: log Q(z_s). Shape [S, B, ...].
        kl_bound: C, in nats.

    Returns:
        Shape [B, ...]. The clamp acts on each observation's estimate.
    """
    return tf.minimum(unbounded_kl(log_q, log_q_before), kl_bound)


def skewed_kl(log_q, log_q_before, kl_bound: float):
    """Returns KL(q || (1 - d) Q + d q) with d = exp(-C), in nats.

    Smooth, and never above C.

    Args:
        log_q: log q(z_s) at samples of q. Shape [S, B, ...].
        log_q_before: log Q(z_s). Shape [S, B, ...].
        kl_bound: C, in nats. Zero means no reward at all.

    Returns:
        Shape [B, ...].
    """
    if kl_bound == 0.0:
        return tf.zeros_like(log_q[0])
    # Of the ratio, not of the two densities, whose rounding would be visible in small values of C.
    log_ratio = log_q_before - log_q + math.log(-math.expm1(-kl_bound))
    pair = tf.stack([log_ratio, tf.zeros_like(log_ratio) - kl_bound], axis=-1)
    kl = -tf.reduce_mean(tf.reduce_logsumexp(pair, axis=-1), axis=0)  # samples
    return tf.minimum(kl, kl_bound)  # which the mean of several rounded values may exceed


KL_BOUNDS = {"clamp": clamped_kl, "none": unbounded_kl, "skew": skewed_kl}


def bounded_kl(log_q, log_q_before, *, bound: str, kl_bound: float):
    """Returns BKL(q || Q), in nats, [B, ...], by a name in `KL_BOUNDS`.

    Args:
        log_q: log q(z_s) at samples of q. Shape [S, B, ...].
        log_q_before: log Q(z_s). Shape [S, B, ...].
        bound: name of the bound in `KL_BOUNDS`.
        kl_bound: C, in nats.
    """
    return lookup(KL_BOUNDS, bound, "bound on the KL")(log_q, log_q_before, kl_bound)


def mixture_terms(log_probs: LogProbs) -> dict:
    """Returns the terms of the epoch log, in nats, for one draw.

    Returns:
        A dict of elbo, reconstruction = E_Q[log p(x|z)] and kl = E_Q[log Q(z|x) - log p(z)], shape [B], with
        elbo = reconstruction - kl; component_elbo, ELBO(q_m), shape [B, M]; alpha [B, M].
    """
    alpha = tf.exp(log_probs.log_alpha)
    log_joint = log_probs.log_lik + log_probs.log_prior
    log_density = log_mixture(log_probs.log_alpha[:, tf.newaxis], log_probs.log_q_all)
    bound = mixture_elbo(log_joint, log_density, log_probs.log_alpha)
    log_lik = tf.reduce_mean(log_probs.log_lik, axis=0)  # samples
    reconstruction = tf.reduce_sum(alpha * log_lik, axis=-1)  # components
    log_q = diagonal(log_probs.log_q_all)  # log q_m(z_m)
    return {
        "elbo": bound,
        "reconstruction": reconstruction,
        "kl": reconstruction - bound,
        "component_elbo": elbo(log_joint, log_q),
        "alpha": alpha,
    }
