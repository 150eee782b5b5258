"""Gaussian likelihood of real observations."""

import math

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from rme_tf.core.gaussian import LOG_2_PI
from rme_tf.likelihoods.location_scale import LocationScale


@keras.saving.register_keras_serializable("rme_tf")
class Normal(LocationScale):
    """Independent Gaussian pixels, with means as params.

    By default pixels are in [0, 1]. With `interval=None` observations are any real numbers, such as standardized
    features.
    """

    support = "real values in [0, 1]"
    values = "bounded"
    interval = (0.0, 1.0)
    bits_offset = 8.0  # a density on pixels / 256

    def distribution(self, params):
        """Returns independent Gaussians, batch [...], event `event_shape`."""
        mean, scale = self.moments(params, spread=True)
        return tfp.distributions.Independent(
            tfp.distributions.Normal(mean, scale), reinterpreted_batch_ndims=len(self.event_shape)
        )

    def prepared(self, x, totals):
        """Returns log p(x|z) of fixed x as a function of the params."""
        x, known, size = tf.cast(x, tf.float32), self.scale, math.prod(self.event_shape)

        def log_prob(params):
            """Returns log p(x|z) [...]."""
            mean, scale = self.moments(params, known)
            if self.scale_kind in ("decoded", "per_pixel"):
                terms = 0.5 * tf.square((x - mean) / scale) + tf.math.log(scale)
                return -totals.sum(terms) - 0.5 * size * LOG_2_PI
            if self.scale_kind == "per_image":
                scale = tf.squeeze(scale, axis=totals.axes)
            distance = totals.sum(tf.math.squared_difference(x, mean)) / scale / scale
            return -0.5 * distance - size * (tf.math.log(scale) + 0.5 * LOG_2_PI)

        return log_prob
