"""Batch normalization of posterior means to a fixed scale, against collapse."""

import keras
import tensorflow as tf

from rme_tf.core.validation import check_count, check_number


@keras.saving.register_keras_serializable("rme_tf")
class NormalizedMeans(keras.layers.Layer):
    """Batch normalization of posterior means to a fixed standard deviation.

    The first `latent_dim` of the params [N, P] are the means. Over the batch each mean has variance scale^2, so
    KL(q || N(0, I)) is at least D scale^2 / 2 nats on average, and the posterior cannot collapse. The shift is learned.

    Args:
        latent_dim: number of latent dimensions D.
        scale: standard deviation gamma, positive.

    Raises:
        ValueError: if `scale` is not positive, or `latent_dim` is less than 1, as in a family without means.

    References:
        Zhu et al. (2020), https://arxiv.org/abs/2004.12585
    """

    def __init__(self, latent_dim: int, scale: float = 0.6, **kwargs):
        super().__init__(**kwargs)
        self.latent_dim = check_count("latent_dim", latent_dim, remedy="There is no mean to normalize.")
        self.scale = check_number("scale", scale, above=0.0)
        self.normalization = keras.layers.BatchNormalization(scale=False, center=False, epsilon=1e-5)
        self.shift = self.add_weight(name="shift", shape=(self.latent_dim,), initializer="zeros")

    def build(self, input_shape):
        """Builds the normalization of D columns."""
        self.normalization.build((*input_shape[:-1], self.latent_dim))
        self.built = True

    def call(self, params, training=False):
        """Returns params [N, P] with normalized means.

        Args:
            params: params of the posterior. Shape [N, P].
            training: whether statistics of the batch are used; otherwise, moving statistics are used.
        """
        means, others = params[:, : self.latent_dim], params[:, self.latent_dim :]
        means = self.scale * self.normalization(means, training=training) + self.shift
        return tf.concat([means, others], axis=-1)

    def get_config(self):
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "latent_dim": self.latent_dim, "scale": self.scale}


def with_normalized_means(encoder, latent_dim: int, scale: float = 0.6):
    """Returns a Keras model: `encoder` followed by `NormalizedMeans`.

    Args:
        encoder: Keras model x -> params [N, P].
        latent_dim: number of latent dimensions D.
        scale: standard deviation of the means.
    """
    # Without an explicit input, the model would cast token ids to the floats of the dtype policy.
    first = [keras.layers.Input(part.shape[1:], dtype=part.dtype) for part in getattr(encoder, "inputs", None) or []]
    return keras.Sequential([*first, encoder, NormalizedMeans(latent_dim, scale)])
