"""Formulas of docs/method.md that have a number: by quadrature, in one dimension."""

import math

import numpy as np
import pytest
import tensorflow as tf
from scipy.special import entr, ndtri
from scipy.stats import norm

import reference
from rme_tf import objectives

GRID, WEIGHT = reference.grid_1d()
GRID = np.asarray(GRID).reshape(-1)
QUANTILES = ndtri((np.arange(20_000) + 0.5) / 20_000)  # a sample of equal probabilities: no noise
LOG_EVIDENCE = -3.0


def log_joint_at(z):
    """log p(x, z): p(z|x) has two modes, of which Q has one."""
    return LOG_EVIDENCE + np.logaddexp(
        math.log(0.6) + norm(-1.5, 0.8).logpdf(z), math.log(0.4) + norm(2, 0.6).logpdf(z)
    )


LOG_JOINT = log_joint_at(GRID)
BEFORE, JOINING = norm(-1.0, 1.4), norm(1.8, 0.7)
LOG_BEFORE, LOG_JOINING = BEFORE.logpdf(GRID), JOINING.logpdf(GRID)


def integral(values):
    return float(np.sum(values) * WEIGHT)


def elbo(log_q):
    return integral(np.exp(log_q) * (LOG_JOINT - log_q))


def kl(log_q, log_other):
    return integral(np.exp(log_q) * (log_q - log_other))


def mixed(eps):
    """log Q_eps."""
    return np.logaddexp(np.log1p(-eps) + LOG_BEFORE, math.log(eps) + LOG_JOINING) if eps > 0.0 else LOG_BEFORE


RATE = elbo(LOG_JOINING) + kl(LOG_JOINING, LOG_BEFORE) - elbo(LOG_BEFORE)


def test_the_functional_gradient_is_the_rate_at_which_a_component_joins():
    """Formula (1), and its second derivative."""
    linear = integral(np.exp(LOG_JOINING) * (LOG_JOINT - LOG_BEFORE))
    assert linear - elbo(LOG_BEFORE) == pytest.approx(RATE, abs=1e-9)
    chi_squared = integral((np.exp(LOG_JOINING) - np.exp(LOG_BEFORE)) ** 2 / np.exp(LOG_BEFORE))
    eps = 1e-5
    first, second = (elbo(mixed(step)) - elbo(LOG_BEFORE) for step in (eps, 2 * eps))
    assert (4 * first - second) / (2 * eps) == pytest.approx(RATE, rel=1e-4)
    assert (second - 2 * first) / eps**2 == pytest.approx(-chi_squared, rel=0.01)  # of the next order in eps


