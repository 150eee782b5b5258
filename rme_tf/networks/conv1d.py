"""Small strided convolutional networks for signals of any length."""

import keras

from rme_tf.core.validation import check_count
from rme_tf.networks.images import PARAMS_DTYPE, cropped, last_layers, small_map
from rme_tf.networks.signals import check_signal_shape, check_strided, has_one_channel


def conv1d_encoder(
    input_shape,
    output_size: int | None,
    filters=(32, 64),
    kernel_size: int = 4,
    strides: int = 2,
    hidden: int = 256,
    name=None,
):
    """Returns a strided convolutional encoder of signals [N, T, C] -> [N, output_size].

    Args:
        input_shape: (T, C), steps and channels, or (T,) for one channel.
        output_size: size of the output; None leaves out the last layer, and the output is features [N, hidden].
        filters: number of filters of each convolution with ReLU.
        kernel_size: steps of the kernels, at least `strides`.
        strides: stride of each convolution, which divides the steps, rounded up.
        hidden: units of the dense layer after the convolutions.
        name: name of the model.

    Raises:
        ValueError: if `input_shape` is no such shape, or takes more than `images.MAX_WEIGHTS`.
    """
    shape = check_signal_shape(input_shape, "conv1d")
    check_strided(shape, filters, kernel_size=kernel_size, strides=strides, hidden=hidden, network="conv1d")
    layers = [keras.layers.Input(input_shape)]
    layers += [keras.layers.Reshape(shape)] if has_one_channel(input_shape) else []
    layers += [
        keras.layers.Conv1D(size, kernel_size, strides=strides, padding="same", activation="relu") for size in filters
    ]
    layers += [keras.layers.Flatten(), keras.layers.Dense(hidden, activation="relu")]
    return keras.Sequential([*layers, *last_layers(output_size)], name=name)


def conv1d_decoder(
    latent_dim: int,
    output_shape,
    filters=(32, 64),
    kernel_size: int = 4,
    strides: int = 2,
    hidden: int = 256,
    name=None,
):
    """Returns a decoder [N, latent_dim] -> [N, T, C] that mirrors `conv1d_encoder`.

    Signals whose steps the strides do not divide are decoded with more steps and cut.

    Args:
        latent_dim: number of latent dimensions D.
        output_shape: (T, C), steps and params of a step, or (T,) for one.
        filters: number of filters of each convolution in the encoder, in the order of the encoder.
        kernel_size: steps of the kernels, at least `strides`; a multiple of it treats all steps alike.
        strides: stride of each convolution.
        hidden: units of the first dense layer.
        name: name of the model.

    Raises:
        ValueError: if `output_shape` is no such shape, or takes more than `images.MAX_WEIGHTS`.
    """
    check_count("latent_dim", latent_dim)
    shape = check_signal_shape(output_shape, "conv1d")
    options = {"kernel_size": kernel_size, "strides": strides}
    check_strided(shape, filters, **options, hidden=hidden, network="conv1d", empty=False)
    inputs = keras.layers.Input((latent_dim,))
    outputs = keras.layers.Dense(hidden, activation="relu")(inputs)
    outputs = small_map(outputs, shape, strides ** len(filters), filters[-1])
    arguments = {**options, "padding": "same"}
    for size in reversed(filters[:-1]):
        outputs = keras.layers.Conv1DTranspose(size, activation="relu", **arguments)(outputs)
    outputs = keras.layers.Conv1DTranspose(shape[-1], dtype=PARAMS_DTYPE, **arguments)(outputs)
    outputs = cropped(outputs, shape)
    if has_one_channel(output_shape):
        outputs = keras.layers.Reshape(shape[:1], dtype=PARAMS_DTYPE)(outputs)
    return keras.Model(inputs, outputs, name=name)
