"""Draws from mixtures of diagonal Gaussians, and densities, compiled by XLA.

Letters: S draws, B batch, M components, K components that draw, D latent dimensions. The batch is the last axis within
this module: XLA vectorizes over it, and sums over dimensions are sums of vectors.
"""

import tensorflow as tf

from rme_tf.core import box_muller
from rme_tf.core.gaussian import LOG_2_PI
from rme_tf.evaluation import densities

MOST_TERMS = 512  # M D for which the densities are sums over dimensions; for more, one product is faster


class GaussianDraws:
    """Draws from K components, with log-densities there.

    Args:
        q: `MixturePosterior` whose components are diagonal Gaussians.
        log_prior: function, z [S, B, K, D] -> log p(z) [S, B, K].
        num_draws: number of draws S.
        size: number of components K that draw.
    """

    def __init__(self, q, log_prior, num_draws: int, size: int):
        self.q, self.log_prior, self.num_draws, self.size = q, log_prior, num_draws, size
        components = q.family.distribution(q.params)
        self.mean, self.scale = (tf.transpose(part, [1, 2, 0]) for part in (components.mean(), components.stddev()))
        self.log_q = None if q.num_components * q.latent_dim <= MOST_TERMS else densities.component_log_probs_of(q)
        self._compiled = tf.function(self._draw, jit_compile=True, autograph=False)

    def draw(self, seed, first) -> tuple:
        """Returns draws z [S, B, K, D], and log-densities [S, B, K] in nats.

        The log-densities are log p(z), log Q(z|x) and log q_m(z|x). The draws equal `q.sample_components` up to
        rounding.

        Args:
            seed: stateless seed of the draws. Shape [2].
            first: index of the first component that draws.
        """
        seeds = tf.stack([tf.random.fold_in(seed, first + k) for k in range(self.size)])
        bits = None if self.size == 1 else self._bits(seeds)  # of several seeds, XLA's integers take longer
        return self._compiled(seeds, bits, first + tf.range(self.size))

    def _bits(self, seeds):
        """Returns random integers [K, N] for the numbers of S draws from each component."""
        count = self.num_draws * self.q.latent_dim * tf.shape(self.q.params)[0]
        return tf.stack([box_muller.bits(count, seed) for seed in tf.unstack(seeds)])

    def _draw(self, seeds, bits, chosen):
        bits = self._bits(seeds) if bits is None else bits
        mean, scale = tf.gather(self.mean, chosen)[:, tf.newaxis], tf.gather(self.scale, chosen)[:, tf.newaxis]
        batch = tf.shape(mean)[-1]
        noise = box_muller.normals(bits)[:, : self.num_draws * self.q.latent_dim * batch]
        noise = tf.reshape(noise, [self.size, self.num_draws, self.q.latent_dim, batch])  # as in `noise_like_tfp`
        drawn = mean + scale * noise  # [K, S, D, B]
        z = tf.transpose(drawn, [1, 3, 0, 2])
        log_q = self._log_q(drawn) if self.log_q is None else tf.transpose(self.log_q(z), [2, 0, 3, 1])  # [K, S, M, B]
        log_mixture = tf.reduce_logsumexp(tf.transpose(self.q.log_alpha) + log_q, axis=2)
        is_own = tf.equal(chosen[:, tf.newaxis], tf.range(self.q.num_components))[:, tf.newaxis, :, tf.newaxis]
        log_q_own = tf.reduce_sum(tf.where(is_own, log_q, 0.0), axis=2)
        return z, self.log_prior(z), *(tf.transpose(part, [1, 2, 0]) for part in (log_mixture, log_q_own))

    def _log_q(self, drawn):
        """Returns log q_j of all components [K, S, M, B] at draws [K, S, D, B]."""
        constants = tf.reduce_sum(tf.math.log(self.scale) + 0.5 * LOG_2_PI, axis=1)  # dimensions
        standard = (drawn[:, :, tf.newaxis] - self.mean) / self.scale
        return -0.5 * tf.reduce_sum(tf.square(standard), axis=3) - constants
