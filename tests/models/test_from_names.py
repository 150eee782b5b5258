"""`VAE.from_names`: an explicit argument for each option, and errors that list the choices."""

import inspect

import keras
import numpy as np
import pytest

from rme_tf import VAE
from rme_tf.likelihoods import LIKELIHOODS, Bernoulli
from rme_tf.models.building import KINDS
from rme_tf.networks import COMPONENT_NETWORKS
from rme_tf.posteriors import IAF, POSTERIORS, DiagNormal, RecursiveMixing
from rme_tf.priors import PRIORS, StandardNormal
from rme_tf.refinements import REFINEMENTS, SemiAmortised

UNITS = {"encoder_options": {"units": (3,)}, "decoder_options": {"units": (3,)}}
SIZES = {"input_shape": (4,), "latent_dim": 2}
PARTS = (*KINDS, "trunk", "refinement")
NAMED = {"likelihood": "normal", "mixing": "learned", "posterior": "iaf", "prior": "vamp", "refinement": "sa"}
NAMED["trunk"] = "amortised"
# An option of each part, and the attribute that shows it.
OPTIONS = {
    "likelihood": ({"scale": "per_pixel"}, lambda model: model.likelihood.get_config()["scale"] == "per_pixel"),
    "mixing": ({"eps_min": 0.25}, lambda model: model.mixing.eps_min == 0.25),
    "posterior": ({"num_steps": 3}, lambda model: model.posterior_family.num_steps == 3),
    "prior": ({"num_components": 3}, lambda model: model.prior.num_components == 3),
    "refinement": ({"steps": 3}, lambda model: model.refinement.steps == 3),
    "trunk": ({"units": 3}, lambda model: model.trunk.get_config()["units"] == 3),
}


def build(**choices):
    networks = {"encoder": "mlp", "decoder": "mlp", **UNITS}
    return VAE.from_names(**{**networks, **SIZES, "num_components": 2, **choices})


def test_every_argument_is_in_the_signature():
    parameters = inspect.signature(VAE.from_names).parameters
    assert all(each.kind is each.KEYWORD_ONLY for each in parameters.values())
    parts = ("encoder", "decoder", *PARTS)
    assert {*parts, *(f"{part}_options" for part in parts)} <= set(parameters)
    of_vae = {name for name in inspect.signature(VAE).parameters if name not in ("encoders", "kwargs")}
    assert of_vae <= set(parameters)
    assert "Args:" in VAE.from_names.__doc__


@pytest.mark.parametrize("part", sorted(OPTIONS))
def test_options_reach_the_part_by_name(part):
    options, shows = OPTIONS[part]
    assert shows(build(**{part: NAMED[part], f"{part}_options": options}))


@pytest.mark.parametrize("part", sorted(OPTIONS))
@pytest.mark.parametrize("options", [{}, None], ids=str)
def test_no_options_are_the_defaults(part, options):
    choices = {part: NAMED[part]}
    one, other = (build(**choices, **more, seed=1) for more in ({}, {f"{part}_options": options}))
    assert [v.shape for v in one.variables] == [v.shape for v in other.variables]


INSTANCES = {
    "likelihood": lambda: Bernoulli((4,)),
    "mixing": lambda: RecursiveMixing(eps_min=0.1),
    "posterior": lambda: IAF(2, num_steps=1),
    "prior": lambda: StandardNormal(2),
    "refinement": lambda: SemiAmortised(steps=1),
}


@pytest.mark.parametrize("part", sorted(INSTANCES))
def test_an_instance_passes_and_takes_no_options(part):
    instance = INSTANCES[part]()
    model = build(**{part: instance})
    assert getattr(model, {"posterior": "posterior_family"}.get(part, part)) is instance
    with pytest.raises(ValueError, match=f"`{part}_options` are for a {part} .*by name"):
        build(**{part: INSTANCES[part](), f"{part}_options": OPTIONS[part][0]})


TABLES = {kind: table for kind, (table, _) in KINDS.items()}
TABLES |= {"refinement": REFINEMENTS, "trunk": COMPONENT_NETWORKS}
ENTRIES = [(kind, name) for kind, table in sorted(TABLES.items()) for name in sorted(table)]


@pytest.mark.parametrize(("part", "name"), ENTRIES, ids=" ".join)
def test_an_unknown_option_of_a_part_lists_its_options(part, name):
    with pytest.raises(ValueError, match=rf"Unknown options of the {part} '{name}'. Expected some of: ") as error:
        build(**{part: name, f"{part}_options": {"unknown": 1}})
    assert str(error.value).endswith("Received: ['unknown'].")


