"""Whole steps of the method: what moves, when and by how much; the choices it takes."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from definition import (
    SEED,
    UPDATES,
    Definition,
    algorithm,
    assert_same_gradients,
    descent_direction,
    recorded_gradients,
)
from rme_tf import ELBO, RecursiveMixture

tfd = tfp.distributions


def state(model):
    return [np.asarray(variable.value) for variable in model.trainable_variables]


@pytest.mark.slow
def test_one_component_makes_the_joint_update_the_vae_step_for_step(tiny_model, binary_data):
    x = tf.constant(binary_data())
    runs = []
    for rule in (algorithm(num_samples=2), ELBO(num_samples=2)):
        model = tiny_model(1, likelihood="normal")
        model.compile(keras.optimizers.Adam(0.05), rule)
        for step in range(5):
            rule.step(model, x, tf.constant([0, step]))
        runs.append(state(model))
    start = state(tiny_model(1, likelihood="normal"))
    for first, result, vae in zip(start, *runs, strict=True):
        assert np.abs(vae - first).max() > 0.05
        # Adam divides by the gradient's size, so float32's rounding shows more where that is small.
        np.testing.assert_allclose(result, vae, atol=2e-4)


@pytest.mark.parametrize("update", UPDATES)
def test_one_component_has_the_gradients_of_the_vae(tiny_model, binary_data, update):
    """The sequential update is no VAE step for step: its decoder sees the encoder that has just moved."""
    model, x = tiny_model(1, mixing="learned"), binary_data()
    expected = recorded_gradients(model, ELBO(), x)
    assert_same_gradients(recorded_gradients(model, algorithm(update=update), x), expected, tolerance=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(("update", "frozen"), [("joint", ""), ("sequential", ""), ("sequential", "decoder")])
def test_a_step_counts_as_one_iteration(tiny_model, binary_data, update, frozen):
    """Else schedules and Adam's bias correction run too fast, or stand still."""
    model, x = tiny_model(2, mixing="learned"), tf.constant(binary_data())
    model.decoder.trainable = frozen != "decoder"
    rule = algorithm(update=update)
    model.compile(keras.optimizers.Adam(1e-3), rule)
    for step in (1, 2):
        rule.step(model, x, tf.constant(SEED))
        assert int(model.optimizer.iterations.value) == step


class Clock(keras.optimizers.SGD):
    """Notes the iteration at which each apply takes place."""

    def __init__(self, note):
        super().__init__(learning_rate=0.0)
        self._note = note

    def apply(self, grads, trainable_variables=None):
        self._note(int(self.iterations.value))
        super().apply(grads, trainable_variables)


@pytest.mark.slow
def test_all_stages_of_a_step_are_at_the_same_iteration(tiny_model, binary_data):
    model, rule, times = tiny_model(2, mixing="learned"), algorithm(update="sequential"), []
    model.compile(Clock(lambda time: times.append(time)), rule)
    for _ in range(2):
        rule.step(model, tf.constant(binary_data()), tf.constant(SEED))
    assert times == [0, 0, 0, 0, 1, 1, 1, 1]  # q_0, q_1, eps_1, theta


def ascent_by_definition(model, x, rate, *, update):
    """Plain gradient ascent, stage by stage or all at once."""
    definition = Definition(model, algorithm(), x)
    moves = []
    for objective, variables in definition.stages():
        directions = descent_direction(objective, variables)
        moves += [(variable, directions[variable.path]) for variable in variables]
        if update == "sequential":
            apply(moves, rate)
            moves = []
            definition.hold()
    apply(moves, rate)


def apply(moves, rate):
    for variable, direction in moves:
        variable.assign(np.asarray(variable.value) - rate * direction)


@pytest.mark.slow
def test_the_stages_of_the_sequential_update_see_what_the_earlier_ones_learned(tiny_model, binary_data):
    x, rate = binary_data(), 0.1
    results = {}
    for update in UPDATES:
        by_definition = tiny_model(3, mixing="learned")
        ascent_by_definition(by_definition, x, rate, update=update)
        results[update] = state(by_definition)
        model, rule = tiny_model(3, mixing="learned"), algorithm(update=update)
        model.compile(keras.optimizers.SGD(rate), rule)
        rule.step(model, tf.constant(x), tf.constant(SEED))
        for variable, expected in zip(model.trainable_variables, results[update], strict=True):
            # float32, at rate times the gradient's error
            np.testing.assert_allclose(variable.value, expected, atol=5e-6, err_msg=f"{update} {variable.path}")
    gap = max(np.abs(a - b).max() for a, b in zip(results["joint"], results["sequential"], strict=True))
    assert gap > 1e-4  # so the comparison above can tell the two apart


@pytest.mark.slow
def test_a_compiled_step_is_the_eager_one(tiny_model, binary_data):
    """For the joint update see `test_algorithms`."""
    model, x = tiny_model(2, mixing="learned"), binary_data()
    rule = algorithm(update="sequential")
    model.compile(keras.optimizers.SGD(0.1), rule)
    start = model.get_weights()
    rule.step(model, tf.constant(x), tf.constant(SEED))
    eager = state(model)
    model.set_weights(start)
    tf.function(rule.step, autograph=False)(model, tf.constant(x), tf.constant(SEED))
    assert int(model.optimizer.iterations.value) == 2  # one eager, one compiled
    for result, expected in zip(state(model), eager, strict=True):
        np.testing.assert_allclose(result, expected, atol=1e-6)


# Choices.


@pytest.mark.parametrize(
    "choices",
    [
        {"kl_bound": -1.0},
        {"kl_bound": math.nan},
        {"bound": "soft"},
        {"update": "parallel"},
        {"num_samples": 0},
        {"warm_start_epochs": -1},
        {"warm_start_noise": -0.1},
        {"warm_start_noise": math.nan},
    ],
)
def test_a_choice_out_of_range_raises(choices):
    with pytest.raises(ValueError, match=next(iter(choices)).removeprefix("kl_")):
        RecursiveMixture(**choices)


@pytest.mark.parametrize("bound", ["clamp", "skew"])
def test_an_infinite_bound_is_none_and_a_bound_of_zero_no_reward(tiny_model, binary_data, bound):
    model, x = tiny_model(2), binary_data()
    path = model.encoders[1].trainable_variables[0].path
    none = recorded_gradients(model, algorithm(bound="none"), x)[path]
    unbounded = recorded_gradients(model, algorithm(bound=bound, kl_bound=math.inf), x)[path]
    np.testing.assert_allclose(unbounded, none, rtol=1e-4, atol=1e-6)

    definition = Definition(model, algorithm(), x)

    def own_elbo():
        mean, scale = definition.moments(1)
        z = mean + scale * definition.noise[1]
        log_q = tfd.MultivariateNormalDiag(mean, scale_diag=scale).log_prob(z)
        return tf.reduce_mean(definition.log_joint(z) - log_q, axis=0)

    alone = descent_direction(own_elbo, model.encoders[1].trainable_variables)[path]
    unrewarded = recorded_gradients(model, algorithm(bound=bound, kl_bound=0.0), x)[path]
    np.testing.assert_allclose(unrewarded, alone, rtol=1e-4, atol=1e-6)
