"""Networks from names, networks of the user's own, and the errors when they do not fit."""

import keras
import numpy as np
import pytest

from rme_tf import VAE
from rme_tf.likelihoods import Bernoulli
from rme_tf.models.building import as_encoders
from rme_tf.networks import mlp_decoder, mlp_encoder
from rme_tf.networks.copies import fresh_copy
from rme_tf.posteriors import DiagNormal
from rme_tf.priors import StandardNormal

SMALL = {"input_shape": (5,), "latent_dim": 2}

PIXELS, LATENT = 5, 2
PARAMS = 2 * LATENT


def sequential(inputs=PIXELS, outputs=PARAMS):
    layers = [keras.layers.Input((inputs,)), keras.layers.Dense(4, "tanh"), keras.layers.Dense(outputs)]
    return keras.Sequential(layers)


def functional(inputs=PIXELS, outputs=PARAMS):
    x = keras.Input((inputs,))
    hidden = keras.layers.Dense(4, "tanh")(x)
    return keras.Model(x, keras.layers.Dense(outputs)(keras.layers.Concatenate()([hidden, x])))


@keras.saving.register_keras_serializable("test_building")
class Subclassed(keras.Model):
    def __init__(self, outputs=PARAMS, **kwargs):
        super().__init__(**kwargs)
        self.outputs_size = outputs
        self.hidden, self.last = keras.layers.Dense(4, "tanh"), keras.layers.Dense(outputs)

    def call(self, x):
        return self.last(self.hidden(x))

    def get_config(self):
        return {**super().get_config(), "outputs": self.outputs_size}


def subclassed(inputs=PIXELS, outputs=PARAMS):
    del inputs  # found out when it is called
    return Subclassed(outputs)


KINDS = {"sequential": sequential, "functional": functional, "subclassed": subclassed}


def vae(encoders, decoder=None, **choices):
    decoder = decoder or sequential(LATENT, PIXELS)
    parts = {"posterior": DiagNormal(LATENT), "likelihood": Bernoulli((PIXELS,))}
    return VAE(encoders, decoder, **{**parts, **choices})


def from_names(**choices):
    networks = {"encoder": "mlp", "decoder": "mlp"}
    if isinstance(choices.get("encoder", "mlp"), str):
        networks["encoder_options"] = {"units": (4,)}
    return VAE.from_names(
        **{**networks, "input_shape": (PIXELS,), "latent_dim": LATENT, "num_components": 2, **choices}
    )


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_one_model_of_the_users_own_becomes_as_many_encoders_as_there_are_components(kind, binary_data):
    network = KINDS[kind]()
    model = vae(network, KINDS[kind](LATENT, PIXELS), num_components=3)
    assert model.encoders[0] is network
    assert len({id(encoder) for encoder in model.encoders}) == 3
    assert [len(encoder.trainable_variables) for encoder in model.encoders] == [4, 4, 4]
    kernels = [encoder.trainable_variables[0].numpy() for encoder in model.encoders]
    assert not np.allclose(kernels[0], kernels[1])
    assert not np.allclose(kernels[1], kernels[2])
    x = binary_data()
    means = model(x)["means"]
    assert means.shape == (3, 3, LATENT)  # B, M, D
    np.testing.assert_allclose(means[:, 1], model.encoders[1](x)[:, :LATENT], rtol=1e-6)  # the same operations
    assert len(model.trainable_variables) == 4 * 4


def test_a_fresh_copy_has_the_architecture_and_new_weights():
    network = functional()
    copy = fresh_copy(network)
    assert [tuple(weight.shape) for weight in copy.weights] == [tuple(weight.shape) for weight in network.weights]
    before = copy.weights[0].numpy()
    network.weights[0].assign(network.weights[0] + 1.0)
    np.testing.assert_array_equal(copy.weights[0].numpy(), before)


def test_encoders_of_different_kinds_share_one_model(binary_data):
    model = vae([sequential(), functional(), subclassed()], subclassed(LATENT, PIXELS))
    assert model.num_components == 3
    outputs = model(binary_data())
    assert outputs["weights"].shape == (3, 3)
    assert outputs["scales"].shape == (3, 3, LATENT)


