"""Categorical likelihood of one-hot rows."""

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from rme_tf.likelihoods.base import Likelihood
from rme_tf.likelihoods.levels import log_softmax


class OneHotRows(tfp.distributions.OneHotCategorical):
    """TFP's `OneHotCategorical`, with a mean of operations that ONNX has."""

    def _mean(self):
        return tf.exp(log_softmax(self._logits))


@keras.saving.register_keras_serializable("rme_tf")
class OneHot(Likelihood):
    """Independent categories as one-hot rows, with logits as params.

        log p(x) = sum over rows of log softmax(logits)[level of the row]

    The last axis is a row. Its log-probability is in the entry of 1; the other entries have 0.
    """

    support = "one-hot rows, 1 at the level and 0 elsewhere"
    values = "columns"
    interval = (0.0, 1.0)
    unconstrained = "logits"

    @property
    def params_shape(self):
        """One logit for each entry of x."""
        return self.event_shape

    def distribution(self, params):
        """Returns independent one-hot variables, batch [...], event `event_shape`."""
        rows = OneHotRows(logits=params, dtype=tf.float32)
        return tfp.distributions.Independent(rows, reinterpreted_batch_ndims=len(self.event_shape) - 1)

    def log_prob(self, params, x):
        """Returns log p(x|z) [...], in nats. See `Likelihood`."""
        return tf.reduce_sum(self.entry_log_prob(params, x), axis=self.event_axes)

    def entry_log_prob(self, params, x):
        """Returns log p of each row in its entry of 1."""
        return tf.cast(x, tf.float32) * log_softmax(params)

    def example(self, batch_size: int = 1):
        """Returns rows of the first level, [batch_size, *event_shape]."""
        first = tf.one_hot(tf.zeros([batch_size, *self.event_shape[:-1]], tf.int32), self.event_shape[-1])
        return tf.cast(first, self.observation_dtype)

    def in_support(self, x):
        """Returns whether each entry is in a one-hot row."""
        x = tf.cast(x, tf.float32)
        binary = tf.equal(x, 0.0) | tf.equal(x, 1.0)
        one = tf.equal(tf.reduce_sum(tf.where(binary, x, 2.0), axis=-1, keepdims=True), 1.0)
        return tf.broadcast_to(one, tf.shape(x))

    def of_pixel(self):
        """Raises ValueError, since the entries of a row depend on each other."""
        raise ValueError("Entry by entry, one-hot rows have no likelihood: choose a decoder of whole rows.")
