"""Construction of the networks and other parts of a VAE from names."""

from collections.abc import Iterable, Mapping

import keras

from rme_tf.core.registry import check_options, instantiate, lookup, missing_arguments
from rme_tf.core.validation import check_count, optional
from rme_tf.likelihoods import LIKELIHOODS, Likelihood
from rme_tf.models import network_sizes
from rme_tf.models.compatibility import check_network, check_weights_apart, named
from rme_tf.networks import (
    COMPONENT_NETWORKS,
    DECODERS,
    ENCODERS,
    ComponentNetwork,
    mlp_encoder,
    with_normalized_means,
)
from rme_tf.networks.copies import copies_of
from rme_tf.posteriors import MIXINGS, POSTERIORS, Mixing, PosteriorFamily
from rme_tf.priors import PRIORS, Prior

SHARED = "shared"  # name of a trunk with a separate last layer for each component

KINDS: dict[str, tuple] = {
    "posterior": (POSTERIORS, PosteriorFamily),
    "likelihood": (LIKELIHOODS, Likelihood),
    "mixing": (MIXINGS, Mixing),
    "prior": (PRIORS, Prior),
}


def choose_part(kind: str, choice, sizes: Mapping, options: Mapping | None = None):
    """Return a part of a VAE from a name or an instance.

    Args:
        kind: one of `KINDS`, which are all parts except networks.
        choice: name or instance.
        sizes: arguments that the model determines.
        options: further arguments of a part by name.

    Raises:
        ValueError: for an unknown name or option (the message lists the choices), a missing option, and options of an
            instance.
    """
    table, base = KINDS[kind]
    options = options or {}
    if isinstance(choice, base) and options:
        raise ValueError(
            f"`{kind}_options` are for a {kind} that is built by name. Received: {options} and a ready "
            f"{type(choice).__name__}."
        )
    if not isinstance(choice, base):
        build = lookup(table, choice, kind, base=base)
        check_options(build, options, f"{kind} {choice!r}", first=0, without=sizes)
        missing = missing_arguments(build, {*sizes, *options})
        if missing:
            raise ValueError(
                f"The {kind} {choice!r} needs {_quoted(missing)} in `{kind}_options`. Received: {dict(options)}."
            )
    return instantiate(table, choice, kind, base=base, **sizes, **options)


def parts_beside(networks: Mapping, choices: Mapping) -> dict:
    """Return the parts of a VAE, with sizes from its networks.

    D comes from a posterior or prior that is an instance, else from the decoder's input. The shape of x comes from the
    input of the trunk, or of the first encoder.

    Args:
        networks: dict of "encoders", "decoder" and "trunk".
        choices: name or instance by kind; a prior of None is "standard_normal".

    Raises:
        ValueError: if a name is unknown, or needs a size that no network has.
    """
    choices = {**choices, "prior": "standard_normal" if choices["prior"] is None else choices["prior"]}
    for kind in ("posterior", "likelihood", "prior"):
        if isinstance(choices[kind], str):
            lookup(KINDS[kind][0], choices[kind], kind, base=KINDS[kind][1])
    if isinstance(choices["posterior"], str):
        prior, decoder = choices["prior"], networks["decoder"]
        known = prior.latent_dim if isinstance(prior, Prior) else network_sizes.code_size(decoder)
        remedy = network_sizes.remedy_for("decoder", decoder, "z[:1]")
        choices["posterior"] = _by_name("posterior", choices["posterior"], remedy, latent_dim=known)
    if isinstance(choices["prior"], str) and isinstance(choices["posterior"], PosteriorFamily):
        choices["prior"] = _by_name("prior", choices["prior"], latent_dim=choices["posterior"].latent_dim)
    if isinstance(choices["likelihood"], str):
        choices["likelihood"] = _likelihood(choices["likelihood"], networks)
    return {kind: choose_part(kind, choices[kind], {}) for kind in KINDS}


def _likelihood(name: str, networks: Mapping):
    """Returns the named likelihood of the encoder's input shape, or of the decoder's output shape."""
    shape = network_sizes.observation_shape(networks)
    likelihood = None if shape else network_sizes.likelihood_of_output(LIKELIHOODS[name], networks["decoder"])
    reader, network = network_sizes.reader(networks)
    remedy = network_sizes.remedy_for(reader, network, "x[:1]")
    return likelihood or _by_name("likelihood", name, remedy, event_shape=shape)


