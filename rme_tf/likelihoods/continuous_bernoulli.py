"""Continuous Bernoulli likelihood of real observations in [0, 1]."""

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from rme_tf.likelihoods.base import Likelihood

SMALL_LOGIT = 0.5  # for smaller logits, the two terms of the mean nearly cancel
LEAST_LOGIT = 1e-30  # keeps (1 - exp(-a)) / a, which is 1 near zero, from 0 / 0


class Pixels(tfp.distributions.ContinuousBernoulli):
    """TFP's `ContinuousBernoulli`, with a mean that ONNX supports."""

    def _mean(self):
        # 1 / (1 - exp(-t)) - 1 / t; near 0 its series, whose next term is t^9 / 47900160.
        logits = tf.convert_to_tensor(self.logits)
        is_small = tf.abs(logits) < SMALL_LOGIT
        large = tf.where(is_small, 1.0, logits)
        square = tf.where(is_small, logits, 0.0) ** 2
        series = (1.0 / 12.0 - square * (1.0 / 720.0 - square * (1.0 / 30240.0 - square / 1209600.0))) * logits
        return 0.5 + tf.where(is_small, series, 0.5 / tf.math.tanh(0.5 * large) - 1.0 / large)


@keras.saving.register_keras_serializable("rme_tf")
class ContinuousBernoulli(Likelihood):
    """Independent continuous Bernoulli pixels, with logits as params.

        p(x) = C(l) l^x (1 - l)^(1 - x), a density on [0, 1]

    The Bernoulli's cross-entropy of gray pixels lacks the normalizing constant C(l), so it is not a density.

    References:
        Loaiza-Ganem and Cunningham (2019), https://arxiv.org/abs/1907.06845
    """

    support = "real values in [0, 1]"
    interval = (0.0, 1.0)
    unconstrained = "logits"
    bits_offset = 8.0  # a density on pixels / 256

    @property
    def params_shape(self):
        """One logit for each entry of x."""
        return self.event_shape

    def distribution(self, params):
        """Returns independent continuous Bernoullis with logits `params`."""
        pixels = Pixels(logits=params)
        return tfp.distributions.Independent(pixels, reinterpreted_batch_ndims=len(self.event_shape))

    def prepared(self, x, totals):
        """Returns log p(x|z) of fixed x, as a function of logits l.

            sum x l - max(l, 0) - log((1 - exp(-a)) / a),   a = |l|

        Args:
            x: observations that broadcast against the logits. Shape [..., *event_shape].
            totals: see `Likelihood.prepared`.
        """
        x = tf.cast(x, tf.float32)

        def log_prob(logits):
            """Returns log p(x|z) [...]."""
            negative = -tf.maximum(tf.abs(logits), LEAST_LOGIT)
            log_normalizer = tf.nn.relu(logits) + tf.math.log(tf.math.expm1(negative) / negative)
            return totals.sum(x * logits - log_normalizer)

        return log_prob

    def in_support(self, x):
        """Returns whether each entry is in [0, 1]; false for NaN."""
        x = tf.cast(x, tf.float32)
        return tf.logical_and(x >= 0.0, x <= 1.0)