@pytest.mark.parametrize(
    ("choices", "meant"),
    [
        ({"encoder_option": {}}, "'encoder_options'"),
        ({"posterior_opts": {}}, "'posterior_options'"),
        ({"latent_dims": 3}, "'latent_dim'"),
        ({"encoder": "mpl"}, "'mlp'"),
        ({"posterior": "diagnormal"}, "'diag_normal'"),
        ({"posterior": "iaf", "posterior_options": {"num_step": 1}}, "'num_steps'"),
        ({"prior": "vamp", "prior_options": {"num_component": 1}}, "'num_components'"),
        ({"mixing": "learned", "mixing_options": {"epsmin": 0.1}}, "'eps_min'"),
        ({"refinement": "sa", "refinement_options": {"step": 1}}, "'steps'"),
        ({"encoder_options": {"unit": 1}}, "'units'"),
        ({"trunk": "amortized"}, "'amortised'"),
        ({"trunk": "amortised", "trunk_options": {"unit": 1}}, "'units'"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_a_typo_suggests_the_name(choices, meant):
    with pytest.raises(ValueError, match=rf"Did you mean {meant}\?$"):
        build(**choices)


def test_an_unknown_argument_lists_the_arguments():
    with pytest.raises(ValueError, match=r"Unknown arguments of `from_names`. Expected some of: 'decoder', .*'trunk'"):
        build(colour="red")
    encoder = keras.Sequential([keras.Input([4]), keras.layers.Dense(4)])
    decoder = keras.Sequential([keras.Input([2]), keras.layers.Dense(4)])
    with pytest.raises(
        ValueError, match=r"Unknown arguments of `VAE`. Expected some of: .*Did you mean 'refinement'\?"
    ):
        VAE(encoder, decoder, posterior="diag_normal", likelihood="bernoulli", refinment="sa")


def test_a_size_is_no_option():
    with pytest.raises(ValueError, match=r"Unknown options of the posterior 'iaf'.*Received: \['latent_dim'\]"):
        build(posterior="iaf", posterior_options={"latent_dim": 3})


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        (
            {"posterior": DiagNormal(3), "prior": StandardNormal(3)},
            "`latent_dim` must be 3, as in the posterior",
        ),
        ({"likelihood": Bernoulli((5,))}, r"`input_shape` must be \(5,\), as in the likelihood. Received: \(4,\)"),
        ({"likelihood": Bernoulli((2, 2))}, r"`input_shape` must be \(2, 2\), as in the likelihood"),
    ],
    ids=["code", "size", "rank"],
)
def test_sizes_that_an_instance_contradicts_are_refused(choices, message):
    with pytest.raises(ValueError, match=message):
        build(**choices)


def test_an_option_that_is_needed_is_named():
    with pytest.raises(ValueError, match="'categorical_sequence' needs `vocabulary_size` in `likelihood_options`"):
        build(likelihood="categorical_sequence")


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_options_are_known_before_anything_is_built(kind):
    """Each option in a signature is taken: none is refused by its name."""
    for name, entry in KINDS[kind][0].items():
        names = [each for each in inspect.signature(entry).parameters if each not in ("kwargs", "latent_dim")]
        names = [each for each in names if each != "event_shape"]
        for option in names:
            try:
                build(**{kind: name, f"{kind}_options": {option: object()}})
            except (TypeError, ValueError) as error:
                assert "Unknown options" not in str(error)


def test_keras_arguments_and_the_seed_reach_the_model():
    one, other = (build(name="mine", seed=3) for _ in range(2))
    assert one.name == "mine"
    np.testing.assert_array_equal(one.seed_generator.state, other.seed_generator.state)
    assert build(trainable=False).trainable_variables == []


def test_a_mixing_network_of_your_own_is_taken():
    network = keras.Sequential([keras.Input([4]), keras.layers.Dense(1)])
    assert build(mixing="learned", mixing_network=network).mixing_network is network


def test_learned_weights_of_own_networks_need_a_mixing_network():
    model = build()
    with pytest.raises(ValueError, match="need a `mixing_network`"):
        VAE(list(model.encoders), model.decoder, posterior="diag_normal", likelihood=Bernoulli((4,)), mixing="learned")


def test_the_tables_are_what_the_documentation_says():
    assert set(KINDS) == {"likelihood", "mixing", "posterior", "prior"}
    assert KINDS["posterior"] == (POSTERIORS, DiagNormal.__mro__[2])
    assert KINDS["likelihood"][0] is LIKELIHOODS
    assert KINDS["prior"][0] is PRIORS


@pytest.mark.parametrize("wrong", ["df", ["df"], [{"df": 3}], {3: "df"}, 3])
@pytest.mark.parametrize("name", [name for name in inspect.signature(VAE.from_names).parameters if "_options" in name])
def test_from_names_refuses_options_that_are_no_dict(name, wrong):
    if name == "encoder_options" and isinstance(wrong, list) and isinstance(wrong[0], dict):
        wrong = [3]
    with pytest.raises(ValueError, match=f"`{name}` must be a dict of options by name"):
        VAE.from_names(**SIZES, encoder="mlp", decoder="mlp", **{name: wrong})
