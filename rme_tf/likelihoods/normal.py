"""Real-valued observations with one learned scale."""

import math

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from rme_tf.likelihoods.base import Likelihood


@keras.saving.register_keras_serializable("rme_tf")
class Normal(Likelihood):
    """Independent Gaussian pixels in [0, 1]; the decoder gives the means, one scale is learned for all.

    Args:
        event_shape: shape of one observation.
        initial_scale: the scale before training. Positive.
        min_scale: floor of the scale, which keeps densities of constant pixels finite. Positive.

    Raises:
        ValueError: if a scale is not positive.
    """

    support = "real values in [0, 1]"
    bits_offset = 8.0  # a density on pixels / 256

    def __init__(self, event_shape, initial_scale: float = 0.2, min_scale: float = 0.01, **kwargs):
        super().__init__(event_shape, **kwargs)
        if not 0.0 < min_scale < initial_scale < math.inf:
            raise ValueError(
                "Expected 0 < `min_scale` < `initial_scale`. "
                f"Received: min_scale={min_scale}, initial_scale={initial_scale}."
            )
        self.initial_scale = float(initial_scale)
        self.min_scale = float(min_scale)
        self.raw_scale = self.add_weight(
            name="raw_scale",
            shape=(),
            initializer=keras.initializers.Constant(math.log(math.expm1(initial_scale - min_scale))),
        )

    @property
    def scale(self):
        """The standard deviation that all pixels share. Scalar tensor."""
        return tf.math.softplus(tf.convert_to_tensor(self.raw_scale)) + self.min_scale

    @property
    def params_shape(self):
        """One mean for each entry of x."""
        return self.event_shape

    def distribution(self, params):
        """Returns independent Gaussians with means `params` and the learned scale."""
        pixels = tfp.distributions.Normal(params, self.scale)
        return tfp.distributions.Independent(pixels, reinterpreted_batch_ndims=len(self.event_shape))

    def in_support(self, x):
        """Returns whether each entry is in [0, 1]; false for NaN."""
        x = tf.cast(x, tf.float32)
        return tf.logical_and(x >= 0.0, x <= 1.0)

    def get_config(self):
        """Returns the arguments of the constructor."""
        config = {"initial_scale": self.initial_scale, "min_scale": self.min_scale}
        return {**super().get_config(), **config}
