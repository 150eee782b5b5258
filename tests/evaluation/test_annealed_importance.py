"""Annealed importance sampling, against closed forms and quadrature."""

import math

import numpy as np
import pytest
import tensorflow as tf

import reference
import rme_tf
from linear_gaussian import linear_gaussian
from rme_tf.evaluation import annealed_importance
from rme_tf.evaluation.annealing import settings as annealed_settings
from rme_tf.evaluation.annealing import weights
from rme_tf.evaluation.annealing.chains import Chains, interpolated
from rme_tf.evaluation.annealing.settings import Annealing
from rme_tf.evaluation.annealing.temperatures import SCHEDULES, inverse_temperatures
from rme_tf.evaluation.annealing.transitions import AnnealedTarget
from rme_tf.likelihoods import LIKELIHOODS
from rme_tf.priors import PRIORS

OPTIONS = {"num_temperatures": 400, "num_chains": 64, "num_leapfrog_steps": 5, "progress": False}
FEW = {"num_temperatures": 4, "num_chains": 3, "num_leapfrog_steps": 2, "progress": False}


@pytest.fixture(autouse=True)
def _short_pilot_runs(monkeypatch):
    monkeypatch.setattr(annealed_settings, "LEAST_PILOT", 10)


@pytest.fixture(scope="module")
def of_ten():
    return linear_gaussian(10, 16)


def test_log_p_of_a_linear_gaussian_model_of_ten_dimensions(of_ten):
    x = of_ten.draw(6)
    exact = of_ten.log_likelihood(x)
    result = annealed_importance(of_ten.model, x, **OPTIONS)
    np.testing.assert_allclose(result.log_likelihood, exact, atol=0.2)
    weighted = rme_tf.bounds(of_ten.model, x, num_samples=20_000, progress=False).log_likelihood
    np.testing.assert_allclose(weighted, exact, atol=0.2)
    np.testing.assert_allclose(result.acceptance.mean(axis=0)[1:], 0.65, atol=0.1)  # what the pilot run aims at
    assert (result.step_size[:, -1] < 0.7 * result.step_size[:, 0]).all()  # the posterior is narrower than the prior
    assert result.log_weights.shape == (6, 64)
    assert result.step_size.shape == result.acceptance.shape == (6, 10)


def test_from_the_posterior_fewer_temperatures_suffice(of_ten):
    x = of_ten.draw(6)
    few = {**OPTIONS, "num_temperatures": 50}
    result = annealed_importance(of_ten.model, x, start="posterior", **few)
    np.testing.assert_allclose(result.log_likelihood, of_ten.log_likelihood(x), atol=0.2)
    assert result.standard_error.mean() < 0.7 * annealed_importance(of_ten.model, x, **few).standard_error.mean()


# Weights without bias, where they vary: three temperatures, and steps that are often rejected.

NUM_WEIGHTS = 8000


@pytest.fixture(scope="module")
def coarse():
    """Chains of a model of two dimensions, for two rows forward, and their exact log p(x)."""
    known = linear_gaussian(2, 3)
    x = known.draw(2)
    return known, x, known.log_likelihood(x), Annealing(3, NUM_WEIGHTS, 5, "linear", "prior", 0, 128)


def check_mean_is_one(log_values):
    """Within four standard errors, of a mean that the test resolves to a few percent."""
    values = np.exp(log_values)
    error = values.std() / math.sqrt(len(values))
    assert error < 0.05
    assert abs(values.mean() - 1.0) < 4.0 * error


LARGE_STEPS = np.full([1, 3], math.log(0.9), np.float32)


def test_forward_weights_are_unbiased(coarse):
    known, x, exact, settings = coarse
    chains = Chains(known.model, x, settings, 0, lambda count: None)
    log_weights, steps = chains.forward(np.repeat(LARGE_STEPS, 2, axis=0))
    assert 0.3 < steps.acceptance[:, -1].max() < 0.9
    for row in range(2):
        check_mean_is_one(log_weights[row] - exact[row])


def test_inverse_weights_of_reverse_chains_are_unbiased(coarse):
    """From independent draws of the exact posterior, one chain each."""
    known, x, exact, settings = coarse
    z = tf.constant(known.posterior_draws(x[0], NUM_WEIGHTS), tf.float32)
    settings = Annealing(3, 1, 5, "linear", "prior", 0, 128)
    chains = Chains(known.model, np.repeat(x[:1], NUM_WEIGHTS, axis=0), settings, 0, lambda count: None)
    log_weights, _ = chains.reverse(z, np.repeat(LARGE_STEPS, NUM_WEIGHTS, axis=0))
    check_mean_is_one(exact[0] - log_weights[:, 0])


# Every part of a model.


@pytest.mark.parametrize("prior", sorted(PRIORS))
def test_every_prior_agrees_with_quadrature(prior, tiny_model, binary_data):
    options = {"mixture": {"num_components": 3}, "vamp": {"num_components": 3}, "hierarchical": {"units": (2,)}}
    model, x = tiny_model(2, prior=prior, prior_options=options.get(prior, {})), binary_data(2)
    grid, weight = reference.grid_2d(7.0, 61)
    log_lik, log_prior = model.log_joint(x, np.tile(grid[:, None, None], [1, 2, 1, 1]).astype("float32"))
    assert reference.log_integral(np.asarray(log_prior, np.float64)[:, 0, 0], weight) == pytest.approx(0.0, abs=0.01)
    log_joint = np.asarray(log_lik + log_prior, np.float64)[..., 0]
    expected = [reference.log_integral(column, weight) for column in log_joint.T]
    result = annealed_importance(model, x, **{**FEW, "num_temperatures": 10, "num_chains": 100})
    assert (np.abs(result.log_likelihood - expected) < 4.0 * result.standard_error).all()
    assert (result.standard_error < 0.1).all()


