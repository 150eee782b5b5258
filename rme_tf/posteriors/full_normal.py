"""A Gaussian with full covariance."""

from typing import ClassVar

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from rme_tf.posteriors.base import PosteriorFamily


class TriangularNormal(tfp.distributions.MultivariateNormalTriL):
    """TFP's `MultivariateNormalTriL`, whose moments convert to ONNX and LiteRT.

    Mean and factor have the same batch shape.
    """

    def _mean(self, **kwargs):
        return tf.convert_to_tensor(self.loc)

    def _stddev(self, **kwargs):
        return tf.norm(self.scale_tril, axis=-1)


@keras.saving.register_keras_serializable("rme_tf")
class FullNormal(PosteriorFamily):
    """The Gaussian N(mean, L L^T).

    Params are the mean and the D (D + 1) / 2 entries of the Cholesky factor L.
    """

    gaussian: ClassVar[bool] = True

    @property
    def num_params(self) -> int:
        """P = D + D (D + 1) / 2."""
        return self.latent_dim * (self.latent_dim + 3) // 2

    def distribution(self, params):
        """Returns `MultivariateNormalTriL`, batch [...], event [D], for params [..., P]."""
        mean, entries = params[..., : self.latent_dim], params[..., self.latent_dim :]
        entries = tfp.math.fill_triangular(entries)
        identity = tf.eye(self.latent_dim)  # a mask: XLA has no gradient of `set_diag`, if the batch is of any size
        scale_tril = entries * (1.0 - identity) + self.positive(entries) * identity
        return TriangularNormal(mean, scale_tril=scale_tril)
