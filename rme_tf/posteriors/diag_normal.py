"""A Gaussian with diagonal covariance."""

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from rme_tf.gaussian import DiagonalNormal, diagonal_log_prob, noise_like_tfp
from rme_tf.posteriors.base import PosteriorFamily


@keras.saving.register_keras_serializable("rme_tf")
class DiagNormal(PosteriorFamily):
    """N(mean, diag(scale^2)); params are the mean and the scale before a softplus, so P = 2 D."""

    @property
    def num_params(self) -> int:
        """P = 2 D."""
        return 2 * self.latent_dim

    def distribution(self, params):
        """Returns `MultivariateNormalDiag`, batch [...], event [D], for params [..., 2 D]."""
        mean, scale = self._mean_and_scale(params)
        return DiagonalNormal(mean, scale_diag=scale)

    def marginals(self, params):
        """Returns `Normal`, batch [..., D], event [], for params [..., 2 D]."""
        return tfp.distributions.Normal(*self._mean_and_scale(params))

    def sample_components(self, params, num_samples: int, seeds):
        """Returns S draws from each of K components [S, B, K, D], for params [B, K, 2 D] and a list of K seeds."""
        if self._is_another:
            return super().sample_components(params, num_samples, seeds)
        mean, scale = self._mean_and_scale(params)
        shape = tf.stack([tf.shape(mean)[0], self.latent_dim])
        noise = [noise_like_tfp([num_samples], shape, seed) for seed in seeds]
        return mean + scale * tf.stack(noise, axis=2)

    def log_prob(self, params, z):
        """Returns log q(z) [...], in nats, for params [..., 2 D] and z [..., D] that broadcast."""
        if self._is_another:
            return super().log_prob(params, z)
        return diagonal_log_prob(z, *self._mean_and_scale(params))

    @property
    def _is_another(self) -> bool:
        """Whether a subclass has a distribution of its own, which the short ways would pass by."""
        return type(self).distribution is not DiagNormal.distribution

    def _mean_and_scale(self, params):
        mean, raw_scale = tf.split(params, 2, axis=-1)
        return mean, self.positive(raw_scale)
