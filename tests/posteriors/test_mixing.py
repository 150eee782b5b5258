import math

import keras
import numpy as np
import pytest
import tensorflow as tf

import reference
from rme_tf import objectives
from rme_tf.networks import mlp_encoder
from rme_tf.posteriors import MIXINGS, RecursiveMixing, UniformMixing

B, M = 3, 4

MODES = {
    "uniform": UniformMixing,
    "learned": RecursiveMixing,
    "bounded": lambda: RecursiveMixing(eps_min=0.05),
    "pulled": lambda: RecursiveMixing(uniform_pull=0.7),
    "bounded and pulled": lambda: RecursiveMixing(eps_min=0.2, uniform_pull=2.0),
    **MIXINGS,  # a new entry is walked with its defaults
}
every_mixing = pytest.mark.parametrize("mode", sorted(MODES))


def random_logits(seed=0, spread=1.0, num_components=M):
    return tf.random.stateless_normal([B, num_components - 1], seed=(8, seed)) * spread


@every_mixing
def test_weights_sum_to_one(mode):
    log_alpha = MODES[mode]().log_alpha(random_logits(spread=3.0))
    assert log_alpha.shape == (B, M)
    assert log_alpha.dtype == tf.float32
    np.testing.assert_allclose(tf.reduce_sum(tf.exp(log_alpha), axis=-1), 1.0, rtol=1e-6)  # float32


