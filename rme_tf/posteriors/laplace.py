"""A Laplace distribution with independent dimensions."""

import math

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from rme_tf.posteriors.diagonal import DiagonalFamily

tfd = tfp.distributions


@keras.saving.register_keras_serializable("rme_tf")
class DiagLaplace(DiagonalFamily):
    """prod_d Laplace(z_d; mean_d, scale_d), with standard deviations sqrt(2) scale."""

    def marginals(self, params):
        """Returns `Laplace`, batch [..., D], event [], for params [..., 2 D]."""
        mean, stddev = self.mean_and_stddev(params)
        return tfd.Laplace(mean, math.sqrt(0.5) * stddev)

    def from_noise(self, params, noise):
        """Returns the Laplace quantiles of the noise's normal probabilities."""
        mean, stddev = self.mean_and_stddev(params)
        lower, upper = (math.log(2.0) + tfd.Normal(0.0, 1.0).log_cdf(sign * noise) for sign in (1.0, -1.0))
        return mean + math.sqrt(0.5) * stddev * tf.where(noise < 0.0, lower, -upper)
