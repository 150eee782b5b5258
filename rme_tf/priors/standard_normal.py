"""The standard normal prior."""

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from rme_tf.core.gaussian import DiagonalNormal
from rme_tf.priors.base import Prior


@keras.saving.register_keras_serializable("rme_tf")
class StandardNormal(Prior):
    """p(z) = N(0, I)."""

    def distribution(self):
        """Returns N(0, I), event shape [D]."""
        return DiagonalNormal(tf.zeros([self.latent_dim]), scale_diag=tf.ones([self.latent_dim]))

    def marginals(self):
        """Returns N(0, 1), batch shape [D]."""
        return tfp.distributions.Normal(tf.zeros([self.latent_dim]), tf.ones([self.latent_dim]))
