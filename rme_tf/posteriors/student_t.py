"""Student's t distribution with independent dimensions."""

import math

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from rme_tf.core.polar_student_t import PolarStudentT
from rme_tf.core.validation import check_number
from rme_tf.posteriors.diagonal import DiagonalFamily

tfd = tfp.distributions


@keras.saving.register_keras_serializable("rme_tf")
class DiagStudentT(DiagonalFamily):
    """prod_d t(z_d; df, mean_d, scale_d).

    The standard deviations are sqrt(df / (df - 2)) scale.

    Args:
        latent_dim: D, number of latent dimensions.
        df: degrees of freedom, a finite number above 2, where the variance is finite. Tails get lighter as it grows.
            Above 4 estimates of the ELBO under a Gaussian prior have a finite variance.
        initial_scale: standard deviation at params of zero, see `PosteriorFamily`.

    Raises:
        ValueError: if a number is out of range.
    """

    def __init__(self, latent_dim: int, df: float = 5.0, **kwargs):
        super().__init__(latent_dim, **kwargs)
        self.df = check_number("df", df, above=2.0, remedy="The variance is infinite for smaller `df`.")

    def marginals(self, params):
        """Returns `StudentT`, batch [..., D], event [], for params [..., 2 D]."""
        mean, stddev = self.mean_and_stddev(params)
        return PolarStudentT(self.df, mean, math.sqrt(1.0 - 2.0 / self.df) * stddev)

    def from_noise(self, params, noise):
        """Returns Student's quantiles of the noise's normal probabilities."""
        mean, stddev = self.mean_and_stddev(params)
        return mean + math.sqrt(1.0 - 2.0 / self.df) * stddev * standard_quantiles(self.df, noise)

    def get_config(self):
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "df": self.df}


def standard_quantiles(df: float, noise):
    """Returns Student's quantiles t of the noise's normal probabilities.

    They are increasing and differentiable in the noise e: dt/de = N(e) / t(t), from the two densities alone.

    Args:
        df: degrees of freedom.
        noise: standard normal numbers. Shape [...].
    """
    normal, student = tfd.Normal(0.0, 1.0), tfd.StudentT(df, 0.0, 1.0)

    @tf.custom_gradient
    def quantiles(noise):
        tail = student.quantile(normal.cdf(-tf.abs(noise)))  # exact in float32, as the upper tail is not
        t = -tf.sign(noise) * tail
        return t, lambda upstream: upstream * tf.exp(normal.log_prob(noise) - student.log_prob(t))

    return quantiles(noise)
