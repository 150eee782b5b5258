"""Multilayer perceptrons."""

import math

import keras

from rme_tf.core.activations import check_activation
from rme_tf.core.validation import as_shape, check_count, check_sizes
from rme_tf.networks.images import PARAMS_DTYPE, check_weights, last_layers

REMEDY = "Take smaller `units`, or a convolutional network"


def mlp_encoder(input_shape, output_size: int | None, units=(256, 256), activation="relu", name=None):
    """Returns an MLP encoder [N, *input_shape] -> [N, output_size].

    Args:
        input_shape: shape of an observation.
        output_size: size of the output; None leaves out the last layer, and the output is features [N, F].
        units: units of each hidden layer.
        activation: activation of the hidden layers.
        name: name of the model.

    Raises:
        ValueError: if `input_shape` is not positive integers, or takes more than `images.MAX_WEIGHTS`.
    """
    check_sizes("units", units)
    shape = as_shape(input_shape, "The mlp network")
    check_weights(math.prod(shape) * next(iter(units), output_size or 0), shape, "mlp", REMEDY)
    layers = [keras.layers.Input(shape), keras.layers.Flatten()]
    layers += [keras.layers.Dense(size, activation=check_activation(activation)) for size in units]
    return keras.Sequential([*layers, *last_layers(output_size)], name=name)  # created last, as its seed


def mlp_decoder(latent_dim: int, output_shape, units=(256, 256), activation="relu", name=None):
    """Returns an MLP decoder [N, latent_dim] -> [N, *output_shape].

    Args:
        latent_dim: number of latent dimensions D.
        output_shape: shape of the output for one code.
        units: units of each hidden layer.
        activation: activation of the hidden layers.
        name: name of the model.

    Raises:
        ValueError: if `latent_dim` or `output_shape` is not positive integers, or the last layer takes more than
            `images.MAX_WEIGHTS`.
    """
    check_count("latent_dim", latent_dim)
    check_sizes("units", units)
    shape = as_shape(output_shape, "The mlp network")
    check_weights(math.prod(shape) * [latent_dim, *units][-1], shape, "mlp", REMEDY)
    layers = [keras.layers.Input((latent_dim,))]
    layers += [keras.layers.Dense(size, activation=check_activation(activation)) for size in units]
    layers.append(keras.layers.Dense(math.prod(shape), dtype=PARAMS_DTYPE))
    layers.append(keras.layers.Reshape(shape, dtype=PARAMS_DTYPE))
    return keras.Sequential(layers, name=name)
