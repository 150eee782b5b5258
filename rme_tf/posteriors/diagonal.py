"""Posterior families of independent latent dimensions."""

import tensorflow as tf
import tensorflow_probability as tfp

from rme_tf.posteriors.base import PosteriorFamily


class DiagonalFamily(PosteriorFamily):
    """A location-scale family of independent latent dimensions.

    Params are the means and the standard deviations before a softplus, so P = 2 D.

    To be implemented by subclasses:
        * `marginals(params)`: params [..., 2 D] -> `tfd.Distribution` of each dimension, batch [..., D], event [], with
          the moments of `mean_and_stddev(params)`.
    """

    @property
    def num_params(self) -> int:
        """P = 2 D."""
        return 2 * self.latent_dim

    def mean_and_stddev(self, params):
        """Returns mean and standard deviation [..., D] for params [..., 2 D]."""
        mean, raw_scale = tf.split(params, 2, axis=-1)
        return mean, self.positive(raw_scale)

    def distribution(self, params):
        """Returns `Independent` marginals, batch [...], event [D], for params [..., 2 D]."""
        return tfp.distributions.Independent(self.marginals(params), 1)

    def moments(self, params):
        """Returns `mean_and_stddev(params)`, without a distribution.

        TFP broadcasts moments by an operation that ONNX does not have.
        """
        if type(self).distribution is not DiagonalFamily.distribution:
            return super().moments(params)
        return self.mean_and_stddev(params)