def test_names_and_own_networks_go_together(binary_data):
    model = from_names(encoder=functional(), decoder="mlp", mixing="learned", num_components=3)
    assert model.mixing_network(binary_data()).shape == (3, 2)  # B, M - 1
    model = from_names(encoder=[sequential(), functional()], decoder=subclassed(LATENT, PIXELS))
    assert model.num_components == 2


def test_one_component_needs_no_mixing_network():
    assert from_names(mixing="learned", num_components=1).mixing_network is None
    assert from_names(mixing="uniform", num_components=3).mixing_network is None
    assert vae(sequential(), mixing="learned").mixing_network is None


def test_a_mixing_network_that_nothing_uses_is_left_out():
    model = vae(sequential(), num_components=2, mixing="uniform", mixing_network=sequential(outputs=1))
    assert model.mixing_network is None
    assert len(model.trainable_variables) == 3 * 4


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"encoders": sequential(outputs=3)}, ["encoder 0", "(4,)", "(3,)"]),
        ({"encoders": [sequential(), sequential(outputs=5)]}, ["encoder 1", "(4,)", "(5,)"]),
        ({"decoder": sequential(LATENT, 7)}, ["decoder", "(5,)", "(7,)"]),
        (
            {"num_components": 3, "mixing": "learned", "mixing_network": sequential(outputs=3)},
            ["mixing network", "(2,)", "(3,)"],
        ),
    ],
    ids=["one", "second", "decoder", "mixing"],
)
def test_outputs_that_do_not_fit_are_refused_with_both_shapes(choices, words):
    with pytest.raises(ValueError, match="outputs of shape") as error:
        vae(**{"encoders": sequential(), **choices})
    assert all(word in str(error.value) for word in words)


@pytest.mark.parametrize("kind", ["sequential", "functional"])
def test_inputs_that_do_not_fit_are_refused(kind):
    with pytest.raises(ValueError, match="incompatible|expected"):
        vae(KINDS[kind](PIXELS + 1))
    with pytest.raises(ValueError, match="incompatible|expected"):
        vae(sequential(), KINDS[kind](LATENT + 1, PIXELS))


@pytest.mark.parametrize("num_components", [0, -2])
def test_less_than_one_component_is_refused(num_components):
    with pytest.raises(ValueError, match="at least 1. Received: " + str(num_components)):
        from_names(num_components=num_components)
    with pytest.raises(ValueError, match="at least 1. Received: " + str(num_components)):
        vae(sequential(), num_components=num_components)


def test_a_list_of_encoders_must_agree_with_the_number_of_components():
    with pytest.raises(ValueError, match="Expected one encoder for each of 3 components. Received: 2"):
        vae([sequential(), sequential()], num_components=3)
    with pytest.raises(ValueError, match="Received: 0"):
        as_encoders([])


def test_the_same_encoder_twice_is_refused():
    network = sequential()
    with pytest.raises(ValueError, match="same object"):
        vae([network, sequential(), network])


@pytest.mark.parametrize(
    ("kind", "choice"),
    [
        ("encoder", "'constant', 'conv', 'conv1d', 'dcgan', 'gated_conv', 'lstm', 'mlp', 'resnet'"),
        ("decoder", "'conv', 'conv1d', 'dcgan', 'gated_conv', 'lstm', 'mlp', 'pixelcnn', 'resnet'"),
        ("posterior", "'diag_normal'"),
        (
            "likelihood",
            "'bernoulli', 'categorical_pixels', 'categorical_sequence', 'columns', "
            "'continuous_bernoulli', 'discretized_logistic', 'discretized_logistic_mixture', 'negative_binomial', "
            "'normal', 'poisson', 'student_t'",
        ),
        ("prior", "'standard_normal'"),
        ("mixing", "'learned', 'uniform'"),
    ],
)
def test_unknown_names_are_refused_with_the_choices(kind, choice):
    with pytest.raises(ValueError, match=f"Unknown {kind}") as error:
        from_names(**{kind: "nope"})
    assert choice in str(error.value)
    assert "'nope'" in str(error.value)


