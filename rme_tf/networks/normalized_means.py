"""Means of a posterior that cannot all be the same: batch normalisation at a fixed scale."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("rme_tf")
class NormalizedMeans(keras.layers.Layer):
    """Batch-normalises the first `latent_dim` params [N, P], the means, to a fixed standard deviation.

    Over the batch each mean then has variance scale^2, so that KL(q || N(0, I)) is at least D scale^2 / 2 nats on
    average, and the posterior cannot collapse. The shift is learned.

    Args:
        latent_dim: D.
        scale: the standard deviation, gamma. Positive.

    Raises:
        ValueError: if `scale` is not positive, or `latent_dim` less than 1: a family of no means at all.

    References:
        Zhu et al. (2020), https://arxiv.org/abs/2004.12585
    """

    def __init__(self, latent_dim: int, scale: float = 0.6, **kwargs):
        super().__init__(**kwargs)
        if latent_dim < 1:
            raise ValueError(f"There must be a mean to normalise. Received: {latent_dim} means among the params.")
        if not 0.0 < scale < float("inf"):
            raise ValueError(f"`scale` must be positive and finite. Received: {scale}.")
        self.latent_dim, self.scale = int(latent_dim), float(scale)
        self.normalization = keras.layers.BatchNormalization(scale=False, center=False, epsilon=1e-5)
        self.shift = self.add_weight(name="shift", shape=(self.latent_dim,), initializer="zeros")

    def build(self, input_shape):
        """Builds the normalisation of D columns."""
        self.normalization.build((*input_shape[:-1], self.latent_dim))
        self.built = True

    def call(self, params, training=False):
        """Returns params [N, P] with the means normalised; by the moving statistics outside of training."""
        means, others = params[:, : self.latent_dim], params[:, self.latent_dim :]
        means = self.scale * self.normalization(means, training=training) + self.shift
        return tf.concat([means, others], axis=-1)

    def get_config(self):
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "latent_dim": self.latent_dim, "scale": self.scale}


def with_normalized_means(encoder, latent_dim: int, scale: float = 0.6):
    """Returns a Keras model: `encoder` followed by `NormalizedMeans`."""
    # Without an input of its own it would cast token ids to the floats of the dtype policy.
    first = [keras.layers.Input(each.shape[1:], dtype=each.dtype) for each in getattr(encoder, "inputs", None) or []]
    return keras.Sequential([*first, encoder, NormalizedMeans(latent_dim, scale)])
