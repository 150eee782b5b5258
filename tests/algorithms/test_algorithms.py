import dataclasses
import math

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import rme_tf
from rme_tf.algorithms import ALGORITHMS, Algorithm, RecursiveMixture
from rme_tf.algorithms.base import ascend
from rme_tf.algorithms.warm_start import copy_first_encoder
from rme_tf.core.registry import instantiate
from rme_tf.core.types import LogProbs
from rme_tf.networks import mlp_encoder

tfd = tfp.distributions

every_algorithm = pytest.mark.parametrize("name", sorted(ALGORITHMS))


def rule_of(name, **choices):
    if name == "subset_elbo":
        choices = {"subset_size": 3, **choices}  # all of them
    return ALGORITHMS[name](**{"warm_start_epochs": 0, **choices})


def mixing_of(name):
    return "learned" if "learned_mixing" in ALGORITHMS[name].honors else "uniform"


# Every algorithm.


@pytest.mark.slow
@every_algorithm
@pytest.mark.usefixtures("eagerly")
def test_one_epoch_moves_every_weight_and_logs_finite_numbers(name, tiny_model, binary_data):
    model = tiny_model(2, mixing=mixing_of(name), likelihood="normal")
    model.compile(keras.optimizers.SGD(0.1), rule_of(name))
    before = {variable.path: np.asarray(variable.value) for variable in model.trainable_variables}
    logs = model.fit(binary_data(batch=4), batch_size=4, epochs=1, verbose=0).history
    for path, value in before.items():
        after = next(v for v in model.trainable_variables if v.path == path)
        assert np.isfinite(after.value).all()
        assert (np.asarray(after.value) != value).any(), f"{path} has not moved"
    terms = ["loss", "elbo", "reconstruction", "kl", "elbo_0", "elbo_1", "alpha_0", "alpha_1"]
    assert sorted(logs) == sorted(terms)
    assert all(len(values) == 1 and math.isfinite(values[0]) for values in logs.values())
    assert logs["alpha_0"][0] + logs["alpha_1"][0] == pytest.approx(1.0, abs=1e-6)
    assert logs["loss"][0] == pytest.approx(-logs["elbo"][0], rel=1e-6)
    assert int(model.optimizer.iterations.value) == 1


@every_algorithm
@pytest.mark.parametrize("num_samples", [1, 2])
def test_a_step_returns_the_log_probs_of_its_draw(name, tiny_model, binary_data, num_samples):
    model = tiny_model(3, mixing=mixing_of(name))
    rule = rule_of(name, num_samples=num_samples)
    model.compile(keras.optimizers.SGD(0.1), rule)
    result = rule.step(model, tf.constant(binary_data()), tf.constant([0, 1]))
    assert isinstance(result, LogProbs)
    assert result.log_lik.shape == result.log_prior.shape == (num_samples, 3, 3)
    assert result.log_q_all.shape == (num_samples, 3, 3, 3)
    assert result.log_alpha.shape == (3, 3)
    assert all(np.isfinite(term).all() for term in result)


def one_step(model, rule, x, seed=(0, 1)):
    """Runs a step from the weights that the model has, and returns those it ends with."""
    start = model.get_weights()
    model.compile(keras.optimizers.SGD(0.1), rule)
    rule.step(model, tf.constant(x), tf.constant(seed))
    end = [np.asarray(variable.value) for variable in model.trainable_variables]
    model.set_weights(start)
    return end


@every_algorithm
def test_seeds_reproduce_a_step(name, tiny_model, binary_data):
    model, x = tiny_model(2), binary_data()
    first, again, other = (one_step(model, rule_of(name), x, seed) for seed in [(0, 1), (0, 1), (0, 2)])
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert any((a != b).any() for a, b in zip(first, other, strict=True))


class SharedNoise(tfd.MultivariateNormalDiag):
    """Draws the same noise for all rows of a batch."""

    def sample(self, sample_shape, seed):
        ones = [1] * len(self.batch_shape)
        noise = tf.random.stateless_normal([sample_shape, *ones, *self.event_shape], seed=seed)
        return self.mean() + self.stddev() * noise


class SharedNoiseFamily(rme_tf.posteriors.DiagNormal):
    def distribution(self, params):
        q = super().distribution(params)
        return SharedNoise(q.mean(), scale_diag=q.stddev())