def _by_name(kind: str, name: str, remedy: str = "", **known):
    """Returns the named part; raises ValueError if it needs an argument that is not known."""
    build = KINDS[kind][0][name]
    known = {argument: value for argument, value in known.items() if value is not None}
    missing = missing_arguments(build, known)
    if missing:
        raise ValueError(
            f"The {kind} {name!r} needs {_quoted(missing)}, which the networks do not say.{remedy} Expected an "
            f"instance, `{kind}={_call(build, missing)}`, or `VAE.from_names`, which takes sizes and "
            f"`{kind}_options`. Received: its name alone."
        )
    return build(**known)


def _quoted(names) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _call(build, names) -> str:
    """Returns a call of a class of the library in Python, without the values of its arguments."""
    arguments = ", ".join(f"{name}=..." for name in names)
    return f"{build.__module__.rpartition('.')[0]}.{build.__name__}({arguments})"


def as_encoders(encoders, num_components=None, trunk=None) -> list:
    """Returns the list of M encoders.

    One network becomes the network and M - 1 copies. The list is empty for a `ComponentNetwork` as trunk.

    Raises:
        ValueError: if M is less than 1, or differs from the number of encoders or of a `ComponentNetwork`.
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
        name, remedy = f"encoder for {num_components} components", "pass a list of encoders"
        return [encoders, *copies_of(encoders, (num_components or 1) - 1, name, remedy)]
    if isinstance(encoders, str | Mapping) or not isinstance(encoders, Iterable):
        check_network(encoders, "encoder, or each of a list of them,")
    encoders = list(encoders)
    if len(encoders) != (num_components or len(encoders)) or not encoders:
        raise ValueError(
            f"Expected one encoder for each of {num_components or 'one or more'} components. Received: {len(encoders)}."
        )
    if len({id(encoder) for encoder in encoders}) < len(encoders):
        raise ValueError("Every component needs an encoder of its own. Received the same object more than once.")
    networks = named(encoders)
    for name, encoder in networks.items():
        check_network(encoder, name)
    check_weights_apart(networks)
    return encoders


def check_num_components(num_components) -> None:
    """Checks that M is None or an integer of at least 1.

    Raises:
        ValueError: if M is another value.
    """
    optional(check_count, "num_components", num_components)


def count_components(encoder, num_components=None, trunk=None) -> int:
    """Returns M; by default of a `ComponentNetwork` or a list, else 1."""
    check_num_components(num_components)
    if num_components is not None:
        return num_components
    if isinstance(trunk, ComponentNetwork):
        return trunk.num_components
    return len(encoder) if isinstance(encoder, list | tuple) else 1


def build_networks(
    encoder, decoder, parts, *, trunk, trunk_options, num_components, encoder_options, decoder_options
) -> dict:
    """Returns `encoders`, `trunk`, `decoder` and `mixing_network`.

    The mixing network, None unless the weights are learned, is built like an encoder that has a name, as one layer on
    the features of a trunk, and as an MLP otherwise. `encoder_options` may have `mean_scale`, the argument of
    `networks.NormalizedMeans`. `parts` are the other parts of the model, see `choose_part`.
    """
    check_ready(encoder, decoder, trunk, encoder_options, decoder_options)
    if trunk_options and trunk not in COMPONENT_NETWORKS:
        raise ValueError(f"`trunk_options` are for one of {sorted(COMPONENT_NETWORKS)}. Received: trunk {trunk!r}.")
    check_known(encoder, decoder, encoder_options, decoder_options)
    posterior, likelihood, mixing = (parts[name] for name in ("posterior", "likelihood", "mixing"))
    options = options_of_each(encoder_options, num_components)
    mean_scales = [part.pop("mean_scale", None) for part in options]
    by_name = isinstance(encoder, str)

    def encoder_like(output_size, name, m=0):
        build = lookup(ENCODERS, encoder, "encoder") if by_name else mlp_encoder
        arguments = {**likelihood.network_options, **options[m]} if by_name else {}
        return build(likelihood.encoder_shape, output_size, name=name, **arguments)

    encoders = encoder
    if by_name:
        sizes = posterior.num_params - posterior.num_shared, posterior.num_shared
        trunk, encoders = wire(trunk, encoder_like, num_components, *sizes, options=trunk_options or {})
    if mean_scales[0] is not None:
        encoders = [with_normalized_means(network, posterior.num_means, mean_scales[0]) for network in encoders]
    if isinstance(decoder, str):
        arguments = {**likelihood.network_options, **decoder_options}
        build_decoder = lookup(DECODERS, decoder, "decoder")
        decoder = build_decoder(posterior.latent_dim, likelihood.params_shape, name="decoder", **arguments)
    mixing_network = None
    if mixing.learned and num_components > 1:
        on_features = trunk is not None and not isinstance(trunk, ComponentNetwork)
        build = last_layer if on_features else encoder_like
        mixing_network = build(num_components - 1, "mixing_network")
    return {"encoders": encoders, "trunk": trunk, "decoder": decoder, "mixing_network": mixing_network}


def check_known(encoder, decoder, encoder_options, decoder_options) -> None:
    """Raises ValueError for options that a network by name does not have."""
    if isinstance(encoder, str):
        several = [encoder_options] if isinstance(encoder_options, Mapping) else encoder_options
        for options in several:
            check_options(lookup(ENCODERS, encoder, "encoder"), options, f"encoder {encoder!r}", also=("mean_scale",))
    if isinstance(decoder, str):
        check_options(lookup(DECODERS, decoder, "decoder"), decoder_options, f"decoder {decoder!r}")


def wire(trunk, encoder_like, num_components: int, num_params: int, num_shared: int, options: Mapping) -> tuple:
    """Returns the trunk of a name, and the encoders on its features.

    Args:
        trunk: None, "shared" or a name in `networks.COMPONENT_NETWORKS`.
        encoder_like: function (size of the output, name, m) -> Keras model; a size of None returns features.
        num_components: number of components M.
        num_params: number of params of a component, without shared ones.
        num_shared: number of params that all components share, outputs of the first encoder.
        options: further arguments of a network in `networks.COMPONENT_NETWORKS`.
    """
    sizes = [num_params + num_shared, *[num_params] * (num_components - 1)]
    if trunk is None:
        return None, [encoder_like(size, f"encoder_{m}", m) for m, size in enumerate(sizes)]
    if trunk == SHARED:
        return encoder_like(None, "trunk"), [last_layer(size, f"encoder_{m}") for m, size in enumerate(sizes)]
    network = lookup(COMPONENT_NETWORKS, trunk, "trunk")
    check_options(network, options, f"trunk {trunk!r}", first=3, without=("num_shared",))
    options = {**options, "num_shared": num_shared} if num_shared else options
    return network(encoder_like(None, "features"), num_components, num_params, name="trunk", **options), []


def last_layer(output_size: int, name: str):
    """Returns a dense layer from a trunk's features to an output."""
    return keras.layers.Dense(output_size, name=name)


def options_of_each(encoder_options, num_components: int) -> list[dict]:
    """Returns a list with the options of each encoder."""
    if isinstance(encoder_options, Mapping):
        return [dict(encoder_options) for _ in range(num_components)]
    if len(encoder_options) != num_components:
        raise ValueError(
            f"`encoder_options` must be a dict, or a list of one for each component. Expected {num_components}. "
            f"Received: {len(encoder_options)}."
        )
    return [dict(options) for options in encoder_options]


def check_ready(encoder, decoder, trunk, encoder_options, decoder_options) -> None:
    """Raises ValueError for options of a Keras model or an unsuitable trunk."""
    for kind, network, options in (("encoder", encoder, encoder_options), ("decoder", decoder, decoder_options)):
        if options and not isinstance(network, str):
            raise ValueError(
                f"`{kind}_options` are for a network that is built by name. Received: {options} and a ready {kind}."
            )
    by_name = isinstance(trunk, str)
    if by_name:
        lookup({SHARED: None, **COMPONENT_NETWORKS}, trunk, "trunk")
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
