"""An LSTM VAE in plain Keras, as a baseline of timings."""

import keras
import tensorflow as tf

from rme_tf.core.types import BOS, PAD


class PlainLSTMVAE(keras.Model):
    """LSTM VAE with one diagonal Gaussian, equal to `VAE` with networks "lstm".

    Args:
        vocabulary_size: number of tokens V.
        latent_dim: number of latent dimensions D.
        units: size of both LSTMs.
        embedding_size: size of the embedding of a token.
    """

    def __init__(self, *, vocabulary_size: int, latent_dim: int, units: int, embedding_size: int):
        super().__init__()
        self.read = keras.layers.Embedding(vocabulary_size, embedding_size, mask_zero=True)
        self.encoder = keras.layers.LSTM(units)
        self.moments = keras.layers.Dense(2 * latent_dim)
        self.embedding = keras.layers.Embedding(vocabulary_size, embedding_size)
        self.state = keras.layers.Dense(2 * units)
        self.decoder = keras.layers.LSTM(units, return_sequences=True)
        self.logits = keras.layers.Dense(vocabulary_size)
        self.seeds = keras.random.SeedGenerator()

    def encode(self, x):
        """Returns mean and scale [B, D] of q(z|x), for tokens [B, T]."""
        mean, raw = tf.split(self.moments(self.encoder(self.read(x))), 2, axis=-1)
        return mean, tf.math.softplus(raw)

    def decode(self, z, x):
        """Returns logits [B, T, V] of x, given z [B, D]."""
        previous = tf.pad(x[:, :-1], [[0, 0], [1, 0]], constant_values=BOS)
        embedded = self.embedding(previous)
        repeated = tf.repeat(z[:, tf.newaxis], tf.shape(x)[1], axis=1)
        cell, hidden = tf.split(self.state(z), 2, axis=-1)
        joined = tf.concat([embedded, repeated], axis=-1)
        return self.logits(self.decoder(joined, initial_state=[tf.tanh(hidden), cell]))

    def terms(self, x, z, mean, scale):
        """Returns log p(x|z) and KL(q || N(0, I)), each [B], in nats."""
        losses = keras.losses.sparse_categorical_crossentropy(x, self.decode(z, x), from_logits=True)
        log_lik = -tf.reduce_sum(tf.where(tf.equal(x, PAD), 0.0, losses), axis=-1)
        return log_lik, 0.5 * tf.reduce_sum(mean**2 + scale**2 - 1.0 - 2.0 * tf.math.log(scale), axis=-1)

    def call(self, x):
        """Returns mean and scale of q(z|x), having built the decoder."""
        mean, scale = self.encode(x)
        self.decode(mean, x)
        return mean, scale

    def train_step(self, x):
        """Takes a step of the optimizer, and returns the loss."""
        with tf.GradientTape() as tape:
            mean, scale = self.encode(x)
            z = mean + scale * keras.random.normal(tf.shape(mean), seed=self.seeds)
            log_lik, kl = self.terms(x, z, mean, scale)
            loss = tf.reduce_mean(kl - log_lik)
        self.optimizer.apply(tape.gradient(loss, self.trainable_variables), self.trainable_variables)
        return {"loss": loss}
