"""Builds the networks of a VAE from names, and checks that networks of the user's own fit."""

import numbers

import keras

from rme_tf.networks import DECODERS, ENCODERS, mlp_encoder, with_normalized_means
from rme_tf.registry import lookup


def check_output(network, dummy, expected, name: str) -> None:
    """Calls a network on a dummy batch of one, which builds it; raises ValueError if its output does not fit."""
    shape = tuple(network(dummy).shape)[1:]
    fits = len(shape) == len(expected) and all(w in (None, s) for s, w in zip(shape, expected, strict=True))
    if not fits:
        received = keras.tree.map_structure(lambda tensor: tuple(tensor.shape[1:]), dummy)
        raise ValueError(
            f"The {name} must turn inputs of shape {received} into outputs of shape {tuple(expected)}. "
            f"Received: {shape}."
        )


def is_autoregressive(decoder) -> bool:
    """Returns whether a decoder takes [z, x]: it says so, or is a functional model of two inputs."""
    inputs = getattr(decoder, "inputs", None)
    return getattr(decoder, "autoregressive", isinstance(inputs, list) and len(inputs) == 2)


def decoder_example(decoder, latent_dim: int, likelihood):
    """Returns inputs for a decoder, a batch of one: z, or [z, x]."""
    z = keras.ops.zeros([1, latent_dim])
    return [z, likelihood.example()] if is_autoregressive(decoder) else z


def fresh_copy(network):
    """Returns a Keras model of the same configuration with new weights."""
    return type(network).from_config(network.get_config())


def as_encoders(encoders, num_components=None) -> list:
    """Returns the list of M encoders: the given list, or M fresh copies of one network.

    Raises:
        ValueError: if M is less than 1 or does not agree with the list.
    """
    check_num_components(num_components)
    if isinstance(encoders, keras.Layer):
        return [encoders, *(fresh_copy(encoders) for _ in range((num_components or 1) - 1))]
    encoders = list(encoders)
    if len(encoders) != (num_components or len(encoders)) or not encoders:
        raise ValueError(
            f"Expected one encoder for each of {num_components or 'one or more'} components. Received: {len(encoders)}."
        )
    if len({id(encoder) for encoder in encoders}) < len(encoders):
        raise ValueError("Every component needs an encoder of its own. Received the same object more than once.")
    check_weights_apart(encoders)
    return encoders


def check_weights_apart(encoders) -> None:
    """Raises ValueError if two encoders share a weight: Keras would save them, but not load them again."""
    owners: dict[int, int] = {}
    for m, encoder in enumerate(encoders):
        for variable in encoder.weights:
            if owners.setdefault(id(variable), m) != m:
                raise ValueError(
                    "Every component needs weights of its own: shared ones would not load again. "
                    f"Received: {variable.path} in encoders {owners[id(variable)]} and {m}."
                )


def check_num_components(num_components) -> None:
    """Raises ValueError unless M is an integer of at least 1, or None."""
    if num_components is None:
        return
    if not isinstance(num_components, numbers.Integral) or int(num_components) < 1:
        raise ValueError(f"`num_components` must be an integer of at least 1. Received: {num_components!r}.")


def build_networks(
    encoder, decoder, *, posterior, likelihood, num_components, mixing, encoder_options, decoder_options
) -> dict:
    """Returns `encoders`, `decoder` and `mixing_network` (None unless the weights are learned).

    The mixing network is built like the encoders where they have a name, and as an MLP where not. Beside the
    builder's own, `encoder_options` may have `mean_scale`: see `networks.NormalizedMeans`.
    """

    def encoder_like(output_size, name):
        build = lookup(ENCODERS, encoder, "encoder")
        options = {**likelihood.network_options, **encoder_options}
        return build(likelihood.event_shape, output_size, name=name, **options)

    for kind, network, options in (("encoder", encoder, encoder_options), ("decoder", decoder, decoder_options)):
        if options and not isinstance(network, str):
            raise ValueError(
                f"`{kind}_options` are for a network that is built by name. Received: {options} and a ready {kind}."
            )
    encoder_options = dict(encoder_options)
    mean_scale = encoder_options.pop("mean_scale", None)
    encoders = encoder
    if isinstance(encoder, str):
        encoders = [encoder_like(posterior.num_params, f"encoder_{m}") for m in range(num_components)]
    if mean_scale is not None:
        encoders = [with_normalized_means(each, posterior.latent_dim, mean_scale) for each in encoders]
    if isinstance(decoder, str):
        build = lookup(DECODERS, decoder, "decoder")
        options = {**likelihood.network_options, **decoder_options}
        decoder = build(posterior.latent_dim, likelihood.params_shape, name="decoder", **options)
    mixing_network = None
    if mixing.learned and num_components > 1:
        if isinstance(encoder, str):
            mixing_network = encoder_like(num_components - 1, "mixing_network")
        else:
            mixing_network = mlp_encoder(likelihood.event_shape, num_components - 1, name="mixing_network")
    return {"encoders": encoders, "decoder": decoder, "mixing_network": mixing_network}
