"""Builds the networks of a VAE from names, and checks that networks of the user's own fit."""

import numbers
from collections.abc import Mapping

import keras

from rme_tf.copies import copies_of
from rme_tf.likelihoods import LIKELIHOODS, Likelihood
from rme_tf.networks import (
    COMPONENT_NETWORKS,
    DECODERS,
    ENCODERS,
    ComponentNetwork,
    mlp_encoder,
    with_normalized_means,
)
from rme_tf.posteriors import MIXINGS, POSTERIORS, Mixing, PosteriorFamily
from rme_tf.priors import PRIORS, Prior
from rme_tf.registry import check_options, instantiate, lookup

SHARED = "shared"  # the name of a trunk with a last layer a component

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


def as_encoders(encoders, num_components=None, trunk=None) -> list:
    """Returns the list of M encoders: the given list, or one network and M - 1 copies; none for a `ComponentNetwork`.

    Raises:
        ValueError: if M is less than 1 or does not agree with the list, or with the network of all components.
    """
    check_num_components(num_components)
    if isinstance(trunk, ComponentNetwork):
        if encoders or num_components not in (None, trunk.num_components):
            raise ValueError(
                f"The trunk gives the params of all {trunk.num_components} components: expected no encoders, and no "
                f"other number of components. Received: {len(encoders)} encoders, num_components={num_components}."
            )
        return []
    if isinstance(encoders, keras.Layer):
        return [encoders, *copies_of(encoders, (num_components or 1) - 1)]
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
    if isinstance(model.trunk, ComponentNetwork):
        check_output(model.trunk, dummy, (model.num_components, model.posterior_family.num_params), "trunk")
        features = dummy
    else:
        features = dummy if model.trunk is None else features_of(model.trunk, dummy)
    for name, encoder in networks.items():
        check_output(encoder, features, (model.posterior_family.num_params,), name)
    inputs = decoder_example(model.decoder, model.latent_dim, model.likelihood)
    check_output(model.decoder, inputs, model.likelihood.params_shape, "decoder")
    if hasattr(model.decoder, "step") and model.likelihood.parts == "pixels":
        model.likelihood.of_pixel()  # which it could not draw from, or even has a say in the pixels before it
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


def count_components(encoder, num_components=None, trunk=None) -> int:
    """Returns M: the number that is given, else of a `ComponentNetwork` or of a list of encoders, else 1."""
    check_num_components(num_components)
    if num_components is not None:
        return num_components
    if isinstance(trunk, ComponentNetwork):
        return trunk.num_components
    return len(encoder) if isinstance(encoder, list | tuple) else 1


def build_networks(
    encoder, decoder, parts, *, trunk, trunk_options, num_components, encoder_options, decoder_options
) -> dict:
    """Returns `encoders`, `trunk`, `decoder` and `mixing_network` (None unless the weights are learned).

    For the parts of `choose_parts`. The mixing network is built like the first encoder where they have a name, as one
    layer on the features of a trunk, and as an MLP else. Beside the builder's own, `encoder_options` may have
    `mean_scale`: see `networks.NormalizedMeans`.
    """
    check_ready(encoder, decoder, trunk, encoder_options, decoder_options)
    if trunk_options and trunk not in COMPONENT_NETWORKS:
        raise ValueError(f"`trunk_options` are for one of {sorted(COMPONENT_NETWORKS)}. Received: trunk {trunk!r}.")
    check_known(encoder, decoder, encoder_options, decoder_options)
    posterior, likelihood, mixing = (parts[name] for name in ("posterior", "likelihood", "mixing"))
    options = options_of_each(encoder_options, num_components)
    mean_scales = [each.pop("mean_scale", None) for each in options]
    by_name = isinstance(encoder, str)

    def encoder_like(output_size, name, m=0):
        build = lookup(ENCODERS, encoder, "encoder") if by_name else mlp_encoder
        given = {**likelihood.network_options, **options[m]} if by_name else {}
        return build(likelihood.event_shape, output_size, name=name, **given)

    encoders = encoder
    if by_name:
        trunk, encoders = wire(trunk, encoder_like, num_components, posterior.num_params, trunk_options or {})
    if mean_scales[0] is not None:
        encoders = [with_normalized_means(each, posterior.latent_dim, mean_scales[0]) for each in encoders]
    if isinstance(decoder, str):
        given = {**likelihood.network_options, **decoder_options}
        build_decoder = lookup(DECODERS, decoder, "decoder")
        decoder = build_decoder(posterior.latent_dim, likelihood.params_shape, name="decoder", **given)
    mixing_network = None
    if mixing.learned and num_components > 1:
        on_features = trunk is not None and not isinstance(trunk, ComponentNetwork)
        build = last_layer if on_features else encoder_like
        mixing_network = build(num_components - 1, "mixing_network")
    return {"encoders": encoders, "trunk": trunk, "decoder": decoder, "mixing_network": mixing_network}


