"""Parts of a model that do not fit: outputs of another structure, no networks at all, weights in common."""

import itertools

import keras
import numpy as np
import pytest

from rme_tf import VAE
from rme_tf.likelihoods import Bernoulli
from rme_tf.models import compatibility
from rme_tf.models.compatibility import check_weights_apart
from rme_tf.networks import COMPONENT_NETWORKS
from rme_tf.posteriors import DiagNormal
from rme_tf.priors import StandardNormal
from rme_tf.refinements import DSVI

layers = keras.layers
PIXELS, LATENT, FEATURES = 5, 2, 3
PARAMS = 2 * LATENT
SIZES = {  # inputs and outputs of each network, of two components behind a trunk
    "trunk": (PIXELS, FEATURES),
    "encoder 0": (FEATURES, PARAMS),
    "encoder 1": (FEATURES, PARAMS),
    "mixing network": (FEATURES, 1),
    "decoder": (LATENT, PIXELS),
}
every_network = pytest.mark.parametrize("role", sorted(SIZES))
every_output = pytest.mark.parametrize("role", sorted(set(SIZES) - {"trunk"}))  # of a trunk any shape will do


def network(inputs, outputs):
    return keras.Sequential([layers.Input((inputs,)), layers.Dense(outputs)])


def vae(others=None, **choices):
    """A model, of which some of the networks are given by role."""
    networks = {role: network(*size) for role, size in SIZES.items()} | (others or {})
    parts = {"posterior": DiagNormal(LATENT), "likelihood": Bernoulli((PIXELS,)), "mixing": "learned"}
    return VAE(
        [networks["encoder 0"], networks["encoder 1"]],
        networks["decoder"],
        **{**parts, "trunk": networks["trunk"], "mixing_network": networks["mixing network"], **choices},
    )


class Structured(keras.layers.Layer):
    """A layer whose output is what a function makes of that of a dense one."""

    def __init__(self, size, structure):
        super().__init__()
        self.dense, self.structure = layers.Dense(size), structure

    def build(self, shape):
        self.dense.build(shape)

    def call(self, x):
        return self.structure(self.dense(x))


STRUCTURES = {
    "list": (lambda y: [y, y], lambda size: f"[({size},), ({size},)]"),
    "tuple": (lambda y: (y, y), lambda size: f"(({size},), ({size},))"),
    "list of one": (lambda y: [y], lambda size: f"[({size},)]"),
    "dict": (lambda y: {"mean": y}, lambda size: f"{{'mean': ({size},)}}"),
    "nested": (lambda y: {"a": [y, {"b": y}]}, lambda size: f"{{'a': [({size},), {{'b': ({size},)}}]}}"),
    "nothing": (lambda y: None, lambda size: "NoneType"),
}


@every_network
@pytest.mark.parametrize("structure", sorted(STRUCTURES))
def test_outputs_of_another_structure_are_refused_by_their_shapes(role, structure):
    make, words = STRUCTURES[structure]
    size = SIZES[role][1]
    with pytest.raises(ValueError, match=f"`?{role}`? must (turn|have one output)") as error:
        vae({role: Structured(size, make)})
    assert str(error.value).endswith(f" {words(size)}.")


@every_output
@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 1), (1, 1, 2)], ids=["rank", "rows", "size"])
def test_outputs_of_another_rank_or_number_of_rows_are_refused(role, shape):
    def tiled(y):
        return keras.ops.tile(y if len(shape) == 2 else y[:, None], shape)

    with pytest.raises(ValueError, match=f"The {role} must turn inputs of shape .* into outputs of shape"):
        vae({role: Structured(SIZES[role][1], tiled)})


@every_network
def test_networks_of_several_inputs_are_refused(role):
    inputs, outputs = SIZES[role]
    both = [keras.Input((inputs,)), keras.Input((inputs,)), keras.Input((inputs,))]
    given = keras.Model(both, layers.Dense(outputs)(layers.Add()(both)))
    with pytest.raises(ValueError, match=f"`?{role}`? must turn inputs of shape .* Received: ") as error:
        vae({role: given})
    assert error.value.__cause__ is not None
    assert "\x1b" not in str(error.value)


@every_network
@pytest.mark.parametrize(
    "given", ["mlp", keras.Sequential, lambda x: x, 3], ids=["name", "class", "function", "number"]
)
def test_what_is_no_network_is_refused(role, given):
    with pytest.raises(ValueError, match=f"{role}`? must be a Keras model or layer, an instance.* Received: ") as error:
        vae({role: given})
    assert (given == "mlp") == ("`VAE.from_names`" in str(error.value))


