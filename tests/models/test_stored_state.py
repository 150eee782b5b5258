"""State trees and files of weights: put back whole into the same model, and into no other."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from rme_tf import RecursiveMixture
from rme_tf.posteriors import POSTERIORS
from rme_tf.priors import PRIORS

NAMES = ("model.weights.h5", "model.keras")
OTHERS = {  # of three components, two dimensions, a diagonal normal, Bernoulli pixels and a standard normal prior
    "components": {"num_components": 2},
    "more components": {"num_components": 4},
    "latent dimensions": {"latent_dim": 3},
    "posterior": {"posterior": "householder"},
    "prior": {"prior": "vamp"},
    "mixing": {"mixing": "learned"},
}


def values_of(model):
    return [variable.numpy() for variable in model.variables]


def assert_equal(values, others):
    for value, other in zip(values, others, strict=True):
        np.testing.assert_array_equal(value, other)


def rebuilt(model):
    """The model that its configuration describes; its layers have names of their own, as they are new."""
    return type(model).from_config(model.get_config())


def moved(model):
    """The model, compiled, with an optimizer that is not at its start."""
    model.compile("adam", "elbo")
    for variable in model.optimizer.variables:
        variable.assign(variable.value + tf.ones_like(variable.value))
    return model


@pytest.mark.parametrize(
    "choices",
    [*({"posterior": name} for name in sorted(POSTERIORS)), *({"prior": name} for name in sorted(PRIORS))],
    ids=str,
)
def test_a_state_tree_is_that_of_a_rebuilt_model(tiny_model, choices):
    model = tiny_model(2, **choices)
    model.seed_generator.next()
    model.compile("adam", "elbo")
    other = rebuilt(model)
    assert [variable.path for variable in other.variables] != [variable.path for variable in model.variables]
    other.compile("adam", "elbo")
    other.set_state_tree(model.get_state_tree("numpy_array"))
    assert_equal(values_of(other), values_of(model))
    assert_equal(model.get_state_tree()["trainable_variables"].values(), model.trainable_variables)


def test_the_state_of_an_optimizer_is_part_of_the_tree(tiny_model):
    model = moved(tiny_model(3))
    tree, other = model.get_state_tree("numpy_array"), rebuilt(model)
    other.set_state_tree(tree)  # not compiled: its weights
    assert_equal(values_of(other), values_of(model))
    assert other.get_state_tree()["optimizer_variables"] == {}
    other.compile("adam", "elbo")
    other.set_state_tree(tree)
    assert_equal([v.numpy() for v in other.optimizer.variables], [v.numpy() for v in model.optimizer.variables])


def test_a_tree_by_the_paths_of_keras_is_taken_where_they_are_the_same(tiny_model):
    model = tiny_model(2)
    model.compile("adam", "elbo")
    tree = keras.Model.get_state_tree(model, "numpy_array")
    before = values_of(model)
    for variable in model.trainable_variables:
        variable.assign(variable.value + 1.0)
    model.set_state_tree(tree)
    assert_equal(values_of(model), before)
    other = rebuilt(model)
    before = values_of(other)
    with pytest.raises(ValueError, match="another model than this one, of 2 components, 2 latent"):
        other.set_state_tree(tree)
    assert_equal(values_of(other), before)


@pytest.mark.parametrize("choices", OTHERS.values(), ids=OTHERS)
def test_a_state_tree_of_another_model_changes_nothing(tiny_model, choices):
    model, other = tiny_model(3), tiny_model(**{"num_components": 3, **choices})
    before = values_of(other)
    tree = model.get_state_tree("numpy_array")
    with pytest.raises(ValueError, match="those of another model than this one, of . components"):
        other.set_state_tree(tree)
    assert_equal(values_of(other), before)


def test_groups_and_formats_that_no_state_tree_has_are_refused(tiny_model):
    with pytest.raises(ValueError, match="has the groups trainable_variables, .* 'weights'"):
        tiny_model(1).set_state_tree({"weights": {}})
    with pytest.raises(ValueError, match="must be one of 'backend_tensor', 'numpy_array'. Received: 'jax'"):
        tiny_model(1).get_state_tree("jax")


@pytest.mark.slow
@pytest.mark.parametrize("weights_only", [False, True])
def test_an_orbax_checkpoint_gives_what_was_trained(tiny_model, binary_data, tmp_path, weights_only):
    pytest.importorskip("orbax.checkpoint")
    model = tiny_model(3)
    model.compile("adam", RecursiveMixture(warm_start_epochs=0), run_eagerly=True)
    options = {"save_on_background": False, "save_weights_only": weights_only}
    model.fit(binary_data(), verbose=0, callbacks=[keras.callbacks.OrbaxCheckpoint(str(tmp_path), **options)])
    if weights_only:
        loaded = tiny_model(3, seed=5)
        loaded.load_weights(str(tmp_path))
    else:
        loaded = keras.saving.load_model(str(tmp_path))
        assert int(loaded.optimizer.iterations) == 1
    assert_equal(loaded.get_weights(), model.get_weights())
    with pytest.raises(ValueError, match="another model"):
        tiny_model(2).load_weights(str(tmp_path))


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_files_are_loaded_into_the_same_model(tiny_model, tmp_path, name, compiled):
    model, other = moved(tiny_model(3)), tiny_model(3, seed=5)
    (model.save if name.endswith(".keras") else model.save_weights)(tmp_path / name)
    if compiled:
        other.compile("adam", "elbo")
    other.load_weights(tmp_path / name)
    assert_equal(other.get_weights(), model.get_weights())
    if compiled:
        assert_equal([v.numpy() for v in other.optimizer.variables], [v.numpy() for v in model.optimizer.variables])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("choices", OTHERS.values(), ids=OTHERS)
def test_files_of_another_model_change_nothing(tiny_model, tmp_path, name, choices):
    model, other = tiny_model(3), tiny_model(**{"num_components": 3, **choices})
    (model.save if name.endswith(".keras") else model.save_weights)(tmp_path / name)
    before = values_of(other)
    with pytest.raises(ValueError, match="holds the weights of another model: expected .* received"):
        other.load_weights(tmp_path / name)
    assert_equal(values_of(other), before)


@pytest.mark.parametrize(
    ("name", "choices", "message"),
    [
        (NAMES[0], {"num_components": 2}, "expected components 2, received 3"),
        (NAMES[1], {"num_components": 2}, "expected components 2, received 3"),
        (NAMES[1], {"latent_dim": 4}, "expected latent dimensions 4, received 2"),
        (NAMES[1], {"posterior": "householder"}, "expected posterior Householder, received DiagNormal"),
        (NAMES[1], {"likelihood": "continuous_bernoulli"}, "expected likelihood ContinuousBernoulli, received Bern"),
        (NAMES[1], {"prior": "vamp"}, "expected prior Vamp, received StandardNormal"),
    ],
)
def test_messages_name_what_differs(tiny_model, tmp_path, name, choices, message):
    model = tiny_model(3)
    (model.save if name.endswith(".keras") else model.save_weights)(tmp_path / name)
    with pytest.raises(ValueError, match=message):
        tiny_model(**{"num_components": 3, **choices}).load_weights(tmp_path / name)


@pytest.mark.parametrize("num_components", [2, 4])
@pytest.mark.parametrize("name", NAMES)
def test_the_layers_that_fit_are_loaded_on_demand(tiny_model, tmp_path, name, num_components):
    model, other = tiny_model(3), tiny_model(num_components, seed=5)
    (model.save if name.endswith(".keras") else model.save_weights)(tmp_path / name)
    if num_components > 3:
        with pytest.warns(UserWarning, match="could not be loaded"):
            other.load_weights(tmp_path / name, skip_mismatch=True)
    else:
        other.load_weights(tmp_path / name, skip_mismatch=True)
    assert_equal(other.decoder.get_weights(), model.decoder.get_weights())
    assert_equal(other.encoders[1].get_weights(), model.encoders[1].get_weights())
    assert int(other.num_active) == num_components


class Scaled(keras.layers.Layer):
    """A layer that stores another value than its weight."""

    def build(self, shape):
        self.scale = self.add_weight(name="scale", shape=(1,), initializer="ones")

    def call(self, x):
        return x * self.scale

    def save_own_variables(self, store):
        store["pair"] = np.stack([self.scale.numpy(), self.scale.numpy()])

    def load_own_variables(self, store):
        self.scale.assign(store["pair"][0])


def test_layers_may_store_their_weights_in_their_own_way(tiny_model, tmp_path):
    def build(seed):
        decoder = keras.Sequential([keras.layers.Input((2,)), Scaled(), keras.layers.Dense(5)])
        return tiny_model(2, decoder=decoder, seed=seed)

    model, other = build(0), build(1)
    model.save_weights(tmp_path / NAMES[0])
    other.load_weights(tmp_path / NAMES[0])
    assert_equal(other.get_weights(), model.get_weights())
    assert tf.reduce_any(model.decoder.layers[0].scale != 1.0)
