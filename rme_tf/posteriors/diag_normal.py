"""A Gaussian with diagonal covariance."""

from typing import ClassVar

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from rme_tf.core.gaussian import DiagonalNormal, diagonal_log_prob, noise_like_tfp
from rme_tf.posteriors.diagonal import DiagonalFamily


@keras.saving.register_keras_serializable("rme_tf")
class DiagNormal(DiagonalFamily):
    """The Gaussian N(mean, diag(scale^2)).

    Params are the mean and the scale before a softplus, so P = 2 D.
    """

    gaussian: ClassVar[bool] = True

    def distribution(self, params):
        """Returns `MultivariateNormalDiag`, batch [...], event [D], for params [..., 2 D]."""
        mean, scale = self.mean_and_stddev(params)
        return DiagonalNormal(mean, scale_diag=scale)

    def marginals(self, params):
        """Returns `Normal`, batch [..., D], event [].

        None in a subclass with another `distribution`.
        """
        return None if self._overrides_distribution else tfp.distributions.Normal(*self.mean_and_stddev(params))

    def sample_components(self, params, num_samples: int, seeds):
        """Returns draws from each component, without a distribution. See `PosteriorFamily`."""
        if self._overrides_distribution:
            return super().sample_components(params, num_samples, seeds)
        mean, scale = self.mean_and_stddev(params)
        shape = tf.stack([tf.shape(mean)[0], self.latent_dim])
        noise = [noise_like_tfp([num_samples], shape, seed) for seed in seeds]
        return mean + scale * tf.stack(noise, axis=2)

    def log_prob(self, params, z):
        """Returns log q(z), in nats, without a distribution. See `PosteriorFamily`."""
        if self._overrides_distribution:
            return super().log_prob(params, z)
        return diagonal_log_prob(z, *self.mean_and_stddev(params))

    @property
    def _overrides_distribution(self) -> bool:
        """Whether a subclass overrides `distribution`, so that the fast paths do not apply."""
        return type(self).distribution is not DiagNormal.distribution
