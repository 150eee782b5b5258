"""A mixture of Gaussians as the prior."""

import math

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from rme_tf.core.gaussian import DiagonalNormal
from rme_tf.core.softplus import softplus_inverse
from rme_tf.core.validation import check_count
from rme_tf.priors.base import Prior

MIN_SCALE = 1e-3  # a component that closed in on one code would have a density without bound
SPREAD = 0.3  # of the means at the start


@keras.saving.register_keras_serializable("rme_tf")
class Mixture(Prior):
    """A learned mixture p(z) = sum_k w_k N(mean_k, diag(scale_k^2)).

    It starts near N(0, I): the weights are equal, the means drawn from N(0, 0.3^2), and the scales are such that the
    variance is 1 on average over the draw. The means differ, so that the components can part.

    Args:
        latent_dim: D, number of latent dimensions.
        num_components: K, at least 1.

    Raises:
        ValueError: if `num_components` is not a positive integer.

    References:
        Dilokthanakul et al. (2016), https://arxiv.org/abs/1611.02648; as the baseline "MoG": Tomczak and
        Welling (2018), https://arxiv.org/abs/1705.07120
    """

    def __init__(self, latent_dim: int, num_components: int = 10, **kwargs):
        super().__init__(latent_dim, **kwargs)
        self.num_components = check_count("num_components", num_components)
        shape = (self.num_components, self.latent_dim)
        apart = keras.initializers.RandomNormal(0.0, SPREAD)
        wide = keras.initializers.Constant(softplus_inverse(math.sqrt(1.0 - SPREAD**2) - MIN_SCALE))
        self.logits = self.add_weight(name="logits", shape=shape[:1], initializer="zeros")
        self.means = self.add_weight(name="means", shape=shape, initializer=apart)
        self.raw_scales = self.add_weight(name="raw_scales", shape=shape, initializer=wide)

    def distribution(self):
        """Returns `MixtureSameFamily`, batch [], event [D]."""
        scales = tf.math.softplus(self.raw_scales.value) + MIN_SCALE
        return tfp.distributions.MixtureSameFamily(
            tfp.distributions.Categorical(logits=tf.convert_to_tensor(self.logits.value)),
            DiagonalNormal(tf.convert_to_tensor(self.means.value), scale_diag=scales),
        )

    def get_config(self):
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "num_components": self.num_components}
