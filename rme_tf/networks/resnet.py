"""Residual convolutional networks without batch normalization."""

import keras

from rme_tf.core.validation import check_count, check_counts, check_sizes
from rme_tf.networks.images import PARAMS_DTYPE, check_image_shape, check_last_map, cropped, last_layers, small_map


def resnet_encoder(
    input_shape, output_size: int | None, filters=(32, 64), blocks: int = 1, hidden: int = 256, name=None
):
    """Returns a residual encoder [N, H, W, C] -> [N, output_size].

    Each entry of `filters` gives a convolution of stride 2 and `blocks` residual blocks of two 3x3 convolutions. There
    is no batch normalization, so that rows of a batch stay independent.

    Args:
        input_shape: (H, W, C).
        output_size: size of the output; None leaves out the last layer, and the output is features [N, hidden].
        filters: number of filters at each resolution.
        blocks: number of residual blocks at each resolution.
        hidden: units of the dense layer after the convolutions.
        name: name of the model.

    Raises:
        ValueError: if `input_shape` is not (height, width, channels), or takes more than `images.MAX_WEIGHTS`.

    References:
        He et al. (2016), https://arxiv.org/abs/1603.05027; for the zero initial weights of the last layer of a block,
        Zhang et al. (2019), https://arxiv.org/abs/1901.09321
    """
    check_sizes("filters", filters, empty=False)
    check_count("blocks", blocks, 0)
    check_count("hidden", hidden)
    check_image_shape(input_shape, "resnet")
    check_last_map(input_shape, filters, hidden, "resnet")
    inputs = keras.layers.Input(tuple(input_shape))
    outputs = keras.layers.Conv2D(filters[0], 3, padding="same")(inputs)
    for size in filters:
        outputs = keras.layers.Conv2D(size, 3, strides=2, padding="same")(outputs)
        for _ in range(blocks):
            outputs = _block(outputs, size)
    outputs = keras.layers.Flatten()(keras.layers.Activation("swish")(outputs))
    outputs = keras.layers.Dense(hidden, activation="swish")(outputs)
    for layer in last_layers(output_size):
        outputs = layer(outputs)
    return keras.Model(inputs, outputs, name=name)


def resnet_decoder(latent_dim: int, output_shape, filters=(32, 64), blocks: int = 1, hidden: int = 256, name=None):
    """Returns a decoder [N, latent_dim] -> [N, H, W, C] that mirrors `resnet_encoder`.

    Args:
        latent_dim: number of latent dimensions D.
        output_shape: (H, W, C).
        filters: number of filters at each resolution, in the order of the encoder.
        blocks: number of residual blocks at each resolution.
        hidden: units of the first dense layer.
        name: name of the model.

    Raises:
        ValueError: if `output_shape` is not (height, width, channels), or takes more than `images.MAX_WEIGHTS`.
    """
    check_sizes("filters", filters, empty=False)
    check_count("blocks", blocks, 0)
    check_counts(latent_dim=latent_dim, hidden=hidden)
    channels = check_image_shape(output_shape, "resnet")[-1]
    check_last_map(output_shape, filters, hidden, "resnet")
    inputs = keras.layers.Input((latent_dim,))
    outputs = keras.layers.Dense(hidden, activation="swish")(inputs)
    outputs = small_map(outputs, output_shape, 2 ** len(filters), filters[-1], activation=None)
    for size in reversed(filters):
        outputs = keras.layers.Conv2D(size, 3, padding="same")(outputs)
        for _ in range(blocks):
            outputs = _block(outputs, size)
        outputs = keras.layers.UpSampling2D()(outputs)
    outputs = keras.layers.Activation("swish")(outputs)
    outputs = keras.layers.Conv2D(channels, 3, padding="same", dtype=PARAMS_DTYPE)(outputs)
    return keras.Model(inputs, cropped(outputs, output_shape), name=name)


def _block(inputs, filters: int):
    """Returns inputs + f(inputs), where f is zero for the initial weights."""
    outputs = keras.layers.Activation("swish")(inputs)
    outputs = keras.layers.Conv2D(filters, 3, padding="same", activation="swish")(outputs)
    outputs = keras.layers.Conv2D(filters, 3, padding="same", kernel_initializer="zeros")(outputs)
    return keras.layers.Add()([inputs, outputs])
