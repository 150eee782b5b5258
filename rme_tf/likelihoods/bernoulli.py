"""Bernoulli likelihood of binary observations."""

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from rme_tf.likelihoods.base import Likelihood


@keras.saving.register_keras_serializable("rme_tf")
class Bernoulli(Likelihood):
    """Independent Bernoulli pixels, with logits as params."""

    support = "binary values, 0 or 1"
    interval = (0.0, 1.0)
    unconstrained = "logits"

    @property
    def params_shape(self):
        """One logit for each entry of x."""
        return self.event_shape

    def distribution(self, params):
        """Returns independent Bernoullis with logits `params`."""
        pixels = tfp.distributions.Bernoulli(logits=params, dtype=tf.float32)
        return tfp.distributions.Independent(pixels, reinterpreted_batch_ndims=len(self.event_shape))

    def log_prob(self, params, x):
        """Returns log p(x|z) [...], in nats, without a distribution. See `Likelihood`.

        The log-probability of a binary pixel is -softplus((1 - 2 x) logit). TFP computes the softplus of both signs and
        multiplies one by 0; value and gradient have the same bits.
        """
        if type(self).distribution is not Bernoulli.distribution:
            return super().log_prob(params, x)
        return -tf.reduce_sum(_losses(params, x), axis=self.event_axes)

    def entry_log_prob(self, params, x):
        """Returns log p(x_i|z) of each entry. See `Likelihood`."""
        if type(self).distribution is not Bernoulli.distribution:
            return super().entry_log_prob(params, x)
        return -_losses(params, x)

    def prepared(self, x, totals):
        """Returns log p(x|z), -sum softplus((1 - 2 x) l), of fixed x."""
        sign = 1.0 - 2.0 * tf.cast(x, tf.float32)
        return lambda logits: -totals.softplus(sign * logits)

    def in_support(self, x):
        """Returns whether each entry is exactly 0 or 1."""
        x = tf.cast(x, tf.float32)
        return tf.logical_or(tf.equal(x, 0.0), tf.equal(x, 1.0))


def _losses(logits, x):
    """Returns -log p(x_i|z) of each entry [..., *event_shape]."""
    logits = tf.convert_to_tensor(logits)
    signs = 1.0 - 2.0 * tf.cast(x, logits.dtype)
    return tf.math.softplus(signs * logits)
