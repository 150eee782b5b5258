"""The argument `components_per_step`: its range, the models and algorithms that it fits, and whole trainings."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from conftest import build_tiny_model
from definition import algorithm, recorded_gradients
from rme_tf import ELBO, FreeBits, Renyi, SubsetELBO
from rme_tf.algorithms import ALGORITHMS, Aggressive, BoundAlgorithm, drawn_update
from rme_tf.algorithms.kl_annealing import LinearAnnealing
from rme_tf.core.types import DrawnLogProbs

SEED = tf.constant([3, 4])
HONORING = sorted(name for name, kind in ALGORITHMS.items() if "components_per_step" in kind.honors)
layers = keras.layers


def test_the_algorithms_of_all_components_honor_it():
    assert HONORING == ["boosted", "elbo", "importance_weighted", "recursive_mixture", "renyi"]
    with pytest.raises(ValueError, match="`components_per_step` is the number .* SubsetELBO does not honor"):
        SubsetELBO(components_per_step=1)


@pytest.mark.parametrize("name", HONORING)
@pytest.mark.parametrize(("num_components", "warming"), [(1, False), (3, False), (3, True)])
def test_as_many_as_train_are_all_of_them_bit_for_bit(binary_data, name, num_components, warming):
    """So a training of one component, or the warm start, is what it is without the argument: the VAE."""
    model, x = build_tiny_model(num_components), binary_data()
    if warming:
        model.active_components = 1
    rule = ALGORITHMS[name](warm_start_epochs=0)
    some = dataclasses.replace(rule, components_per_step=1 if warming else num_components)
    expected, found = recorded_gradients(model, rule, x), recorded_gradients(model, some, x)
    assert expected.keys() == found.keys()
    assert all(np.array_equal(found[path], gradient) for path, gradient in expected.items())


@pytest.mark.parametrize("value", [0, 1.0, True, "1"])
def test_it_is_an_integer_of_at_least_one(value):
    with pytest.raises(ValueError, match="`components_per_step` must be an integer of at least 1. Received"):
        algorithm(components_per_step=value)


def test_more_components_than_the_model_has_are_refused():
    with pytest.raises(ValueError, match="must be an integer from 1 to 2. Received: 3. The model has no more"):
        build_tiny_model(2).compile("sgd", algorithm(components_per_step=3))


def test_the_papers_loop_trains_all():
    model = build_tiny_model(3)
    model.compile("sgd", algorithm(update="sequential", components_per_step=3))
    with pytest.raises(ValueError, match="Expected: update='joint', or components_per_step=None"):
        model.compile("sgd", algorithm(update="sequential", components_per_step=2))


def test_an_order_above_one_learns_no_weights_from_draws():
    model = build_tiny_model(3, mixing="learned")
    model.compile("sgd", Renyi(order=0.5, components_per_step=2))
    with pytest.raises(ValueError, match="Renyi's bound of an order above 1 .* Received: order=2.0"):
        model.compile("sgd", Renyi(order=2.0, components_per_step=2))


def test_a_new_bound_does_not_inherit_it():
    class Own(ELBO):
        def bound(self, log_joint, log_mixture_density, log_alpha):
            return super().bound(log_joint, log_mixture_density, log_alpha)

    class Declared(Own):
        honors = ELBO.honors

    class OneMethod(BoundAlgorithm):
        bound = ELBO.bound

    for kind in (Own, OneMethod):
        with pytest.raises(ValueError, match=f"{kind.__name__} does not honor"):
            kind(components_per_step=1)
    assert Declared(components_per_step=1).draws_some(2)
    assert Declared.drawn_bound is BoundAlgorithm.drawn_bound is not ELBO.drawn_bound


# Decoders that mix the rows of a batch.


def normalizing_decoder():
    return keras.Sequential([layers.Input((2,)), layers.Dense(6), layers.BatchNormalization(), layers.Dense(5)])


@pytest.mark.slow
def test_a_decoder_may_normalize_over_the_batch_where_no_gradient_is_rescaled(monkeypatch, binary_data):
    model = build_tiny_model(3, decoder=normalizing_decoder(), decoder_options={})
    with pytest.raises(ValueError, match="Expected: update='sequential'"):
        model.compile("sgd", algorithm())
    monkeypatch.delattr(drawn_update, "scale_gradient")  # the graph has none
    model.compile("sgd", algorithm(components_per_step=2))
    model.algorithm.step(model, tf.constant(binary_data()), SEED)

    model = build_tiny_model(3, decoder=normalizing_decoder(), decoder_options={}, mixing="learned")
    with pytest.raises(ValueError, match="Expected: decoder_weights='uniform'.* Received: a decoder that mixes rows"):
        model.compile("sgd", algorithm(components_per_step=2))
    model.compile("sgd", algorithm(components_per_step=2, decoder_weights="uniform"))
    model.algorithm.step(model, tf.constant(binary_data()), SEED)


# Trainings.


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_a_training_in_all_its_phases_survives_its_file(tiny_model, binary_data, tmp_path):
    """A warm start, draws, a polish with draws; annealed, aggressive and with free bits."""
    model, x = tiny_model(3, mixing="learned"), binary_data(4)
    rule = algorithm(
        components_per_step=2,
        warm_start_epochs=1,
        polish_epoch=2,
        kl_weight=LinearAnnealing(steps=3),
        aggressive=Aggressive(max_steps=2),
        free_bits=FreeBits(nats=0.1),
    )
    model.compile("adam", rule)
    with pytest.warns(UserWarning, match="ggressive"):
        logs = model.fit(x, batch_size=4, epochs=3, verbose=0).history
    assert np.isfinite(logs["loss"]).all()
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.algorithm == rule
    for each in (model, loaded):
        each.make_train_function()  # for the phase that it is in
        each.algorithm.step(each, tf.constant(x), SEED)
    for found, expected in zip(loaded.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["elbo", "recursive_mixture"])
def test_sentences_train_from_draws(name):
    model = build_tiny_model(
        3,
        encoder="lstm",
        decoder="lstm",
        likelihood="categorical_sequence",
        input_shape=(None,),
        likelihood_options={"vocabulary_size": 7, "features": 3},
        encoder_options={"units": 3, "embedding_size": 2},
        decoder_options={},
        trunk="shared",
    )
    model.compile("sgd", ALGORITHMS[name](warm_start_epochs=0, components_per_step=1))
    x = tf.constant([[1, 5, 4, 2], [1, 6, 2, 0], [1, 4, 4, 2]])
    result = model.algorithm.step(model, x, SEED)
    assert isinstance(result, DrawnLogProbs)
    assert result.log_lik.shape == (1, 3, 1)
    assert result.log_q_all.shape == (1, 3, 1, 3)
    assert int(result.drawn[0, 0]) != int(result.drawn[2, 0])  # of the even rows
    assert all(np.isfinite(part).all() for part in result)
