"""The names of the tables in `VAE(...)`: the same parts as in `from_names`, their sizes read off the networks."""

import keras
import numpy as np
import pytest

from rme_tf import VAE
from rme_tf.likelihoods import LIKELIHOODS, Bernoulli
from rme_tf.networks import lstm_decoder, lstm_encoder, mlp_decoder, mlp_encoder
from rme_tf.posteriors import MIXINGS, POSTERIORS, DiagNormal
from rme_tf.priors import PRIORS, StandardNormal
from rme_tf.refinements import REFINEMENTS

EVENT, LATENT = (2, 2, 1), 2
BY_NAME = {"posterior": "diag_normal", "likelihood": "bernoulli"}


def networks(num_params=2 * LATENT, params_shape=EVENT, num_components=1):
    encoders = [mlp_encoder(EVENT, num_params, units=(3,)) for _ in range(num_components)]
    return encoders, mlp_decoder(LATENT, params_shape, units=(3,))


def config_of(part):
    """What describes a part, but for the names that Keras counts up."""
    config = keras.saving.serialize_keras_object(part)
    return {**config, "config": {**config["config"], "name": ""}}


def check_as_from_names(model, encoders, decoder, **choices):
    sizes = {"input_shape": EVENT, "latent_dim": LATENT}
    other = VAE.from_names(encoder=[*encoders], decoder=decoder, **{**sizes, **BY_NAME, **choices})
    for part in ("posterior_family", "likelihood", "prior", "mixing"):
        assert config_of(getattr(model, part)) == config_of(getattr(other, part)), part
    x = np.ones((2, *EVENT), "float32")
    assert model(x)["means"].shape == (2, model.num_components, LATENT)


@pytest.mark.parametrize("name", sorted(POSTERIORS))
def test_posteriors_may_be_named(name):
    encoders, decoder = networks(POSTERIORS[name](LATENT).num_params)
    model = VAE(encoders, decoder, posterior=name, likelihood=Bernoulli(EVENT))
    check_as_from_names(model, encoders, decoder, posterior=name)


@pytest.mark.parametrize("name", sorted(set(LIKELIHOODS) - {"categorical_sequence"}))
def test_likelihoods_may_be_named(name):
    likelihood = LIKELIHOODS[name](EVENT)
    encoders, decoder = networks(params_shape=likelihood.params_shape)
    model = VAE(encoders, decoder, posterior=DiagNormal(LATENT), likelihood=name)
    check_as_from_names(model, encoders, decoder, likelihood=name)


@pytest.mark.parametrize("name", sorted(PRIORS))
@pytest.mark.parametrize("posterior", ["diag_normal", DiagNormal(LATENT)], ids=["by name", "ready"])
def test_priors_may_be_named(name, posterior):
    encoders, decoder = networks()
    model = VAE(encoders, decoder, posterior=posterior, likelihood="bernoulli", prior=name)
    check_as_from_names(model, encoders, decoder, prior=name)


@pytest.mark.parametrize("mixing", sorted(MIXINGS))
@pytest.mark.parametrize("refinement", [None, *sorted(REFINEMENTS)])
def test_all_parts_may_be_named_at_once(mixing, refinement):
    encoders, decoder = networks(num_components=2)
    choices = {"mixing": mixing, "mixing_network": mlp_encoder(EVENT, 1, units=(3,))}
    model = VAE(encoders, decoder, **BY_NAME, **choices, refinement=refinement)
    assert type(model.mixing) is MIXINGS[mixing]
    assert refinement is None or type(model.refinement) is REFINEMENTS[refinement]
    assert model.prior.latent_dim == model.latent_dim == LATENT
    assert model.likelihood.event_shape == EVENT


def test_the_trunk_says_the_shape_of_an_observation():
    heads = [keras.layers.Dense(4) for _ in range(2)]
    model = VAE(heads, networks()[1], trunk=mlp_encoder(EVENT, None, units=(3,)), **BY_NAME)
    assert model.likelihood.event_shape == EVENT


def test_a_part_that_is_an_instance_says_the_size_of_codes():
    encoders, _ = networks()
    decoder = keras.Sequential([keras.layers.Dense(4), keras.layers.Reshape(EVENT)])  # built by nobody
    model = VAE(encoders, decoder, **BY_NAME, prior=StandardNormal(LATENT))
    assert model.latent_dim == LATENT


def test_decoders_that_go_part_by_part_say_the_size_of_codes():
    likelihood = LIKELIHOODS["categorical_sequence"]((None,), vocabulary_size=9, features=3)
    encoder = lstm_encoder((None,), 4, vocabulary_size=9, units=3, embedding_size=2)
    decoder = lstm_decoder(LATENT, (None, 3), vocabulary_size=9, units=3, embedding_size=2)
    assert VAE(encoder, decoder, posterior="diag_normal", likelihood=likelihood).latent_dim == LATENT


@pytest.mark.parametrize(
    ("kind", "choices", "needed"),
    [
        ("posterior", {"decoder": keras.Sequential([keras.layers.Dense(5)])}, "`latent_dim`"),
        (
            "likelihood",
            {"encoders": keras.Sequential([keras.layers.Dense(4)]), "likelihood": "discretized_logistic"},
            "`event_shape`",
        ),
        ("likelihood", {"likelihood": "categorical_sequence"}, "`vocabulary_size`"),
    ],
    ids=["codes", "observations", "vocabulary"],
)
def test_names_that_need_more_than_the_networks_say_are_refused(kind, choices, needed):
    encoders, decoder = networks()
    with pytest.raises(ValueError, match=f"The {kind} .* needs {needed}, .* an instance, .*from_names"):
        VAE(**{"encoders": encoders, "decoder": decoder, **BY_NAME, **choices})


@pytest.mark.parametrize("kind", ["posterior", "likelihood", "prior", "mixing", "refinement"])
@pytest.mark.parametrize("choice", ["nope", DiagNormal, 3], ids=["unknown", "class", "number"])
def test_what_is_neither_a_name_nor_an_instance_is_refused(kind, choice):
    encoders, decoder = networks()
    with pytest.raises(ValueError, match=f"Unknown {kind}. Expected one of: "):
        VAE(encoders, decoder, **{**BY_NAME, kind: choice})


def test_a_name_whose_params_are_of_another_size_is_refused_by_the_shapes():
    encoders, decoder = networks()
    with pytest.raises(ValueError, match="encoder 0 must turn inputs of shape .* into outputs of shape"):
        VAE(encoders, decoder, **{**BY_NAME, "posterior": "full_normal"})
