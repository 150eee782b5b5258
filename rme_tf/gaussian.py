"""A diagonal Gaussian that is quick to trace."""

import math

import tensorflow as tf
import tensorflow_probability as tfp

LOG_2_PI = math.log(2.0 * math.pi)


class DiagonalNormal(tfp.distributions.MultivariateNormalDiag):
    """TFP's `MultivariateNormalDiag`, with draws and densities of a few operations each.

    TFP composes them of a base distribution and of bijectors, which takes long to trace. The draws are TFP's own, for
    the same seed; scales are positive.
    """

    def _call_sample_n(self, sample_shape, seed, **kwargs):
        mean, scale = self._moments()
        shape = _broadcast_shape(mean, scale)
        draws = tf.reshape(tf.cast(sample_shape, tf.int32), [-1])
        lead = draws.shape[0]
        # TFP's order: the event before the batch.
        noise = tf.random.stateless_normal(
            tf.concat([draws, shape[-1:], shape[:-1]], axis=0), tfp.random.sanitize_seed(seed), dtype=self.dtype
        )
        rank = noise.shape.rank
        return mean + scale * tf.transpose(noise, [*range(lead), *range(lead + 1, rank), lead])

    def _log_prob(self, x, **kwargs):
        mean, scale = self._moments()
        standard = (x - mean) / scale
        return -tf.reduce_sum(0.5 * standard**2 + tf.math.log(scale) + 0.5 * LOG_2_PI, axis=-1)

    def _moments(self):
        return tf.convert_to_tensor(self.loc), tf.convert_to_tensor(self._scale_diag)


def _broadcast_shape(one, other):
    """Returns the shape of their sum: a list where it is known."""
    static = tf.broadcast_static_shape(one.shape, other.shape)
    if static.is_fully_defined():
        return static.as_list()
    return tf.broadcast_dynamic_shape(tf.shape(one), tf.shape(other))