@pytest.mark.parametrize("kind", ["posterior", "likelihood"])
@pytest.mark.parametrize("choice", ["nope", None])
def test_a_part_that_is_missing_or_unknown_is_told_with_the_names_and_the_class(kind, choice):
    base = {"posterior": "PosteriorFamily", "likelihood": "Likelihood"}[kind]
    with pytest.raises(ValueError, match=f"Unknown {kind}.*, or an instance of {base}. Received: {choice!r}"):
        vae(sequential(), **{kind: choice})


def test_learned_weights_without_a_network_are_refused():
    with pytest.raises(ValueError, match="mixing_network"):
        vae(sequential(), num_components=2, mixing="learned")


def test_prior_and_posterior_must_agree():
    with pytest.raises(ValueError, match="Expected 2. Received: 3"):
        vae(sequential(), prior=StandardNormal(3))


@pytest.mark.parametrize("latent_dim", [0, -1])
def test_a_latent_space_without_dimensions_is_refused(latent_dim):
    with pytest.raises(ValueError, match="latent_dim"):
        from_names(latent_dim=latent_dim)


def test_convolutions_need_images():
    with pytest.raises(ValueError, match="height, width, channels"):
        from_names(encoder="conv", encoder_options={})


@pytest.mark.parametrize("trainable", [True, False])
def test_encoders_that_share_weights_are_refused(trainable):
    trunk = keras.layers.Dense(4, trainable=trainable)
    inputs = keras.layers.Input((5,))
    encoders = [keras.Model(inputs, keras.layers.Dense(4)(trunk(inputs))) for _ in range(2)]
    with pytest.raises(ValueError, match="weights of its own.* in encoder 0 and encoder 1"):
        as_encoders(encoders)


@pytest.mark.filterwarnings("ignore:`build:UserWarning")  # Keras's, of a model without one
def test_encoders_that_share_weights_are_refused_even_if_they_are_built_late():
    encoders = [Subclassed(), Subclassed()]
    encoders[1].hidden = encoders[0].hidden
    with pytest.raises(ValueError, match="weights of its own.* in encoder 0 and encoder 1"):
        vae(encoders)


def test_a_list_of_encoders_says_how_many_components_there_are():
    model = VAE.from_names(encoder=[mlp_encoder((5,), 4, units=(3,)) for _ in range(3)], decoder="mlp", **SMALL)
    assert model.num_components == 3
    with pytest.raises(ValueError, match="for each of 1 components. Received: 3"):
        VAE.from_names(encoder=list(model.encoders), decoder="mlp", num_components=1, **SMALL)


def test_a_layer_that_is_no_model_serves_as_encoder():
    model = VAE.from_names(encoder=keras.layers.Dense(4), decoder="mlp", num_components=2, **SMALL)
    assert model(np.zeros((1, 5), "float32"))["means"].shape == (1, 2, 2)


@pytest.mark.parametrize("num_components", [2.0, 2.5, "2", float("nan")])
def test_a_number_of_components_that_is_no_integer_is_refused(num_components):
    with pytest.raises(ValueError, match="`num_components` must be an integer of at least 1"):
        VAE.from_names(encoder="mlp", decoder="mlp", num_components=num_components, **SMALL)
    with pytest.raises(ValueError, match="`num_components` must be an integer of at least 1"):
        as_encoders(sequential(), num_components)


@pytest.mark.parametrize("kind", ["encoder", "decoder"])
def test_options_of_a_network_that_is_ready_are_refused(kind):
    networks = {"encoder": mlp_encoder((5,), 4, units=(3,)), "decoder": mlp_decoder(2, (5,), units=(3,))}
    with pytest.raises(ValueError, match=f"`{kind}_options` are for a network that is built by name"):
        VAE.from_names(**networks, **{f"{kind}_options": {"units": (7,)}}, **SMALL)
