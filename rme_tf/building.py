"""Builds the networks of a VAE from names, and checks that networks of the user's own fit."""

import numbers

import keras

from rme_tf.likelihoods import LIKELIHOODS, Likelihood
from rme_tf.networks import DECODERS, ENCODERS, mlp_encoder, with_normalized_means
from rme_tf.posteriors import MIXINGS, POSTERIORS, Mixing, PosteriorFamily
from rme_tf.priors import PRIORS, Prior
from rme_tf.registry import instantiate, lookup

KINDS: dict[str, tuple] = {
    "posterior": (POSTERIORS, PosteriorFamily),
    "likelihood": (LIKELIHOODS, Likelihood),
    "mixing": (MIXINGS, Mixing),
    "prior": (PRIORS, Prior),
}


def choose_parts(choices, **options) -> dict:
    """Returns the parts of a VAE that are no networks, by kind: names are looked up, instances pass.

    Args:
        choices: kind, of `KINDS` -> name or instance.
        **options: kind -> dict of arguments of what has a name.

    Raises:
        ValueError: for an unknown name; the message lists the choices.
    """
    return {
        kind: instantiate(table, choices[kind], kind, base=base, **options.get(kind, {}))
        for kind, (table, base) in KINDS.items()
    }


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
    check_weights_apart(named(encoders))
    return encoders


def check_weights_apart(networks: dict) -> None:
    """Raises ValueError if two networks, by name, share a weight: Keras would save it, but not load it again."""
    owners: dict[int, str] = {}
    for name, network in networks.items():
        for variable in network.weights:
            owner = owners.setdefault(id(variable), name)
            if owner != name:
                raise ValueError(
                    "Every network needs weights of its own: shared ones would not load again. What all components "
                    f"share is the `trunk`. Received: {variable.path} in {owner} and {name}."
                )


def named(encoders) -> dict:
    """Returns the encoders by the names that messages give them."""
    return {f"encoder {m}": encoder for m, encoder in enumerate(encoders)}


def check_parts(model) -> None:
    """Builds the networks of a `VAE`; raises ValueError if they do not fit its distributions or each other."""
    dummy = model.likelihood.example()
    networks = named(model.encoders)
    features = dummy if model.trunk is None else features_of(model.trunk, dummy)
    for name, encoder in networks.items():
        check_output(encoder, features, (model.posterior_family.num_params,), name)
    inputs = decoder_example(model.decoder, model.latent_dim, model.likelihood)
    check_output(model.decoder, inputs, model.likelihood.params_shape, "decoder")
    if model.prior.latent_dim != model.latent_dim:
        raise ValueError(
            f"Prior and posterior must agree in `latent_dim`. Expected {model.latent_dim}. "
            f"Received: {model.prior.latent_dim}."
        )
    if model.mixing.learned and model.num_components > 1:
        if model.mixing_network is None:
            raise ValueError("Learned mixing weights need a `mixing_network` [B, ...] -> [B, M-1]. Received: None.")
        check_output(model.mixing_network, features, (model.num_components - 1,), "mixing network")
        networks["mixing network"] = model.mixing_network
    if model.trunk is not None:
        networks["trunk"] = model.trunk
    check_weights_apart(networks)  # late: some have been built just now


def features_of(trunk, dummy):
    """Returns the features of a dummy batch of one; raises ValueError if the trunk is no network with one output."""
    if not isinstance(trunk, keras.Layer):
        raise ValueError(f"`trunk` must be a Keras model, observations -> features. Received: {trunk!r}.")
    features = trunk(dummy)
    if not keras.ops.is_tensor(features):
        raise ValueError(f"`trunk` must have one output, a tensor [B, ...]. Received: {type(features).__name__}.")
    return features


def check_num_components(num_components) -> None:
    """Raises ValueError unless M is an integer of at least 1, or None."""
    if num_components is None:
        return
    if not isinstance(num_components, numbers.Integral) or int(num_components) < 1:
        raise ValueError(f"`num_components` must be an integer of at least 1. Received: {num_components!r}.")


def count_components(encoder, num_components=None) -> int:
    """Returns M: the number that is given, else the length of a list of encoders, else 1."""
    check_num_components(num_components)
    if num_components is not None:
        return num_components
    return len(encoder) if isinstance(encoder, list | tuple) else 1


def build_networks(
    encoder, decoder, *, trunk, posterior, likelihood, num_components, mixing, encoder_options, decoder_options
) -> dict:
    """Returns `encoders`, `trunk`, `decoder` and `mixing_network` (None unless the weights are learned).

    The mixing network is built like the encoders where they have a name, as one layer on the features of a trunk,
    and as an MLP else. Beside the builder's own, `encoder_options` may have `mean_scale`: see
    `networks.NormalizedMeans`.
    """
    check_ready(encoder, decoder, trunk, encoder_options, decoder_options)
    encoder_options = dict(encoder_options)
    mean_scale = encoder_options.pop("mean_scale", None)

    def encoder_like(output_size, name):
        build = lookup(ENCODERS, encoder, "encoder")
        options = {**likelihood.network_options, **encoder_options}
        return build(likelihood.event_shape, output_size, name=name, **options)

    def last_layer(output_size, name):
        return keras.layers.Dense(output_size, name=name)

    def mlp(output_size, name):
        return mlp_encoder(likelihood.event_shape, output_size, name=name)

    by_name = isinstance(encoder, str)
    build = last_layer if trunk is not None else encoder_like
    if isinstance(trunk, str):
        trunk = encoder_like(None, "trunk")
    encoders = encoder
    if by_name:
        encoders = [build(posterior.num_params, f"encoder_{m}") for m in range(num_components)]
    if mean_scale is not None:
        encoders = [with_normalized_means(each, posterior.latent_dim, mean_scale) for each in encoders]
    if isinstance(decoder, str):
        options = {**likelihood.network_options, **decoder_options}
        build_decoder = lookup(DECODERS, decoder, "decoder")
        decoder = build_decoder(posterior.latent_dim, likelihood.params_shape, name="decoder", **options)
    mixing_network = None
    if mixing.learned and num_components > 1:
        build = build if by_name or trunk is not None else mlp
        mixing_network = build(num_components - 1, "mixing_network")
    return {"encoders": encoders, "trunk": trunk, "decoder": decoder, "mixing_network": mixing_network}


def check_ready(encoder, decoder, trunk, encoder_options, decoder_options) -> None:
    """Raises ValueError for options of a ready network, and for a trunk that the encoders do not go with."""
    for kind, network, options in (("encoder", encoder, encoder_options), ("decoder", decoder, decoder_options)):
        if options and not isinstance(network, str):
            raise ValueError(
                f"`{kind}_options` are for a network that is built by name. Received: {options} and a ready {kind}."
            )
    if isinstance(trunk, str) and trunk != "shared":
        raise ValueError(f"`trunk` must be None, 'shared' or a Keras model. Received: {trunk!r}.")
    if trunk is not None and isinstance(trunk, str) != isinstance(encoder, str):
        raise ValueError(
            "A trunk that is 'shared' needs the name of an encoder, and a trunk of your own needs encoders of your "
            f"own, features -> params. Received: trunk {trunk!r} and encoder {encoder!r}."
        )
