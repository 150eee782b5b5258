"""Sums over draws from each component, chunk by chunk, for fixed observations.

Graph code. Letters: B batch, M components, K components of a block, S draws from each component.
"""

import functools

import tensorflow as tf

from rme_tf import objectives
from rme_tf.evaluation import bound_progress, densities
from rme_tf.evaluation.gaussian_draws import GaussianDraws, is_gaussian


class LogJoint:
    """Draws from each component and their log-probabilities, for fixed observations.

    The terms of the observations, of the posterior and of the prior are computed once.

    Args:
        model: `VAE` with the networks.
        x: observations. Shape [B, *event_shape].
        encoding: `Encoding` of the observations.
        fused: whether XLA compiles all but the networks; the results then differ by rounding.
    """

    def __init__(self, model, x, encoding, *, fused: bool = False):
        self.model, self.log_alpha, self.fused = model, encoding.log_alpha, fused
        self.x = model.likelihood.cast(x)[:, tf.newaxis]  # against [S, B, K]
        self.q = model.posterior_of(encoding)
        self.log_lik = model.likelihood.log_prob_of(self.x, sliced=fused)
        self._log_prior = densities.log_prob_of(model.prior.distribution())
        self._log_q = densities.component_log_probs_of(self.q)

    def draws(self, num_draws: int, size: int):
        """Returns a function that draws from some components.

        Args:
            num_draws: number of draws S.
            size: number of components K that draw.

        Returns:
            draw: function, (stateless seed, index of the first component) -> the decoder's outputs [S, B, K, ...] at
                draws, and log p(z), log Q(z|x) and log q_m(z|x) [S, B, K] there, in nats.
        """
        if self.fused and is_gaussian(self.q):
            sample = GaussianDraws(self.q, self._log_prior, num_draws, size).draw
        else:
            sample = functools.partial(self._sample, num_draws=num_draws, size=size)

        def draw(seed, first):
            """Returns the decoder's outputs and the log-densities."""
            z, *log_densities = sample(seed, first)
            return self.model.likelihood_params(z, self.x), *log_densities

        return draw

    def _sample(self, seed, first, num_draws: int, size: int) -> tuple:
        options = {"first": first, "count": size}
        if self._log_q is None:
            z, log_q_all = self.q.sample_with_log_probs(num_draws, seed, **options)
        else:
            z = self.q.sample_components(num_draws, seed, **options)
            log_q_all = self._log_q(z)
        log_mixture = objectives.log_mixture(self.log_alpha[:, tf.newaxis], log_q_all)
        log_q_drawn = tf.gather(log_q_all, first + tf.range(size), axis=-1)  # [S, B, K, K]
        return z, self._log_prior(z), log_mixture, objectives.diagonal(log_q_drawn)


def of_block(log_joint: LogJoint, num_draws, seed, chunk: int, first, size: int, *, progress: bool = False) -> tuple:
    """Returns sums over the draws of K components.

    Args:
        log_joint: source of the draws.
        num_draws: number of draws S from each component, a Python integer or an int32 scalar.
        seed: stateless seed of the draws. Shape [2].
        chunk: number of draws at a time.
        first: index of the first component of the block.
        size: number of components K of the block.
        progress: whether each chunk moves a progress bar, see `bound_progress`.

    Returns:
        log_total: log of the sum of alpha w, w = p(x, z) / Q(z|x). Shape [B].
        sums: sums of log p(x|z), log p(x, z) / Q(z|x) and log p(x, z) / q_m(z|x). Shape [3, B, K].
    """
    log_alpha = tf.gather(log_joint.log_alpha, first + tf.range(size), axis=1)  # [B, K]
    zeros = tf.zeros_like(log_alpha)
    state = (tf.constant(0), zeros[:, 0] + objectives.LOG_ZERO, tf.stack([zeros] * 3))

    def added(log_total, sums, used, params, log_prior, log_mixture, log_q):
        """Returns the log total and the sums with a chunk's draws, where `used` [S, 1, 1]."""
        log_lik = log_joint.log_lik(params)
        joint = log_lik + log_prior
        log_ratio = joint - log_mixture
        log_weights = tf.where(used, log_ratio + log_alpha, objectives.LOG_ZERO)
        chunk_total = tf.reduce_logsumexp(log_weights, axis=[0, 2])  # samples, components
        values = tf.where(used, tf.stack([log_lik, log_ratio, joint - log_q]), 0.0)
        log_total = tf.reduce_logsumexp(tf.stack([log_total, chunk_total]), axis=0)
        return log_total, sums + tf.reduce_sum(values, axis=1)  # samples

    add = tf.function(added, jit_compile=True, autograph=False) if log_joint.fused else added
    draw = log_joint.draws(chunk, size)
    share = chunk * size / (tf.cast(num_draws, tf.float32) * log_joint.log_alpha.shape[-1])  # of all draws

    def body(done, log_total, sums):
        """Adds up the next `chunk` draws."""
        used = (done + tf.range(chunk) < num_draws)[:, tf.newaxis, tf.newaxis]  # the last chunk is partial
        log_total, sums = add(log_total, sums, used, *draw(tf.random.fold_in(seed, done), first))
        if progress:
            with tf.control_dependencies([sums]):
                bound_progress.tell(share * tf.reduce_mean(tf.cast(used, tf.float32)))
        # `tf.while_loop` requires a static K.
        return done + chunk, tf.ensure_shape(log_total, [None]), tf.ensure_shape(sums, state[-1].shape)

    _, log_total, sums = tf.while_loop(lambda done, *_: done < num_draws, body, state, parallel_iterations=1)
    return log_total, sums
