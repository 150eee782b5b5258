"""Gated convolutional networks: layers multiplied by sigmoid gates."""

import keras

from rme_tf.core.validation import check_counts, check_sizes
from rme_tf.networks.images import PARAMS_DTYPE, check_image_shape, check_last_map, cropped, last_layers, small_map


def gated_conv_encoder(
    input_shape, output_size: int | None, filters=(32, 64), kernel_size: int = 5, hidden: int = 256, name=None
):
    """Returns a gated convolutional encoder [N, H, W, C] -> [N, output_size].

    Each entry of `filters` gives a gated convolution of stride 1 and one of stride 2. A last gated convolution of
    stride 1 and a gated dense layer follow.

    Args:
        input_shape: (H, W, C).
        output_size: size of the output; None leaves out the last layer, and the output is features [N, hidden].
        filters: number of filters of each pair of convolutions.
        kernel_size: pixels on a side of the kernels.
        hidden: units of the gated dense layer.
        name: name of the model.

    Raises:
        ValueError: if `input_shape` is not (height, width, channels), or takes more than `images.MAX_WEIGHTS`.

    References:
        van den Berg et al. (2018), https://arxiv.org/abs/1803.05649
    """
    check_sizes("filters", filters, empty=False)
    check_counts(kernel_size=kernel_size, hidden=hidden)
    check_image_shape(input_shape, "gated_conv")
    check_last_map(input_shape, filters, 2 * hidden, "gated_conv")
    inputs = keras.layers.Input(tuple(input_shape))
    outputs = inputs
    for size in filters:
        for strides in (1, 2):
            outputs = _gated(keras.layers.Conv2D, outputs, size, kernel_size, strides=strides, padding="same")
    outputs = _gated(keras.layers.Conv2D, outputs, filters[-1], kernel_size, padding="same")
    outputs = _gated(keras.layers.Dense, keras.layers.Flatten()(outputs), hidden)
    for layer in last_layers(output_size):
        outputs = layer(outputs)
    return keras.Model(inputs, outputs, name=name)


def gated_conv_decoder(latent_dim: int, output_shape, filters=(32, 64), kernel_size: int = 5, name=None):
    """Returns a decoder [N, latent_dim] -> [N, H, W, C] that mirrors `gated_conv_encoder`.

    The decoder of van den Berg et al. differs in two places: its first layer is a gated transposed convolution of the
    code, here a dense layer without a gate; and its first layer of stride 2 has 32 filters, as many as the next stage,
    here 64, as many as the current stage.

    Args:
        latent_dim: number of latent dimensions D.
        output_shape: (H, W, C).
        filters: number of filters of each pair of convolutions in the encoder, in the order of the encoder.
        kernel_size: pixels on a side of the kernels.
        name: name of the model.

    Raises:
        ValueError: if `output_shape` is not (height, width, channels), or takes more than `images.MAX_WEIGHTS`.

    References:
        van den Berg et al. (2018), https://arxiv.org/abs/1803.05649
    """
    check_sizes("filters", filters, empty=False)
    check_counts(latent_dim=latent_dim, kernel_size=kernel_size)
    channels = check_image_shape(output_shape, "gated_conv")[-1]
    check_last_map(output_shape, filters, latent_dim, "gated_conv")
    inputs = keras.layers.Input((latent_dim,))
    outputs = small_map(inputs, output_shape, 2 ** len(filters), filters[-1], activation=None)
    for size in reversed(filters):
        for strides in (1, 2):
            outputs = _gated(keras.layers.Conv2DTranspose, outputs, size, kernel_size, strides=strides, padding="same")
    outputs = _gated(keras.layers.Conv2DTranspose, outputs, filters[0], kernel_size, padding="same")
    outputs = keras.layers.Conv2D(channels, 1, dtype=PARAMS_DTYPE)(outputs)
    return keras.Model(inputs, cropped(outputs, output_shape), name=name)


def _gated(layer, inputs, *args, **kwargs):
    """Returns the outputs of a layer, multiplied by the sigmoid of a second layer of its type."""
    gate = layer(*args, activation="sigmoid", **kwargs)(inputs)
    return keras.layers.Multiply()([layer(*args, **kwargs)(inputs), gate])