@every_mixing
@pytest.mark.parametrize("count", range(1, M + 1))
def test_the_weights_obey_the_recursion(mode, count):
    """The first K of the M weights, renormalised, are those of K - 1 logits."""
    mixing, logits = MODES[mode](), random_logits(spread=2.0)
    prefix = objectives.prefix_log_alpha(mixing.log_alpha(logits), count)
    np.testing.assert_allclose(prefix, mixing.log_alpha(logits[:, : count - 1]), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("scale", [1.0, 1e5, 1e12])
def test_what_was_before_each_component_is_the_mixture_of_the_shorter_recursion(rng, scale):
    """Also where it is as good as nowhere: a later component then must not count."""
    log_q = rng.normal(scale=scale, size=(2, B, M, M))
    log_alpha, log_q_all = (
        tf.constant(each, tf.float32) for each in (np.log(rng.dirichlet(np.ones(M), size=B)), log_q)
    )
    with tf.GradientTape() as tape:
        tape.watch((log_alpha, log_q_all))
        found = objectives.log_mixtures_before(log_alpha, log_q_all)
    assert all(np.isfinite(gradient).all() for gradient in tape.gradient(found, (log_alpha, log_q_all)))
    assert found.shape == (2, B, M - 1)
    for m in range(1, M):
        prefix = objectives.prefix_log_alpha(log_alpha, m)[:, tf.newaxis]
        expected = objectives.log_mixture(prefix, log_q_all[:, :, m : m + 1, :m])
        np.testing.assert_allclose(found[..., m - 1 : m], expected, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("num_components", [1, 2, 3, 7])
def test_uniform_weights_are_exactly_uniform(num_components):
    log_alpha = UniformMixing().log_alpha(random_logits(spread=9.0, num_components=num_components))
    expected = np.full((B, num_components), -np.log(np.float64(num_components)), "float32")
    np.testing.assert_array_equal(log_alpha, expected)


@pytest.mark.parametrize("num_components", [1, 2, 3, 7])
def test_logits_of_zero_mean_uniform_weights(num_components):
    log_alpha = RecursiveMixing().log_alpha(tf.zeros([B, num_components - 1]))
    np.testing.assert_allclose(tf.exp(log_alpha), 1 / num_components, rtol=1e-6)


@pytest.mark.parametrize("eps_min", [0.0, 0.05, 0.3])
def test_learned_weights_match_the_oracle(eps_min):
    logits = random_logits(spread=2.0)
    alpha = tf.exp(RecursiveMixing(eps_min=eps_min).log_alpha(logits))
    for b in range(B):
        shifted = np.asarray(logits[b], np.float64) - np.log(np.arange(1, M))
        eps = eps_min + (1 - 2 * eps_min) / (1 + np.exp(-shifted))
        np.testing.assert_allclose(alpha[b], reference.recursion_weights(eps), rtol=1e-5)


@pytest.mark.parametrize("eps_min", [1e-4, 0.05, 0.3, 0.499])
@pytest.mark.parametrize("spread", [1.0, 1e3])
def test_eps_stays_within_its_bounds(eps_min, spread):
    log_alpha = RecursiveMixing(eps_min=eps_min).log_alpha(random_logits(spread=spread))
    alpha = np.exp(np.asarray(log_alpha, np.float64))
    eps = alpha[:, 1:] / np.cumsum(alpha, axis=1)[:, 1:]
    assert (eps >= eps_min * (1 - 1e-5)).all()  # float32 rounds the logs
    assert (eps <= (1 - eps_min) * (1 + 1e-5)).all()


@every_mixing
@pytest.mark.parametrize("size", [-1e3, -90.0, 0.0, 90.0, 1e3])
def test_extreme_logits_leave_weights_and_gradients_finite(mode, size):
    mixing = MODES[mode]()
    logits = tf.fill([B, M - 1], size) * tf.constant([1.0, -1.0, 1.0])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(logits)
        log_alpha = mixing.log_alpha(logits)
        alpha = tf.exp(log_alpha)
        value = tf.reduce_sum(log_alpha * [1.0, 2.0, 3.0, 4.0])
        weighted = tf.reduce_sum(alpha * [1.0, 2.0, 3.0, 4.0])
        penalty = mixing.penalty(log_alpha)
    assert np.isfinite(log_alpha).all()
    np.testing.assert_allclose(tf.reduce_sum(alpha, axis=-1), 1.0, rtol=1e-5)
    assert np.isfinite(penalty).all()
    for target in (value, weighted, penalty):
        gradient = tape.gradient(target, logits, unconnected_gradients="zero")
        assert np.isfinite(gradient).all()


@every_mixing
def test_a_penalty_is_never_negative_and_zero_for_uniform_weights(mode):
    mixing = MODES[mode]()
    for spread in (0.0, 0.1, 3.0, 100.0):
        penalty = mixing.penalty(mixing.log_alpha(random_logits(spread=spread)))
        assert penalty.shape == (B,)
        assert (np.asarray(penalty) >= -1e-6).all()  # float32 of log M
    np.testing.assert_allclose(mixing.penalty(tf.fill([B, M], -math.log(M))), 0.0, atol=1e-6)


def test_the_pull_is_the_kl_from_uniform():
    log_alpha = RecursiveMixing().log_alpha(random_logits(spread=2.0))
    expected = [sum((math.log(1 / M) - value) / M for value in row) for row in np.asarray(log_alpha, float)]
    penalty = RecursiveMixing(uniform_pull=0.7).penalty(log_alpha)
    np.testing.assert_allclose(penalty, 0.7 * np.array(expected), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("logit", [-1e3, -50.0, -2.0, 2.0, 50.0, 1e3])
def test_the_pull_points_towards_uniform_weights_and_does_not_vanish(logit):
    mixing = RecursiveMixing(uniform_pull=1.0)
    logits = tf.fill([B, 1], logit)  # M = 2: zero is uniform
    with tf.GradientTape() as tape:
        tape.watch(logits)
        penalty = mixing.penalty(mixing.log_alpha(logits))
    gradient = np.asarray(tape.gradient(penalty, logits))
    assert (np.sign(gradient) == np.sign(logit)).all()  # descent brings the logit back to zero
    assert (np.abs(gradient) > 0.3).all()  # |sigmoid(logit) - 1/2|, 0.38 at 2


@pytest.mark.slow
def test_descent_on_the_pull_ends_in_uniform_weights():
    mixing, logits = RecursiveMixing(uniform_pull=1.0), random_logits(spread=4.0)
    for _ in range(200):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            penalty = mixing.penalty(mixing.log_alpha(logits))
        logits -= 2.0 * tape.gradient(penalty, logits)
    np.testing.assert_allclose(tf.exp(mixing.log_alpha(logits)), 1 / M, atol=1e-3)


@every_mixing
def test_rows_are_weighted_independently(mode):
    mixing, logits = MODES[mode](), random_logits()
    other = tf.concat([logits[:1], random_logits(seed=1)[1:]], axis=0)
    np.testing.assert_array_equal(mixing.log_alpha(logits)[0], mixing.log_alpha(other)[0])


@every_mixing
def test_mixings_survive_their_configuration(mode):
    mixing = MODES[mode]()
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(mixing))
    assert type(copy) is type(mixing)
    assert copy.get_config() == mixing.get_config()
    log_alphas = [each.log_alpha(random_logits()) for each in (mixing, copy)]
    np.testing.assert_array_equal(*log_alphas)
    np.testing.assert_array_equal(mixing.penalty(log_alphas[0]), copy.penalty(log_alphas[0]))


@pytest.mark.parametrize("eps_min", [-0.1, 0.5, 1.0, math.nan])
def test_an_eps_min_outside_its_range_raises(eps_min):
    with pytest.raises(ValueError, match="eps_min"):
        RecursiveMixing(eps_min=eps_min)


@pytest.mark.parametrize("uniform_pull", [-1.0, math.inf, math.nan])
def test_a_uniform_pull_outside_its_range_raises(uniform_pull):
    with pytest.raises(ValueError, match="uniform_pull"):
        RecursiveMixing(uniform_pull=uniform_pull)


@pytest.mark.parametrize("size", [1, 3])
def test_a_model_refuses_a_mixing_network_of_another_size(tiny_model, size):
    with pytest.raises(ValueError, match="mixing network must turn"):
        tiny_model(3, mixing="learned", mixing_network=mlp_encoder((5,), size, units=(3,)))


@pytest.mark.parametrize("mode", ["learned", "bounded", "bounded and pulled"])
def test_logits_are_found_from_the_weights(mode):
    mixing, logits = MODES[mode](), random_logits(spread=2.0)
    np.testing.assert_allclose(mixing.logits(mixing.log_alpha(logits)), logits, rtol=1e-4, atol=1e-4)  # float32


def test_the_logits_of_weights_at_their_bounds_are_finite():
    mixing = RecursiveMixing(eps_min=0.1)
    for extreme in (-1e3, 1e3):
        log_alpha = mixing.log_alpha(tf.fill([1, 2], extreme))
        found = mixing.logits(log_alpha)
        assert np.isfinite(found).all()
        np.testing.assert_allclose(mixing.log_alpha(found), log_alpha, atol=1e-4)
