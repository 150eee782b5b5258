"""Construction of a VAE from the names of its parts."""

from collections.abc import Mapping

from rme_tf.core.registry import check_names, named_arguments
from rme_tf.core.validation import as_shape, check_flag, require
from rme_tf.likelihoods import Observed
from rme_tf.models import building
from rme_tf.refinements import as_refinement

OF_MODEL = ("seed", "name", "dtype", "trainable")


@named_arguments
def from_names(  # noqa: D417, PLR0913  one argument an option, and one sentence for the *_options
    cls,
    *,
    encoder="conv",
    decoder="conv",
    input_shape,
    latent_dim,
    num_components=None,
    posterior="diag_normal",
    likelihood="bernoulli",
    prior="standard_normal",
    mixing="uniform",
    mixing_network=None,
    trunk=None,
    refinement=None,
    missing=False,
    encoder_options=None,
    decoder_options=None,
    posterior_options=None,
    likelihood_options=None,
    prior_options=None,
    mixing_options=None,
    trunk_options=None,
    refinement_options=None,
    missing_options=None,
    seed=None,
    name=None,
    dtype=None,
    trainable=True,
):
    """Build a VAE from names in the library's tables, or from instances.

    Args:
        encoder: a name in `networks.ENCODERS`, a Keras model, or a list of M of them.
        decoder: a name in `networks.DECODERS`, or a Keras model.
        input_shape: shape of one observation.
        latent_dim: number of latent dimensions D.
        num_components: number of components M; None for the length of a list of encoders, else 1.
        posterior, likelihood, prior: names in `POSTERIORS`, `LIKELIHOODS` and `PRIORS`, or instances.
        mixing: a name in `posteriors.MIXINGS`, or a `Mixing`.
        mixing_network: Keras model of the mixing weights; None for a network like the first encoder.
        trunk: "shared" for encoders by name that differ in their last layers only, a name in
            `networks.COMPONENT_NETWORKS`, a Keras model in front of encoders of your own, or None.
        refinement: a name in `refinements.REFINEMENTS`, a `Refinement`, or None.
        missing: whether NaN in x is a missing entry; see `likelihoods.Observed`.
        encoder_options: dict of options of an encoder by name, or a list of M dicts.
        decoder_options, posterior_options, likelihood_options, prior_options: dicts of options of parts by name.
        mixing_options, trunk_options, refinement_options: dicts of options of parts by name.
        missing_options: dict of `fill` and `mask`, options of `likelihoods.Observed`.
        seed, name, dtype, trainable: arguments of `VAE`.

    Raises:
        ValueError: for unknown names (the message lists the choices) and parts that do not fit.
    """
    arguments = dict(locals())
    _check_options(arguments)
    return cls(**_parts_of(arguments))


def _parts_of(choices: Mapping) -> dict:
    """Returns the arguments of `VAE` for the arguments of `from_names`."""
    num_components = building.count_components(choices["encoder"], choices["num_components"], choices["trunk"])
    code = {"latent_dim": choices["latent_dim"]}
    sizes = {"posterior": code, "likelihood": {"event_shape": choices["input_shape"]}, "prior": code}
    parts = {
        kind: building.choose_part(kind, choices[kind], sizes.get(kind, {}), choices[f"{kind}_options"])
        for kind in building.KINDS
    }
    _check_sizes(choices, parts)
    parts["likelihood"] = _observed(parts["likelihood"], choices)
    networks = building.build_networks(
        choices["encoder"],
        choices["decoder"],
        parts,
        trunk=choices["trunk"],
        num_components=num_components,
        **{name: choices[name] or {} for name in ("trunk_options", "encoder_options", "decoder_options")},
    )
    if choices["mixing_network"] is not None:
        networks["mixing_network"] = choices["mixing_network"]
    refinement = as_refinement(choices["refinement"], parts["posterior"].num_params, choices["refinement_options"])
    others = {name: choices[name] for name in OF_MODEL}
    return {**parts, **networks, "num_components": num_components, "refinement": refinement, **others}


def _observed(likelihood, choices: Mapping):
    """Returns the likelihood, for data with missing entries if they are chosen."""
    missing, options = check_flag("missing", choices["missing"]), choices["missing_options"] or {}
    if not missing:
        require(not options, "missing_options", "be left out without `missing=True`", options)
        return likelihood
    check_names(options, ("fill", "mask"), "`missing_options`")
    return Observed(likelihood, **options)


def _check_options(choices: Mapping) -> None:
    """Raises ValueError for options that are not dicts by name."""
    for name, options in choices.items():
        if options is None or not name.endswith("_options"):
            continue
        several = name == "encoder_options" and isinstance(options, list | tuple)
        dicts = options if several else [options]
        fits = all(isinstance(one, Mapping) and all(isinstance(key, str) for key in one) for one in dicts)
        also = ", or a list of one for each component" if name == "encoder_options" else ""
        require(fits, name, f"be a dict of options by name{also}", repr(options))


def _check_sizes(choices: Mapping, parts: Mapping) -> None:
    """Raises ValueError if a part that is an instance differs in size from the arguments of `from_names`."""
    latent_dim, event_shape = parts["posterior"].latent_dim, parts["likelihood"].event_shape
    received = choices["latent_dim"]
    require(received == latent_dim, "latent_dim", f"be {latent_dim}, as in the posterior", repr(received))
    shape = as_shape(choices["input_shape"], "`from_names`", any_length=True)
    pairs = zip(shape, event_shape, strict=False)
    fits = len(shape) == len(event_shape) and all(None in pair or pair[0] == pair[1] for pair in pairs)
    require(fits, "input_shape", f"be {event_shape}, as in the likelihood", shape)
