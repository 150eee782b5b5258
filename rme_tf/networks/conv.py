"""Small strided convolutional networks for images of any size."""

import keras

from rme_tf.core.validation import check_count, check_counts, check_sizes
from rme_tf.networks.images import PARAMS_DTYPE, check_image_shape, check_last_map, cropped, last_layers, small_map


def conv_encoder(input_shape, output_size: int | None, filters=(32, 64), hidden: int = 256, name=None):
    """Returns a strided convolutional encoder [N, H, W, C] -> [N, output_size].

    Args:
        input_shape: (H, W, C).
        output_size: size of the output; None leaves out the last layer, and the output is features [N, hidden].
        filters: number of filters of each 4x4 convolution of stride 2 with ReLU.
        hidden: units of the dense layer after the convolutions.
        name: name of the model.

    Raises:
        ValueError: if `input_shape` is not (height, width, channels), or takes more than `images.MAX_WEIGHTS`.
    """
    check_sizes("filters", filters)
    check_count("hidden", hidden)
    check_image_shape(input_shape, "conv")
    check_last_map(input_shape, filters, hidden, "conv")
    layers = [keras.layers.Input(tuple(input_shape))]
    layers += [keras.layers.Conv2D(size, 4, strides=2, padding="same", activation="relu") for size in filters]
    layers += [keras.layers.Flatten(), keras.layers.Dense(hidden, activation="relu")]
    return keras.Sequential([*layers, *last_layers(output_size)], name=name)


def conv_decoder(latent_dim: int, output_shape, filters=(32, 64), hidden: int = 256, name=None):
    """Returns a decoder [N, latent_dim] -> [N, H, W, C] that mirrors `conv_encoder`.

    Images whose sides the strides do not divide are decoded with a larger size and cropped.

    Args:
        latent_dim: number of latent dimensions D.
        output_shape: (H, W, C).
        filters: number of filters of each convolution in the encoder, in the order of the encoder.
        hidden: units of the first dense layer.
        name: name of the model.

    Raises:
        ValueError: if `output_shape` is not (height, width, channels), or takes more than `images.MAX_WEIGHTS`.
    """
    check_sizes("filters", filters, empty=False)
    check_counts(latent_dim=latent_dim, hidden=hidden)
    channels = check_image_shape(output_shape, "conv")[-1]
    check_last_map(output_shape, filters, hidden, "conv")
    inputs = keras.layers.Input((latent_dim,))
    outputs = keras.layers.Dense(hidden, activation="relu")(inputs)
    outputs = small_map(outputs, output_shape, 2 ** len(filters), filters[-1])
    for size in reversed(filters[:-1]):
        outputs = keras.layers.Conv2DTranspose(size, 4, strides=2, padding="same", activation="relu")(outputs)
    outputs = keras.layers.Conv2DTranspose(channels, 4, strides=2, padding="same", dtype=PARAMS_DTYPE)(outputs)
    return keras.Model(inputs, cropped(outputs, output_shape), name=name)