def check_known(encoder, decoder, encoder_options, decoder_options) -> None:
    """Raises ValueError for options that the builders of networks by name do not have."""
    if isinstance(encoder, str):
        several = [encoder_options] if isinstance(encoder_options, Mapping) else encoder_options
        for options in several:
            check_options(lookup(ENCODERS, encoder, "encoder"), options, f"encoder {encoder!r}", also=("mean_scale",))
    if isinstance(decoder, str):
        check_options(lookup(DECODERS, decoder, "decoder"), decoder_options, f"decoder {decoder!r}")


def wire(trunk, encoder_like, num_components: int, num_params: int, options: Mapping) -> tuple:
    """Returns the trunk that a name stands for (None: none), and the encoders behind it.

    Args:
        trunk: None, "shared" or a name in `networks.COMPONENT_NETWORKS`.
        encoder_like: function of the size of the output (None: features), a name and m -> Keras model.
        num_components: M.
        num_params: P.
        options: further arguments of a network in that table.
    """
    if trunk is None:
        return None, [encoder_like(num_params, f"encoder_{m}", m) for m in range(num_components)]
    if trunk == SHARED:
        return encoder_like(None, "trunk"), [last_layer(num_params, f"encoder_{m}") for m in range(num_components)]
    network = lookup(COMPONENT_NETWORKS, trunk, "trunk")
    return network(encoder_like(None, "features"), num_components, num_params, name="trunk", **options), []


def last_layer(output_size: int, name: str):
    """Returns what turns a trunk's features into an output of that size."""
    return keras.layers.Dense(output_size, name=name)


def options_of_each(encoder_options, num_components: int) -> list[dict]:
    """Returns the options of each encoder: the given M of them, or M times the same."""
    if isinstance(encoder_options, Mapping):
        return [dict(encoder_options) for _ in range(num_components)]
    if len(encoder_options) != num_components:
        raise ValueError(
            f"`encoder_options` must be a dict, or a list of one for each component. Expected {num_components}. "
            f"Received: {len(encoder_options)}."
        )
    return [dict(each) for each in encoder_options]


def check_ready(encoder, decoder, trunk, encoder_options, decoder_options) -> None:
    """Raises ValueError for options of a ready network, and for a trunk that the encoders do not go with."""
    for kind, network, options in (("encoder", encoder, encoder_options), ("decoder", decoder, decoder_options)):
        if options and not isinstance(network, str):
            raise ValueError(
                f"`{kind}_options` are for a network that is built by name. Received: {options} and a ready {kind}."
            )
    by_name = isinstance(trunk, str)
    if by_name and trunk not in (SHARED, *COMPONENT_NETWORKS):
        names = ", ".join(repr(name) for name in (SHARED, *COMPONENT_NETWORKS))
        raise ValueError(f"`trunk` must be None, a Keras model, or one of {names}. Received: {trunk!r}.")
    if trunk is not None and by_name != isinstance(encoder, str):
        raise ValueError(
            "A trunk by name needs the name of an encoder, and a trunk of your own needs encoders of your own, "
            f"features -> params. Received: trunk {trunk!r} and encoder {encoder!r}."
        )
    several = not isinstance(encoder_options, Mapping)
    if trunk is not None and (several or (trunk != SHARED and "mean_scale" in encoder_options)):
        raise ValueError(
            "Encoders that have a trunk in common take options in common, and `mean_scale` only behind a shared one. "
            f"Received: trunk {trunk!r} and {encoder_options}."
        )
