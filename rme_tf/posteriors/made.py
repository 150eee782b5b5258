"""MADE: an MLP with autoregressive masks."""

import keras
import numpy as np
import tensorflow as tf

from rme_tf.core.validation import check_sizes

MAX_LOG_SCALE = 3.0  # a step scales by no more than exp(3), which float32 can invert


class Made(keras.layers.Layer):
    """Shift and log scale of z_i from its predecessors and a context.

    The outputs are zero before training. It is never called as a layer.

    Args:
        latent_dim: D, number of latent dimensions.
        context_size: C, number of context entries.
        units: sizes of the hidden layers, at least one.
        backwards: whether the order of the entries is D ... 1.

    Raises:
        ValueError: if a size is less than 1, or there is no hidden layer.

    References:
        Germain et al. (2015), https://arxiv.org/abs/1502.03509
    """

    def __init__(self, latent_dim: int, context_size: int, units, backwards: bool = False, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        check_sizes("units", units, empty=False)
        order = np.arange(1, latent_dim + 1)[:: -1 if backwards else 1]
        # A hidden unit of degree k sees the first k entries; of degree 0, the context alone.
        degrees = [order, *(np.arange(size) * latent_dim // size for size in units)]
        self.masks = [
            (below[:, np.newaxis] <= above).astype(np.float32)
            for below, above in zip(degrees, [*degrees[1:], np.tile(order - 1, 2)], strict=True)
        ]
        last = len(self.masks) - 1

        def weight(name, shape, initializer):
            # Densities stay float32 under every dtype policy: the model's own would reach in here.
            return self.add_weight(name=name, shape=shape, initializer=initializer, autocast=False)

        self.kernels = [
            weight(f"kernel_{i}", mask.shape, "zeros" if i == last else "glorot_uniform")
            for i, mask in enumerate(self.masks)
        ]
        self.biases = [weight(f"bias_{i}", mask.shape[1:], "zeros") for i, mask in enumerate(self.masks)]
        self.context_kernel = weight("context_kernel", (context_size, units[0]), "glorot_uniform")
        self.built = True

    def shift_and_log_scale(self, z, context):
        """Returns shift and log scale, [..., D] each.

        Args:
            z: codes that broadcast against the context. Shape [..., D].
            context: Shape [..., C].
        """
        kernels = [kernel.value * mask for kernel, mask in zip(self.kernels, self.masks, strict=True)]
        hidden = tf.tensordot(z, kernels[0], axes=1) + tf.tensordot(context, self.context_kernel.value, axes=1)
        for bias, kernel in zip(self.biases, kernels[1:], strict=False):
            hidden = tf.tensordot(tf.math.tanh(hidden + bias.value), kernel, axes=1)
        hidden += self.biases[-1].value
        shift, raw = tf.split(hidden, 2, axis=-1)
        return shift, MAX_LOG_SCALE * tf.math.tanh(raw / MAX_LOG_SCALE)
