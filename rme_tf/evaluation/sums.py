"""Sums over draws from each component, chunk by chunk, for fixed observations.

Graph code. Letters: B batch, M components, K components of a block, S draws from each component.
"""

import tensorflow as tf

from rme_tf import objectives
from rme_tf.evaluation import densities


class LogJoint:
    """Draws from each component and their log-probabilities, for fixed observations.

    The terms of the observations, of the posterior and of the prior are computed once.

    Args:
        model: `VAE` with the networks.
        x: observations. Shape [B, *event_shape].
        encoding: `Encoding` of the observations.
    """

    def __init__(self, model, x, encoding):
        self.model, self.log_alpha = model, encoding.log_alpha
        self.x = model.likelihood.cast(x)[:, tf.newaxis]  # against [S, B, K]
        self.q = model.posterior_of(encoding)
        self._log_lik = model.likelihood.log_prob_of(self.x)
        self._log_prior = densities.log_prob_of(model.prior.distribution())
        self._log_q = densities.component_log_probs_of(self.q)

    def draw(self, num_draws: int, seed, first, size: int) -> tuple:
        """Returns log p(x|z) and log p(z) [S, B, K], and log q_j(z_m) [S, B, K, M].

        Args:
            num_draws: number of draws S.
            seed: stateless seed of the draws. Shape [2].
            first: index of the first component that draws.
            size: number of components K that draw.
        """
        options = {"first": first, "count": size}
        if self._log_q is None:
            z, log_q_all = self.q.sample_with_log_probs(num_draws, seed, **options)
        else:
            z = self.q.sample_components(num_draws, seed, **options)
            log_q_all = self._log_q(z)
        return self._log_lik(self.model.likelihood_params(z, self.x)), self._log_prior(z), log_q_all


def sums_of_block(log_joint: LogJoint, num_draws, seed, chunk: int, first, size: int) -> tuple:
    """Returns sums over the draws of K components.

    Args:
        log_joint: source of the draws.
        num_draws: number of draws S from each component, a Python integer or an int32 scalar.
        seed: stateless seed of the draws. Shape [2].
        chunk: number of draws at a time.
        first: index of the first component of the block.
        size: number of components K of the block.

    Returns:
        log_total: log of the sum of alpha w, w = p(x, z) / Q(z|x). Shape [B].
        sums: sums of log p(x|z), log p(x, z) / Q(z|x) and log p(x, z) / q_m(z|x). Shape [3, B, K].
    """
    log_alpha = log_joint.log_alpha
    of_block = tf.gather(log_alpha, first + tf.range(size), axis=1)  # [B, K]
    zeros = tf.zeros_like(of_block)
    state = (tf.constant(0), zeros[:, 0] + objectives.LOG_ZERO, tf.stack([zeros] * 3))

    def body(done, log_total, sums):
        """Adds up the next `chunk` draws."""
        log_lik, log_prior, log_q_all = log_joint.draw(chunk, tf.random.fold_in(seed, done), first, size)
        joint = log_lik + log_prior
        log_ratio = joint - objectives.log_mixture(log_alpha[:, tf.newaxis], log_q_all)
        log_q = objectives.diagonal(log_q_all[..., first : first + size])
        used = (done + tf.range(chunk) < num_draws)[:, tf.newaxis, tf.newaxis]  # the last chunk is partial
        log_weights = tf.where(used, log_ratio + of_block, objectives.LOG_ZERO)
        chunk_total = tf.reduce_logsumexp(log_weights, axis=[0, 2])  # samples, components
        values = tf.where(used, tf.stack([log_lik, log_ratio, joint - log_q]), 0.0)
        sums += tf.reduce_sum(values, axis=1)  # samples
        log_total = tf.reduce_logsumexp(tf.stack([log_total, chunk_total]), axis=0)
        return done + chunk, log_total, tf.ensure_shape(sums, state[-1].shape)  # `tf.while_loop` requires a static K

    _, log_total, sums = tf.while_loop(lambda done, *_: done < num_draws, body, state, parallel_iterations=1)
    return log_total, sums
