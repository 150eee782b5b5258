"""Renyi's bound as an objective: exact values, limits of its order, and gradients."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

import reference
from definition import SEED, assert_same_gradients, recorded_gradients
from rme_tf import ELBO, FreeBits, ImportanceWeighted, Renyi, objectives
from test_importance_weighted import KERNEL, copies, linear
from test_oracles import encoder_of, exact_log_likelihood, exact_posterior

ORDERS = (-0.5, 0.0, 0.5, 1.0, 1.5)
S, B, M = 5, 3, 4


def arguments_of_a_bound(rng):
    """log_joint and log Q [S, B, M], of differences up to 20 nats, and alpha [B, M]."""
    return rng.normal(-90.0, 5.0, (S, B, M)), rng.normal(-3.0, 4.0, (S, B, M)), rng.dirichlet(np.ones(M), size=B)


@pytest.mark.parametrize("order", [-1.0, 0.0, 0.3, 1.0, 4.0])
def test_the_objective_matches_the_oracle(rng, order):
    log_joint, log_density, alpha = arguments_of_a_bound(rng)
    arguments = [tf.constant(array, tf.float32) for array in (log_joint, log_density, np.log(alpha))]
    expected = reference.renyi_bound(log_joint, log_density, alpha, order)
    np.testing.assert_allclose(objectives.renyi_bound(*arguments, order), expected, rtol=1e-5)  # float32


def test_the_objective_never_rises_with_its_order(rng):
    log_joint, log_density, alpha = arguments_of_a_bound(rng)
    orders = (-2.0, 0.0, 0.5, 0.9, 1.0, 1.1, 3.0)
    values = [objectives.renyi_bound(log_joint, log_density, np.log(alpha), order) for order in orders]
    assert (np.diff(values, axis=0) < 0).all()


def renyi_divergence(order, scale, other_scale, shift):
    """D(q || p) of one-dimensional Gaussians, of these scales and means that are `shift` apart."""
    if order == 1.0:
        return math.log(other_scale / scale) + (scale**2 + shift**2) / (2 * other_scale**2) - 0.5
    variance = (1 - order) * scale**2 + order * other_scale**2
    spread = math.log(other_scale / scale) + math.log(other_scale**2 / variance) / (2 * (order - 1))
    return spread + order * shift**2 / (2 * variance)


@pytest.mark.parametrize("order", ORDERS)
def test_it_tends_to_log_p_of_x_minus_the_divergence(order):
    """Of Gaussians both are known: log p(x) - D_order(q || p(z|x)), a sum over the latent dimensions."""
    covariance, gain, offset = exact_posterior(KERNEL)
    wider, shift = 1.3, 0.2
    model = linear(encoder_of("diag_normal", wider**2 * covariance, gain, offset + shift))
    rule = Renyi(order=order, num_samples=40_000)
    model.compile("sgd", rule)
    x = copies(1)
    value, _ = rule.bound_at(model, tf.constant(x), model.encode(x), SEED)
    scales = np.sqrt(np.diag(covariance))
    divergence = sum(renyi_divergence(order, wider * scale, scale, shift) for scale in scales)
    # The standard error of a mean of weights of variance below 2, over 200.
    assert float(value[0]) == pytest.approx(exact_log_likelihood(x, KERNEL)[0] - divergence, abs=0.03)
    assert (divergence > 0.01) == (order > 0)
    assert (divergence < -0.01) == (order < 0)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("num_components", "num_samples", "kl_weight"), [(1, 4, 1.0), (3, 2, 1.0), (3, 2, 0.3)])
def test_the_bound_is_that_of_the_reference(tiny_model, binary_data, order, num_components, num_samples, kl_weight):
    model, x = tiny_model(num_components, mixing="learned"), tf.constant(binary_data())
    rule = Renyi(order=order, num_samples=num_samples, kl_weight=kl_weight)
    model.compile(keras.optimizers.SGD(0.1), rule)
    value, log_probs = rule.bound_at(model, x, model.encode(x), SEED)
    log_lik, log_prior, log_q_all, log_alpha = (np.asarray(term, np.float64) for term in log_probs)
    log_density = np.zeros(log_lik.shape)
    for s, b, m in np.ndindex(*log_lik.shape):
        log_density[s, b, m] = reference.log_sum_exp(log_alpha[b] + log_q_all[s, b, m])
    weighted = log_lik + kl_weight * log_prior, kl_weight * log_density, np.exp(log_alpha)
    np.testing.assert_allclose(value, reference.renyi_bound(*weighted, order), rtol=1e-5)  # float32


@pytest.mark.parametrize("num_components", [1, 3])
def test_order_zero_is_the_importance_weighted_bound_and_order_one_the_elbo(tiny_model, binary_data, num_components):
    model, x = tiny_model(num_components, mixing="learned"), binary_data()
    for order, rule in ((0.0, ImportanceWeighted(num_samples=3)), (1.0, ELBO(num_samples=3))):
        found = recorded_gradients(model, Renyi(order=order, num_samples=3), x)
        expected = recorded_gradients(model, rule, x)
        for path, gradient in expected.items():
            np.testing.assert_array_equal(found[path], gradient, err_msg=path)


def test_its_gradient_has_that_of_the_elbo_as_its_limit(tiny_model, binary_data):
    """Of the two nearest orders on either side the mean is right to second order in their distance from 1."""
    model, x = tiny_model(3, mixing="learned"), binary_data()
    below, above = (recorded_gradients(model, Renyi(order=order, num_samples=3), x) for order in (0.999, 1.001))
    mean = {path: (below[path] + above[path]) / 2 for path in below}
    assert_same_gradients(mean, recorded_gradients(model, ELBO(num_samples=3), x), tolerance=2e-3)


@pytest.mark.parametrize("refinement", ["sa", "dsvi", "iai"])
def test_a_refinement_of_no_steps_changes_nothing(tiny_model, binary_data, refinement):
    """Every network of a refined model ascends the bound, and none of them twice."""
    x = binary_data()
    for rule in (Renyi(num_samples=3), ImportanceWeighted(num_samples=3), ELBO(free_bits=FreeBits(nats=0.4))):
        gradients = []
        for choices in ({}, {"refinement": refinement, "refinement_options": {"steps": 0}}):
            model = tiny_model(2, mixing="learned", **choices)
            record = recorded_gradients(model, rule, x)
            parts = (*model.encoders, model.mixing_network, model.decoder)
            variables = [variable for part in parts for variable in part.trainable_variables]
            gradients.append({index: record[variable.path] for index, variable in enumerate(variables)})
        assert_same_gradients(*gradients, tolerance=1e-5)


@pytest.mark.parametrize("order", [math.inf, math.nan, "0.5", None, 1.0 + 1e-6])
def test_an_order_that_is_no_finite_number_or_hardly_another_than_one_is_refused(order):
    with pytest.raises(ValueError, match="`order` must be (a finite number|1 or at least 0.001 away .*). Received"):
        Renyi(order=order)


def test_free_bits_are_refused():
    with pytest.raises(ValueError, match="`free_bits` .* Renyi does not honor"):
        Renyi(free_bits=FreeBits(nats=0.1))
