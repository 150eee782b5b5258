"""Diagonal Gaussians that are fast to trace."""

import math

import tensorflow as tf
import tensorflow_probability as tfp

from rme_tf.core import replicas
from rme_tf.core.keras_compat import DrawHooks

LOG_2_PI = math.log(2.0 * math.pi)


def noise_like_tfp(num_samples, shape, seed, dtype=tf.float32):
    """Returns the noise of TFP's draws from a vector Gaussian.

    In a step of several replicas the first axis of `shape` has the rows of a replica, whose noise is the noise of these
    rows in the global batch.

    Args:
        num_samples: sample shape, a list or an int32 vector of known length.
        shape: batch shape and event shape, [..., D].
        seed: stateless seed. Shape [2].
        dtype: dtype of the noise.

    Returns:
        noise: standard normal noise. Shape [*num_samples, *shape].
    """
    num_samples = tf.convert_to_tensor(num_samples, tf.int32)
    lead = num_samples.shape[0]
    place = replicas.rows()
    if place is not None:
        shape = tf.convert_to_tensor(shape, tf.int32)
        shape = tf.concat([[place.total], shape[1:]], axis=0)
    order = tf.concat([num_samples, shape[-1:], shape[:-1]], axis=0)  # the event before the batch
    noise = tf.random.stateless_normal(order, seed, dtype=dtype)
    if place is not None:
        noise = tf.gather(noise, place.first + tf.range(place.count), axis=lead + 1)
    rank = noise.shape.rank
    return tf.transpose(noise, [*range(lead), *range(lead + 1, rank), lead])


def diagonal_log_prob(x, mean, scale):
    """Returns log N(x; mean, diag(scale^2)) [...], in nats.

    Args:
        x: latent codes. Shape [..., D].
        mean: means that broadcast against x. Shape [..., D].
        scale: standard deviations that broadcast against x. Shape [..., D].
    """
    standard = (x - mean) / scale
    return -tf.reduce_sum(0.5 * standard**2 + tf.math.log(scale) + 0.5 * LOG_2_PI, axis=-1)


class DiagonalNormal(DrawHooks, tfp.distributions.MultivariateNormalDiag):
    """TFP's `MultivariateNormalDiag`, with few operations.

    TFP composes draws, densities and moments of a base distribution and bijectors, which takes long to trace, and
    broadcasts the moments by an operation that ONNX lacks. The draws equal TFP's for the same seed. Scales are
    positive.
    """

    def draws(self, sample_shape, seed):
        """Returns draws [*sample_shape, ..., D], equal to TFP's."""
        mean, scale = self._moments()
        shape = _broadcast_shape(mean, scale)
        sizes = tf.reshape(tf.cast(sample_shape, tf.int32), [-1])
        return mean + scale * noise_like_tfp(sizes, shape, tfp.random.sanitize_seed(seed), self.dtype)

    def _log_prob(self, x, **kwargs):
        return diagonal_log_prob(x, *self._moments())

    def _mean(self, **kwargs):
        mean, scale = self._moments()
        return mean + tf.zeros_like(scale)

    def _stddev(self, **kwargs):
        mean, scale = self._moments()
        return scale + tf.zeros_like(mean)

    def _moments(self):
        return tf.convert_to_tensor(self.loc), tf.convert_to_tensor(self.scale.diag)


def _broadcast_shape(one, other):
    """Returns the shape of the sum of two tensors, as a list if known."""
    static = tf.broadcast_static_shape(one.shape, other.shape)
    if static.is_fully_defined():
        return static.as_list()
    return tf.broadcast_dynamic_shape(tf.shape(one), tf.shape(other))
