"""Categorical likelihood of token sequences."""

from collections.abc import Callable

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from rme_tf.core.types import PAD
from rme_tf.core.validation import check_count
from rme_tf.likelihoods.base import Likelihood
from rme_tf.likelihoods.softmax import token_log_prob


@keras.saving.register_keras_serializable("rme_tf")
class CategoricalSequence(Likelihood):
    """A categorical over the vocabulary at each token, without padding.

    An observation is a row of token ids: its tokens, then one EOS, then PAD on the right. The decoder returns F
    features for a token, and this layer computes V logits from them. If [S, B, M, T, V] logits do not fit in memory,
    the softmax is computed in chunks of rows, and again for the gradient.

    Args:
        event_shape: (T,), where None is any length.
        vocabulary_size: number of ids V.
        features: size F of the decoder's output for one token.
        tied: whether the logits use the decoder's embeddings, `decoder.embedding`, with F columns.

    Raises:
        ValueError: if a size is less than 1, or the decoder has no embeddings to share.
    """

    parts = "tokens"
    values = "tokens"
    any_length = True
    observation_dtype = tf.int32

    def __init__(self, event_shape=(None,), *, vocabulary_size: int, features: int = 256, tied: bool = False, **kwargs):
        super().__init__(event_shape, **kwargs)
        self.vocabulary_size = check_count("vocabulary_size", vocabulary_size)
        self.features = check_count("features", features)
        self.tied = bool(tied)
        self.bias = self.add_weight(name="bias", shape=(self.vocabulary_size,), initializer="zeros")
        if not tied:
            shape = (self.vocabulary_size, self.features)
            self.table = self.add_weight(name="table", shape=shape, initializer="glorot_uniform")
        self.support = f"rows of token ids from 1 to {vocabulary_size - 1}, with {PAD} after the last one alone"
        self._decoder_table: Callable | None = None

    @property
    def params_shape(self):
        """F features for each token."""
        return (*self.event_shape, self.features)

    @property
    def network_options(self):
        """Arguments for the builders of networks."""
        return {"vocabulary_size": self.vocabulary_size}

    def bind(self, decoder):
        """Uses the decoder's embeddings for the logits, if tied."""
        if not self.tied:
            return
        embeddings = getattr(getattr(decoder, "embedding", None), "embeddings", None)
        shape = (self.vocabulary_size, self.features)
        if embeddings is None or tuple(embeddings.shape) != shape:
            received = "none" if embeddings is None else tuple(embeddings.shape)
            raise ValueError(f"Tied logits need `decoder.embedding`, with embeddings {shape}. Received: {received}.")
        self._decoder_table = lambda: embeddings  # in a function, so that Keras does not count the weight twice

    def _logit_weights(self):
        table = self.table if self._decoder_table is None else self._decoder_table()
        return tf.convert_to_tensor(table), tf.convert_to_tensor(self.bias)

    def logits(self, params):
        """Returns logits [..., V] for features [..., F]."""
        table, bias = self._logit_weights()
        return tf.einsum("...f,vf->...v", tf.cast(params, tf.float32), table) + bias

    def distribution(self, params):
        """Returns T independent categoricals, for params [..., T, F].

        Unlike in `log_prob`, padding counts.
        """
        return tfp.distributions.Independent(tfp.distributions.Categorical(logits=self.logits(params)), 1)

    def token_log_probs(self, params, x):
        """Returns log p(x_t | ...) [..., T], in nats, zero at padding.

        Args:
            params: decoder outputs. Shape [..., T, F].
            x: token ids. Shape [..., T].
        """
        shape = tf.broadcast_dynamic_shape(tf.shape(params)[:-1], tf.shape(x))
        tokens = tf.broadcast_to(x, shape)
        rows = tf.reshape(tf.cast(params, tf.float32), [-1, self.features])
        values = token_log_prob(rows, tf.reshape(tokens, [-1]), *self._logit_weights())
        return tf.where(tf.equal(tokens, PAD), 0.0, tf.reshape(values, shape))

    def entry_log_prob(self, params, x):
        """Returns `token_log_probs`, which are zero at padding."""
        return self.token_log_probs(params, x)

    def log_prob(self, params, x):
        """Returns log p(x|z) [...], in nats, without padding."""
        return tf.reduce_sum(self.token_log_probs(params, x), axis=-1)  # tokens

    def in_support(self, x):
        """Returns whether each entry is a token, or padding at the end."""
        x = tf.convert_to_tensor(x)
        tokens = tf.cast(x, tf.int32)
        is_pad = tf.equal(tokens, PAD)
        later = tf.cumsum(tf.cast(~is_pad, tf.int32), axis=-1, reverse=True)  # tokens from here on
        total = later[..., :1]
        known = (tokens >= 0) & (tokens < self.vocabulary_size) & tf.equal(tf.cast(tokens, x.dtype), x)
        return known & ~(is_pad & (later > 0)) & (total > 0)

    def example(self, batch_size: int = 1):
        """Returns a batch in the support, int32 [batch_size, T]."""
        return tf.ones([batch_size, self.event_shape[0] or 2], tf.int32)

    def get_config(self):
        """Returns the arguments of the constructor."""
        sizes = {"vocabulary_size": self.vocabulary_size, "features": self.features, "tied": self.tied}
        return {**super().get_config(), **sizes}