@pytest.mark.slow
@every_algorithm
def test_a_step_is_the_mean_over_the_observations(name, tiny_model, binary_data):
    """So one row, repeated, is one row: the batch size does not scale the gradient."""
    model, row = tiny_model(2, posterior=SharedNoiseFamily(2)), binary_data(batch=1)
    alone = one_step(model, rule_of(name), row)
    repeated = one_step(model, rule_of(name), np.repeat(row, 4, axis=0))
    for a, b in zip(alone, repeated, strict=True):
        np.testing.assert_allclose(a, b, atol=2e-6)  # float32


@every_algorithm
def test_algorithms_survive_their_configuration(name):
    rule = rule_of(name, num_samples=3, warm_start_noise=0.5)
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(rule))
    assert copy == rule
    assert type(copy) is type(rule)
    assert ALGORITHMS[name].from_config(rule.get_config()) == rule
    with pytest.raises(TypeError):
        ALGORITHMS[name].from_config({**rule.get_config(), "unknown": 1})


@every_algorithm
def test_choices_are_fixed_and_named(name):
    with pytest.raises(dataclasses.FrozenInstanceError):
        rule_of(name).num_samples = 2
    with pytest.raises(TypeError):
        ALGORITHMS[name](1)


@every_algorithm
@pytest.mark.parametrize(
    "choices",
    [
        {"num_samples": 0},
        {"warm_start_epochs": -1},
        {"warm_start_noise": -1.0},
        {"warm_start_noise": math.inf},
    ],
)
def test_a_choice_out_of_range_raises(name, choices):
    with pytest.raises(ValueError, match=next(iter(choices))):
        ALGORITHMS[name](**choices)


@every_algorithm
def test_a_name_is_the_algorithm_with_its_defaults(name):
    assert instantiate(ALGORITHMS, name, "algorithm") == ALGORITHMS[name]()


def test_the_base_class_leaves_the_step_to_subclasses(tiny_model):
    with pytest.raises(NotImplementedError):
        Algorithm().step(tiny_model(1), tf.zeros([1, 5]), tf.constant([0, 1]))


# The compiled joint update; the sequential one is in test_recursive_mixture_steps.


