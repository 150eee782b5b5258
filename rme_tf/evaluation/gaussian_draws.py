"""Draws from mixtures of diagonal Gaussians, and densities, compiled by XLA.

Letters: S draws, B batch, M components, K components that draw, D latent dimensions. The batch is the last axis within
this module: XLA vectorizes over it, and sums over dimensions are sums of vectors.
"""

import tensorflow as tf

from rme_tf.core import box_muller
from rme_tf.core.gaussian import LOG_2_PI, DiagonalNormal
from rme_tf.posteriors.flow import FlowFamily


def is_gaussian(q) -> bool:
    """Returns whether a `MixturePosterior` is a mixture that `GaussianDraws` takes.

    Its components are diagonal Gaussians, or one flow transforms all of them.
    """
    family = q.family
    if isinstance(family, FlowFamily) and type(family).distribution is FlowFamily.distribution:
        return q.num_components == 1 or family.shared
    return type(family.distribution(q.params)) is DiagonalNormal


class GaussianDraws:
    """Draws from K components, with log-densities there.

    Args:
        q: `MixturePosterior` that `is_gaussian` accepts.
        log_prior: function, z [S, B, K, D] -> log p(z) [S, B, K].
        num_draws: number of draws S.
        size: number of components K that draw.
    """

    def __init__(self, q, log_prior, num_draws: int, size: int):
        self.q, self.log_prior, self.num_draws, self.size = q, log_prior, num_draws, size
        if isinstance(q.family, FlowFamily):
            *moments, self.flow_params = q.family.base_and_flow_params(q.params)
        else:
            components, self.flow_params = q.family.distribution(q.params), None
            moments = [components.mean(), components.stddev()]
        self.mean, self.scale = (tf.transpose(moment, [1, 2, 0]) for moment in moments)  # [M, D, B]
        # Several functions: in one, XLA would compute the draws again for each of their uses.
        self._codes, self._transformed, self._log_densities = (
            tf.function(function, jit_compile=True, autograph=False)
            for function in (self._codes_of, self._transformed_of, self._log_densities_at)
        )

    def draw(self, seed, first) -> tuple:
        """Returns draws z [S, B, K, D], and log-densities [S, B, K] in nats.

        The log-densities are log p(z), log Q(z|x) and log q_m(z|x). The draws equal `q.sample_components` up to
        rounding.

        Args:
            seed: stateless seed of the draws. Shape [2].
            first: index of the first component that draws.
        """
        chosen = first + tf.range(self.size)
        seeds = tf.stack([tf.random.fold_in(seed, first + k) for k in range(self.size)])
        bits = None if self.size == 1 else self._bits(seeds)  # of several seeds, XLA's integers take longer
        drawn, z = self._codes(seeds, bits, chosen)
        if self.flow_params is None:
            return z, *self._log_densities(drawn, z, None, chosen)
        z, log_det = self._transformed(z)
        return z, *self._log_densities(drawn, z, log_det, chosen)

    def _bits(self, seeds):
        """Returns random integers [K, N] for the numbers of S draws from each component."""
        count = self.num_draws * self.q.latent_dim * tf.shape(self.q.params)[0]
        return tf.stack([box_muller.bits(count, seed) for seed in tf.unstack(seeds)])

    def _codes_of(self, seeds, bits, chosen) -> tuple:
        """Returns draws from the Gaussians, [K, S, D, B] and [S, B, K, D]."""
        bits = self._bits(seeds) if bits is None else bits
        mean, scale = tf.gather(self.mean, chosen)[:, tf.newaxis], tf.gather(self.scale, chosen)[:, tf.newaxis]
        batch = tf.shape(mean)[-1]
        noise = box_muller.normals(bits)[:, : self.num_draws * self.q.latent_dim * batch]
        noise = tf.reshape(noise, [self.size, self.num_draws, self.q.latent_dim, batch])  # as in `noise_like_tfp`
        drawn = mean + scale * noise
        return drawn, tf.transpose(drawn, [1, 3, 0, 2])

    def _transformed_of(self, z_0) -> tuple:
        """Returns z [S, B, K, D] and log|det dz/dz_0| [S, B, K]."""
        return self.q.family.transform(self.flow_params[:, :1], z_0)

    def _log_densities_at(self, drawn, z, log_det, chosen) -> tuple:
        """Returns log p(z), log Q(z|x) and log q_m(z|x) [S, B, K]."""
        constants = tf.reduce_sum(tf.math.log(self.scale) + 0.5 * LOG_2_PI, axis=1)  # dimensions
        standard = (drawn[:, :, tf.newaxis] - self.mean) / self.scale
        log_q = -0.5 * tf.reduce_sum(tf.square(standard), axis=3) - constants  # [K, S, M, B]
        log_mixture = tf.reduce_logsumexp(tf.transpose(self.q.log_alpha) + log_q, axis=2)
        is_own = tf.equal(chosen[:, tf.newaxis], tf.range(self.q.num_components))[:, tf.newaxis, :, tf.newaxis]
        log_q_own = tf.reduce_sum(tf.where(is_own, log_q, 0.0), axis=2)
        log_q = [tf.transpose(part, [1, 2, 0]) for part in (log_mixture, log_q_own)]
        return self.log_prior(z), *(log_q if log_det is None else [part - log_det for part in log_q])