def test_the_objective_of_a_weight_has_that_rate():
    """The gradient of `joining_elbo` in eps, near eps = 0."""
    z = np.stack([law.mean() + law.std() * QUANTILES for law in (BEFORE, JOINING)], axis=-1)[:, np.newaxis]  # [S, 1, 2]
    log_q_all = np.stack([BEFORE.logpdf(z), JOINING.logpdf(z)], axis=-1)
    eps = tf.constant(1e-7, tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(eps)
        log_alpha = tf.math.log(tf.stack([1.0 - eps, eps]))[tf.newaxis]
        value = objectives.joining_elbo(tf.constant(log_joint_at(z)), tf.constant(log_q_all), log_alpha, 1)
    assert float(tape.gradient(value, eps)) == pytest.approx(RATE, abs=2e-3)  # the quantiles miss the outer 1/20000


@pytest.mark.parametrize("eps", [0.01, 0.3, 0.5, 0.9])
def test_a_mixture_of_two_is_their_mean_and_their_information(eps):
    """Formula (2)."""
    log_after = mixed(eps)
    information = (1 - eps) * kl(LOG_BEFORE, log_after) + eps * kl(LOG_JOINING, log_after)
    assert elbo(log_after) == pytest.approx(
        (1 - eps) * elbo(LOG_BEFORE) + eps * elbo(LOG_JOINING) + information, abs=1e-9
    )
    assert 0.0 < information < entr(eps) + entr(1 - eps) <= math.log(2.0)


@pytest.mark.parametrize("eps", [0.1, 0.5])
def test_the_skew_reward_of_the_share_is_the_term_of_the_mixture(eps):
    z = JOINING.mean() + JOINING.std() * QUANTILES[:, np.newaxis]
    log_q, log_before = (tf.constant(law.logpdf(z)) for law in (JOINING, BEFORE))
    reward = float(objectives.skewed_kl(log_q, log_before, -math.log(eps))[0])
    assert reward == pytest.approx(kl(LOG_JOINING, mixed(eps)), abs=1e-3)


NARROW = 0.7  # s of a Q whose tails are lighter than the posterior's, N(0, 1)


def runaway(mu, scale, reward):
    """ELBO(q) + reward - log p(x) for q = N(mu, scale^2) and Q = N(0, s^2)."""
    z = mu + scale * QUANTILES[:, np.newaxis]
    log_q, log_before = norm(mu, scale).logpdf(z), norm(0.0, NARROW).logpdf(z)
    bound = objectives.elbo(tf.constant(norm.logpdf(z)), tf.constant(log_q))
    return float((bound + reward(tf.constant(log_q), tf.constant(log_before)))[0])


def bounded(name, kl_bound=3.0):
    return lambda log_q, log_before: objectives.bounded_kl(log_q, log_before, bound=name, kl_bound=kl_bound)


@pytest.mark.parametrize(("mu", "scale"), [(0.0, 1.0), (2.0, 0.1), (-30.0, 5.0)])
def test_without_a_bound_the_objective_grows_with_the_distance(mu, scale):
    """Formula (3)."""
    expected = (1 / NARROW**2 - 1) * (mu**2 + scale**2) / 2 + math.log(NARROW)
    assert runaway(mu, scale, bounded("none")) == pytest.approx(expected, rel=1e-3, abs=2e-3)


@pytest.mark.parametrize("entropy_weight", [0.1, 1.0, 10.0])
def test_an_entropy_does_not_hold_it(entropy_weight):
    """The left side of boosted inference, ELBO(q) + KL(q || Q) + lambda H(q)."""

    def reward(log_q, log_before):
        return objectives.unbounded_kl(log_q, log_before) - entropy_weight * tf.reduce_mean(log_q, axis=0)

    values = [runaway(mu, 0.5, reward) for mu in (1.0, 10.0, 100.0)]
    assert values[0] + 10.0 < values[1] < values[2] - 1000.0


@pytest.mark.parametrize("name", ["clamp", "skew"])
def test_both_bounds_hold_it(name):
    near, *far = (runaway(mu, 0.5, bounded(name)) for mu in (0.0, 10.0, 20.0))
    assert near > far[0] > far[1]
    assert far[1] < 3.0 - 20.0**2 / 2 + 1.0  # ELBO(q) and C


@pytest.mark.parametrize("name", sorted(objectives.KL_BOUNDS))
def test_equal_components_stay_equal(name):
    """The gradient of the reward is zero at q = Q, so copies without noise never part."""
    mu, log_scale = tf.constant(0.0, tf.float64), tf.constant(0.0, tf.float64)

    def log_normal(z, mean, log_scale):
        return -0.5 * ((z - mean) / tf.exp(log_scale)) ** 2 - log_scale - 0.5 * math.log(2.0 * math.pi)

    with tf.GradientTape() as tape:
        tape.watch([mu, log_scale])
        z = mu + tf.exp(log_scale) * QUANTILES[:, np.newaxis]
        reward = bounded(name)(log_normal(z, mu, log_scale), log_normal(z, *tf.zeros([2], tf.float64)))
    np.testing.assert_allclose(tape.gradient(reward, [mu, log_scale]), 0.0, atol=1e-3)  # of the outer quantiles
