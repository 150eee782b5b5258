"""Categorical likelihood of pixels with 256 levels."""

import keras
import tensorflow as tf

from rme_tf.likelihoods.levels import LEVELS, LevelDistribution, Levels, log_softmax


@keras.saving.register_keras_serializable("rme_tf")
class CategoricalPixels(Levels):
    """Independent categorical pixels over 256 levels, with logits as params.

    References:
        van den Oord et al. (2016), https://arxiv.org/abs/1601.06759
    """

    unconstrained = "logits"

    @property
    def params_shape(self):
        """256 logits for each entry of x."""
        return self.widened(LEVELS)

    def distribution(self, params):
        """Returns the distribution over levels, batch [...], event `event_shape`."""
        return LevelDistribution(
            params,
            event_shape=self.event_shape,
            num_params_axes=len(self.params_shape),
            log_prob=self._log_prob_of_pixels,
            draw=self._draw,
            mean=self._mean,
        )

    def _logits(self, params):
        """Returns logits [..., *event_shape, 256]."""
        shape = tf.concat([tf.shape(params)[:-1], [self.event_shape[-1], LEVELS]], axis=0)
        return tf.reshape(params, shape)

    def _log_prob_of_pixels(self, params, x):
        return tf.reduce_sum(self.entry_log_prob(params, x), axis=self.event_axes)

    def entry_log_prob(self, params, x):
        """Returns log p(x_i|z) of each entry. See `Likelihood`."""
        x = tf.cast(x, tf.float32)
        logits = self._logits(params)
        level = tf.cast(tf.round(x * (LEVELS - 1)), tf.int32)
        static = tf.broadcast_static_shape(logits.shape[:-1], level.shape)
        shape = tf.broadcast_dynamic_shape(tf.shape(logits)[:-1], tf.shape(level))
        logits = tf.reshape(tf.broadcast_to(logits, tf.concat([shape, [LEVELS]], axis=0)), [-1, LEVELS])
        # Only the logits have an axis of levels.
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.reshape(tf.broadcast_to(level, shape), [-1]), logits)
        return -tf.ensure_shape(tf.reshape(losses, shape), static)

    def _mean(self, params):
        levels = tf.range(LEVELS, dtype=tf.float32) / (LEVELS - 1)
        return tf.reduce_sum(tf.exp(log_softmax(self._logits(params))) * levels, axis=-1)

    def _draw(self, params, seed):
        logits = self._logits(params)
        level = tf.random.stateless_categorical(tf.reshape(logits, [-1, LEVELS]), 1, seed)
        return tf.reshape(tf.cast(level, tf.float32), tf.shape(logits)[:-1]) / (LEVELS - 1)