@pytest.mark.slow
def test_a_compiled_step_is_the_eager_one(tiny_model, binary_data):
    x, ends = binary_data(), []
    for compiled in (False, True):
        model, rule = tiny_model(2, mixing="learned"), rule_of("recursive_mixture")
        model.compile(keras.optimizers.SGD(0.1), rule)
        step = tf.function(rule.step, autograph=False) if compiled else rule.step  # as Keras does
        step(model, tf.constant(x), tf.constant([0, 1]))
        ends.append([np.asarray(variable.value) for variable in model.trainable_variables])
    for a, b in zip(*ends, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


# The step up.


def test_ascend_leaves_what_the_objective_does_not_depend_on(tiny_model):
    model = tiny_model(2)
    model.compile(keras.optimizers.Adam(0.1), "elbo")
    touched = model.encoders[0].trainable_variables[0]
    before = {v.path: np.asarray(v.value) for v in model.trainable_variables}
    slots = [np.asarray(v.value) for v in model.optimizer.variables[2:]]

    def objective():
        return tf.reduce_sum(tf.convert_to_tensor(touched), axis=-1), "handed back"

    assert ascend(model, model.trainable_variables, objective) == "handed back"
    for variable in model.trainable_variables:
        moved = np.abs(np.asarray(variable.value) - before[variable.path])
        # Up, by Adam's first step, which is the learning rate.
        expected = 0.1 if variable is touched else 0.0
        np.testing.assert_allclose(moved, expected, atol=1e-5)
    assert (np.asarray(touched.value) > before[touched.path]).all()
    changed = [(np.asarray(v.value) != old).any() for v, old in zip(model.optimizer.variables[2:], slots, strict=True)]
    assert sum(changed) == 2  # the two moments of one variable


@every_algorithm
def test_weight_decay_reaches_its_own_variables(name, tiny_model, binary_data):
    """A regularisation loss moves the encoder that bears it by its own gradient, and nothing else."""
    model, x, ends = tiny_model(2), binary_data(), []
    kernel = model.encoders[1].layers[-1].kernel
    start = np.asarray(kernel.value)
    for decay in (0.0, 0.5):
        kernel.regularizer = keras.regularizers.L2(decay)
        ends.append(one_step(model, rule_of(name), x))
    for variable, without, decayed in zip(model.trainable_variables, *ends, strict=True):
        shift = -0.1 * 2 * 0.5 * start if variable is kernel else 0.0  # of 0.5 w^2, at a rate of 0.1
        np.testing.assert_allclose(decayed - without, shift * np.ones(variable.shape), atol=2e-6)


# The warm start.


def encoders(*units):
    return [mlp_encoder((5,), 4, units=(size,)) for size in units]


def test_the_others_become_the_first_with_noise():
    first, *others = encoders(20, 20, 20)
    kept = first.get_weights()
    copy_first_encoder([first, *others], noise=0.01, seed=3)
    for a, b in zip(first.get_weights(), kept, strict=True):
        np.testing.assert_array_equal(a, b)
    noise = [
        np.concatenate([(a - b).ravel() for a, b in zip(other.get_weights(), kept, strict=True)]) for other in others
    ]
    for values in noise:
        # The standard error of a standard deviation is 1 / sqrt(2 n) of it.
        assert values.std() == pytest.approx(0.01, rel=4 / math.sqrt(2 * len(values)))
        assert abs(values.mean()) < 4 * 0.01 / math.sqrt(len(values))
    assert (noise[0] != noise[1]).all()  # else the components would stay one for ever


def test_the_noise_of_a_warm_start_comes_from_its_seed():
    results = []
    for seed in (3, 3, 4):
        pair = encoders(4, 4)
        pair[0].set_weights([np.ones_like(weight) for weight in pair[0].get_weights()])
        copy_first_encoder(pair, noise=0.1, seed=seed)
        results.append(pair[1].get_weights())
    np.testing.assert_array_equal(results[0][0], results[1][0])
    assert (results[0][0] != results[2][0]).all()


def test_a_warm_start_leaves_weights_that_do_not_train_without_noise():
    pair = [keras.Sequential([keras.layers.Input((5,)), keras.layers.BatchNormalization()]) for _ in range(2)]
    pair[0].layers[0].moving_variance.assign([2.0, 3.0, 4.0, 5.0, 6.0])
    copy_first_encoder(pair, noise=0.1, seed=0)
    np.testing.assert_array_equal(pair[1].layers[0].moving_variance.value, pair[0].layers[0].moving_variance.value)
    assert (np.asarray(pair[1].layers[0].gamma.value) != np.asarray(pair[0].layers[0].gamma.value)).all()


@pytest.mark.parametrize("units", [(3, 4, 3), (3, 3)])
def test_an_encoder_of_another_shape_stays_as_it_was_initialised(units):
    """Wider, or with one layer more; even the weights that would fit."""
    others = encoders(*units)
    if len(units) == 2:
        others[1] = keras.Sequential([keras.layers.Input((5,)), *others[1].layers, keras.layers.Dense(4)])
    before = [encoder.get_weights() for encoder in others]
    copy_first_encoder(others, noise=0.01, seed=0)
    for old, new in zip(before[1], others[1].get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    for encoder in others[2:]:
        assert np.abs(encoder.get_weights()[0] - before[0][0]).max() < 0.1


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_encoders_of_several_shapes_may_have_a_warm_start(binary_data):
    model = rme_tf.VAE.from_names(
        encoder=encoders(3, 4), decoder="mlp", input_shape=(5,), latent_dim=2, num_components=2
    )
    model.compile("sgd", RecursiveMixture(warm_start_epochs=1))
    own = [weight.copy() for weight in model.encoders[1].get_weights()]
    seen = []
    note = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: seen.append(model.encoders[1].get_weights())
    )
    history = model.fit(binary_data(8), epochs=2, callbacks=[note], verbose=0).history
    assert history["alpha_1"] == pytest.approx([0.0, 0.5])
    for first, at_joining, last in zip(own, seen[1], model.encoders[1].get_weights(), strict=True):
        np.testing.assert_array_equal(first, at_joining)
        assert (last != first).any()
