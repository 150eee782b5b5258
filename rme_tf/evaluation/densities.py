"""Log-densities of diagonal Gaussians and their mixtures at many codes.

The terms of the params are computed once. Letters: S draws, B batch, K components that draw, M components, J Gaussians
of a mixture, D latent dimensions, N codes.
"""

from typing import NamedTuple

import tensorflow as tf
import tensorflow_probability as tfp

from rme_tf import objectives
from rme_tf.core.gaussian import LOG_2_PI, DiagonalNormal


class QuadraticForms(NamedTuple):
    """Log-densities of J diagonal Gaussians as products with z and z^2.

        log N(z; mean, diag(scale^2)) = constant + z (mean / scale^2) - z^2 / (2 scale^2)

    Far from zero the terms nearly cancel. They are float64, which leaves less than the rounding of z in float32.
    """

    weights: tf.Tensor  # of [z, z^2]  [..., J, 2 D]
    constants: tf.Tensor  # [..., J]

    @classmethod
    def of(cls, mean, scale):
        """Returns the forms of Gaussians with means and standard deviations [..., J, D]."""
        mean, scale = tf.cast(mean, tf.float64), tf.cast(scale, tf.float64)
        precision = 1.0 / tf.square(scale)
        constants = -tf.reduce_sum(0.5 * tf.square(mean) * precision + tf.math.log(scale) + 0.5 * LOG_2_PI, axis=-1)
        return cls(tf.concat([mean * precision, -0.5 * precision], axis=-1), constants)

    def at(self, codes):
        """Returns the log-densities [..., N, J], float32, at codes [..., N, D]."""
        codes = tf.cast(codes, tf.float64)
        features = tf.concat([codes, tf.square(codes)], axis=-1)
        values = tf.matmul(features, self.weights, transpose_b=True) + self.constants[..., tf.newaxis, :]
        return tf.cast(values, tf.float32)


def log_prob_of(distribution):
    """Returns log p(z) of a fixed distribution, as a function.

    The values equal `distribution.log_prob` up to rounding.

    Args:
        distribution: distribution with batch [] and event [D].

    Returns:
        log_prob: function, z [..., D] -> log p(z) [...], in nats.
    """
    if type(distribution) is DiagonalNormal:
        return _gaussian(*_moments(distribution))
    gaussians = _gaussians(distribution)
    if gaussians is None:
        return distribution.log_prob
    log_weights, forms = gaussians[0], QuadraticForms.of(*gaussians[1:])

    def log_prob(z):
        """Returns log p(z) [...]."""
        values = forms.at(tf.reshape(z, [-1, z.shape[-1]]))  # [N, J]
        return tf.reshape(tf.reduce_logsumexp(log_weights + values, axis=-1), tf.shape(z)[:-1])

    return log_prob


def component_log_probs_of(q):
    """Returns log q_j(z_m) of a fixed posterior, as a function.

    Args:
        q: `MixturePosterior` of the observations.

    Returns:
        log_probs: function, z [S, B, K, D] -> log q_j(z_m) [S, B, K, M] in nats, or None if the components are not
            diagonal Gaussians. The values equal `q.component_log_probs` up to rounding.
    """
    components = q.family.distribution(q.params)  # batch [B, M]
    if type(components) is not DiagonalNormal:
        return None
    if q.num_components == 1:
        log_prob = _gaussian(*_moments(components))
        return lambda z: log_prob(z)[..., tf.newaxis]
    forms = QuadraticForms.of(*_moments(components))

    def log_probs(z):
        """Returns log q_j(z_m) [S, B, K, M]."""
        sizes = tf.shape(z)
        codes = tf.reshape(tf.transpose(z, [1, 0, 2, 3]), [sizes[1], -1, q.latent_dim])  # [B, S K, D]
        values = tf.reshape(forms.at(codes), [sizes[1], sizes[0], sizes[2], q.num_components])
        return tf.transpose(values, [1, 0, 2, 3])

    return log_probs


def table(q, codes):
    """Returns log Q(z|x) of every observation at every code. Shape [B, N].

    Args:
        q: `MixturePosterior` of the observations.
        codes: codes that all observations share. Shape [N, D].
    """
    components = q.family.distribution(q.params)  # batch [B, M]
    if type(components) is DiagonalNormal:
        forms = QuadraticForms.of(*(tf.reshape(moment, [-1, q.latent_dim]) for moment in _moments(components)))
        log_q = tf.reshape(forms.at(codes), [tf.shape(codes)[0], -1, q.num_components])  # [N, B, M]
        return tf.transpose(objectives.log_mixture(q.log_alpha, log_q))
    shape = [1, tf.shape(q.params)[0], tf.shape(codes)[0], q.latent_dim]
    log_q = q.component_log_probs(tf.broadcast_to(codes, shape))[0]  # [B, N, M]
    return objectives.log_mixture(q.log_alpha[:, tf.newaxis], log_q)


def _moments(gaussian) -> tuple:
    return gaussian.mean(), gaussian.stddev()


def _gaussian(mean, scale):
    """Returns z [..., D] -> log N(z; mean, diag(scale^2)) [...]."""
    constant = tf.reduce_sum(tf.math.log(scale) + 0.5 * LOG_2_PI, axis=-1)
    return lambda z: -0.5 * tf.reduce_sum(tf.square((z - mean) / scale), axis=-1) - constant


def _gaussians(distribution) -> tuple | None:
    """Returns log-weights [..., J], means and standard deviations [..., J, D], or None.

    A mixture of mixtures is one mixture of Gaussians.
    """
    if type(distribution) is DiagonalNormal:
        mean, scale = (moment[..., tf.newaxis, :] for moment in _moments(distribution))
        return tf.zeros(tf.shape(mean)[:-1]), mean, scale
    if type(distribution) is not tfp.distributions.MixtureSameFamily:
        return None
    inner = _gaussians(distribution.components_distribution)
    if inner is None:
        return None
    log_weights = tf.nn.log_softmax(distribution.mixture_distribution.logits_parameter())[..., tf.newaxis] + inner[0]
    batch, dim = tf.shape(log_weights)[:-2], inner[1].shape[-1]
    flat = [tf.reshape(part, tf.concat([batch, [-1, dim]], axis=0)) for part in inner[1:]]
    return tf.reshape(log_weights, tf.concat([batch, [-1]], axis=0)), *flat