@pytest.mark.parametrize("start", ["prior", "posterior"])
@pytest.mark.parametrize("name", sorted(set(LIKELIHOODS) - {"categorical_sequence"}))
def test_the_ends_of_the_path_have_the_densities_and_gradients_of_the_model(name, start, tiny_model):
    model = tiny_model(2, likelihood=name)
    x = model.likelihood.example(3)
    z = tf.constant(np.random.default_rng(0).normal(size=(4, 3, 2)), tf.float32)
    target = AnnealedTarget(model, x, start)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(z)
        log_start, log_ratio = target.log_start_and_ratio(z)
        found = log_start + log_ratio
        log_joint = tf.add(*model.log_joint(x, z[:, :, None]))[..., 0]
    of_start = model.prior.distribution() if start == "prior" else model.infer(x)
    np.testing.assert_allclose(log_start, of_start.log_prob(z), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(found, log_joint, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(tape.gradient(found, z), tape.gradient(log_joint, z), rtol=1e-3, atol=1e-3)


@pytest.mark.usefixtures("eagerly")
def test_missing_entries_are_left_out():
    known = linear_gaussian(2, 3, missing=True)
    x = known.draw(2)
    x[0, 1] = x[1, 0] = x[1, 2] = np.nan
    result = annealed_importance(known.model, x, **{**FEW, "num_temperatures": 20, "num_chains": 100})
    np.testing.assert_allclose(result.log_likelihood, known.log_likelihood(x), atol=0.1)


# Data, seeds and arguments.


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_a_data_set_of_batches_gives_what_the_array_gives(tiny_model, binary_data, monkeypatch):
    monkeypatch.setattr("rme_tf.evaluation.annealing.chains.NUM_FIRST", 2)
    monkeypatch.setattr(annealed_settings, "LEAST_PILOT", 4)
    model, x = tiny_model(2), binary_data(5)
    expected = annealed_importance(model, x, batch_size=2, **FEW)
    found = annealed_importance(model, tf.data.Dataset.from_tensor_slices(x).batch(2), batch_size=2, **FEW)
    for one, other in zip(expected, found, strict=True):
        np.testing.assert_array_equal(one, other)
    assert np.abs(annealed_importance(model, x, seed=1, **FEW).log_weights - expected.log_weights).max() > 0.01


@pytest.mark.usefixtures("eagerly")
def test_many_chains_run_in_groups(tiny_model, binary_data, monkeypatch):
    monkeypatch.setattr("rme_tf.evaluation.annealing.chains.codes_at_once", lambda model: 16)
    model, x = tiny_model(2), binary_data(3)
    result = annealed_importance(model, x, **{**FEW, "num_chains": 40})
    assert result.log_weights.shape == (3, 40)
    assert len(np.unique(result.log_weights)) == 120  # no two groups draw the same numbers


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_temperatures": 0}, "`num_temperatures` must be an integer of at least 1. Received: 0"),
        ({"num_chains": 2.0}, "`num_chains` must be an integer of at least 1. Received: 2.0"),
        ({"num_leapfrog_steps": 0}, "`num_leapfrog_steps` must be an integer"),
        ({"batch_size": 0}, "`batch_size` must be an integer"),
        ({"seed": -1}, "`seed` must be an integer from 0 to"),
        ({"schedule": "sigmod"}, "`schedule` must be one of 'linear', 'sigmoid'. Received: 'sigmod'. Did you mean"),
        ({"start": "q"}, "`start` must be one of 'prior', 'posterior'. Received: 'q'"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_wrong_arguments_are_refused(options, message, tiny_model, binary_data):
    with pytest.raises(ValueError, match=message):
        annealed_importance(tiny_model(2), binary_data(2), **{**FEW, **options})


# The parts.


@pytest.mark.parametrize("schedule", sorted(SCHEDULES))
def test_inverse_temperatures_increase_from_zero_to_one(schedule):
    betas = inverse_temperatures(schedule, 20)
    assert betas[0] == 0.0
    assert betas[-1] == 1.0
    assert (np.diff(betas) > 0.0).all()
    np.testing.assert_allclose(betas + betas[::-1], 1.0)  # both are symmetric
    np.testing.assert_array_equal(inverse_temperatures(schedule, 1), [0.0, 1.0])


def test_a_sigmoid_is_dense_at_both_ends():
    betas = inverse_temperatures("sigmoid", 2)
    steps = np.diff(inverse_temperatures("sigmoid", 100))
    assert betas[1] == pytest.approx(0.5)
    assert steps[50] > 5.0 * steps[0]


def test_step_sizes_are_interpolated_between_the_middles_of_stages():
    table = interpolated(np.array([[0.0, 1.0], [2.0, 0.0]]), 4)
    np.testing.assert_allclose(table, [[0.0, 2.0], [0.0, 2.0], [0.5, 1.0], [1.0, 0.0], [1.0, 0.0]])


def test_estimates_from_weights():
    log_weights = np.log([[1.0, 2.0, 3.0, 6.0], [2.0, 2.0, 2.0, 2.0]]) - 5000.0  # far below the smallest float64
    np.testing.assert_allclose(weights.log_mean(log_weights), np.log([3.0, 2.0]) - 5000.0)
    # Deviations -2, -1, 0, 3 from the mean 3: a variance (n - 1) of 14 / 3.
    np.testing.assert_allclose(weights.log_mean_error(log_weights), [math.sqrt(14 / 3 / 4) / 3, 0.0], atol=1e-9)
    assert np.isnan(weights.log_mean_error(log_weights[:, :1])).all()