@pytest.mark.parametrize("given", ["mlp", keras.Sequential, {"a": 1}, lambda x: x, None])
def test_what_is_neither_an_encoder_nor_a_list_of_them_is_refused(given):
    decoder = network(LATENT, PIXELS)
    with pytest.raises(ValueError, match="encoder, or each of a list of them, must be a Keras model"):
        VAE(given, decoder, posterior=DiagNormal(LATENT), likelihood=Bernoulli((PIXELS,)))


@pytest.mark.parametrize("name", sorted(COMPONENT_NETWORKS))
def test_one_network_of_all_components_needs_features_of_a_known_size(name):
    x = keras.Input((PIXELS,))
    several = keras.Model(x, [layers.Dense(3)(x), layers.Dense(3)(x)])
    for given in (several, keras.Sequential([layers.Dense(3)]), "mlp", keras.Model(x, layers.Reshape((5, 1))(x))):
        with pytest.raises(ValueError, match="`network` must be a Keras model that is built, with one output"):
            COMPONENT_NETWORKS[name](given, 2, PARAMS)


# Weights in common.


def holding(base, *args):
    """An instance of a subclass that owns a layer beside what the class has."""

    class Holder(base):
        def __init__(self, shared):
            super().__init__(*args)
            self.shared = shared

    return Holder


class Holder(keras.layers.Layer):
    def __init__(self, shared, size):
        super().__init__()
        self.shared, self.dense = shared, layers.Dense(size)

    def build(self, shape):
        self.dense.build(shape)

    def call(self, x):
        return self.dense(x)


DISTRIBUTIONS = {
    "likelihood": ("likelihood", holding(Bernoulli, (PIXELS,))),
    "prior": ("prior", holding(StandardNormal, LATENT)),
    "posterior family": ("posterior", holding(DiagNormal, LATENT)),
    "refinement": ("refinement", holding(DSVI)),
}


def holders(own):
    """A part of each kind, by its name in messages, which owns the layer that `own` has for it."""
    networks = {role: Holder(own[role], size) for role, (_, size) in SIZES.items()}
    return networks, {role: make(own[role]) for role, (_, make) in DISTRIBUTIONS.items()}


def model_of(networks, distributions):
    return vae(networks, **{DISTRIBUTIONS[role][0]: part for role, part in distributions.items()})


def dense():
    layer = layers.Dense(2)
    layer.build((None, 2))
    return layer


PARTS = [*SIZES, *DISTRIBUTIONS]


@pytest.mark.parametrize("pair", list(itertools.combinations(PARTS, 2)), ids=" and ".join)
def test_a_layer_that_two_parts_share_is_refused(pair):
    own = {role: dense() for role in PARTS}
    own[pair[0]] = own[pair[1]]
    networks, distributions = holders(own)
    with pytest.raises(ValueError, match=f"weights of its own.*/kernel in {pair[0]} and {pair[1]}"):
        check_weights_apart(networks | distributions)


def test_a_model_checks_every_part_of_its_own(monkeypatch):
    checked = []
    monkeypatch.setattr(compatibility, "check_weights_apart", checked.append)
    networks, distributions = holders({role: dense() for role in PARTS})
    model = model_of(networks, distributions)
    assert checked == [networks | distributions | {"mixing": model.mixing}]
    parts = {part for part in model._layers if part.weights and part not in model.encoders}
    assert parts - {model.inner_loop} <= set(checked[0].values())  # none is forgotten


@pytest.mark.parametrize("pair", [("encoder 1", "decoder"), ("decoder", "likelihood"), ("mixing network", "prior")])
def test_a_model_whose_parts_share_a_layer_is_refused(pair):
    own = {role: dense() for role in PARTS}
    own[pair[0]] = own[pair[1]]
    with pytest.raises(ValueError, match=f"/kernel in {pair[0]} and {pair[1]}"):
        model_of(*holders(own))


def test_a_vocabulary_that_two_parts_share_is_refused():
    """It is no weight, but Keras would save it once, too."""
    lookup = layers.IntegerLookup(vocabulary=[1, 2])
    networks = {name: keras.Sequential([layers.Input((3,), dtype="int64"), lookup]) for name in ("a", "b")}
    with pytest.raises(ValueError, match=f"Received: {lookup.name} in a and b"):
        check_weights_apart(networks)
    check_weights_apart({"a": networks["a"]})


def test_a_layer_without_weights_may_be_shared():
    flatten = layers.Flatten()
    encoders = {
        role: keras.Sequential([layers.Input((FEATURES,)), flatten, layers.Dense(PARAMS)])
        for role in ("encoder 0", "encoder 1")
    }
    model = vae(encoders)
    assert model(np.zeros((2, PIXELS), "float32"))["means"].shape == (2, 2, LATENT)
