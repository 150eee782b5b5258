"""Multilayer perceptrons."""

import math

import keras

from rme_tf.networks.images import PARAMS_DTYPE


def mlp_encoder(input_shape, output_size: int | None, units=(256, 256), activation="relu", name=None):
    """Returns a Keras model [N, *input_shape] -> [N, output_size]; of None, the features [N, F] before that."""
    layers = [keras.layers.Input(tuple(input_shape)), keras.layers.Flatten()]
    layers += [keras.layers.Dense(size, activation=activation) for size in units]
    last = [] if output_size is None else [keras.layers.Dense(output_size)]
    return keras.Sequential([*layers, *last], name=name)


def mlp_decoder(latent_dim: int, output_shape, units=(256, 256), activation="relu", name=None):
    """Returns a Keras model [N, latent_dim] -> [N, *output_shape]."""
    layers = [keras.layers.Input((latent_dim,))]
    layers += [keras.layers.Dense(size, activation=activation) for size in units]
    layers.append(keras.layers.Dense(math.prod(output_shape), dtype=PARAMS_DTYPE))
    layers.append(keras.layers.Reshape(tuple(output_shape), dtype=PARAMS_DTYPE))
    return keras.Sequential(layers, name=name)
