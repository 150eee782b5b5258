"""A Gaussian with diagonal covariance."""

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from rme_tf.gaussian import DiagonalNormal
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

    def _mean_and_scale(self, params):
        mean, raw_scale = tf.split(params, 2, axis=-1)
        return mean, self.positive(raw_scale)
