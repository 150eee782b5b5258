"""Sizes of codes and observations, from the networks of a VAE."""

import keras

from rme_tf.core.registry import missing_arguments
from rme_tf.models.compatibility import input_shapes, is_autoregressive


def code_size(decoder) -> int | None:
    """Returns D, the size of a decoder's first input, or None."""
    named_size = getattr(decoder, "config", {}).get("latent_dim")  # of an autoregressive decoder of the library
    shapes = input_shapes(decoder)
    fits = len(shapes) == 1 + is_autoregressive(decoder) and len(shapes[0]) == 1
    return named_size or (shapes[0][0] if fits else None)


def observation_shape(networks) -> tuple | None:
    """Returns the input shape of the trunk or first encoder, or None.

    Args:
        networks: dict of "encoders" and "trunk".
    """
    shapes = input_shapes(reader(networks)[1])
    return shapes[0] if len(shapes) == 1 else None


def reader(networks) -> tuple:
    """Returns the name of the trunk or first encoder, and the network.

    Args:
        networks: dict of "encoders" and "trunk".
    """
    trunk, encoders = networks["trunk"], networks["encoders"]
    network = getattr(trunk, "network", trunk)  # inside of a `ComponentNetwork`
    if network is not None:
        return "trunk", network
    return "encoder", encoders[0] if isinstance(encoders, list | tuple) and encoders else encoders


def likelihood_of_output(build, decoder):
    """Returns the likelihood that fits a decoder's output, or None.

    Its params and its observations have the shape of the output.

    Args:
        build: class of the likelihood.
        decoder: Keras model with a known output shape, or any other.
    """
    shape = getattr(decoder, "output_shape", None)
    shape = shape[1:] if isinstance(shape, tuple) else (None,)
    if missing_arguments(build, {"event_shape"}) or not all(isinstance(size, int) for size in shape):
        return None
    try:
        likelihood = build(event_shape=shape)
        return likelihood if likelihood.params_shape == shape else None
    except ValueError:  # for a shape that observations of this likelihood do not have
        return None


def remedy_for(name: str, network, example: str) -> str:
    """Returns the remedy for a network without an input shape, or "".

    Args:
        name: name of the network.
        network: Keras model, or any other object.
        example: arguments of a call in Python.
    """
    if not isinstance(network, keras.Layer) or network.built or is_autoregressive(network):
        return ""
    return f" The {name} has no input shape yet: call it once, `{name}({example})`."
