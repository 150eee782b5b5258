"""Bidirectional Monte Carlo: bounds from both sides, and draws from the joint distribution."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

import reference
import rme_tf
from linear_gaussian import linear_gaussian
from public_calls import stepwise
from rme_tf.core.types import EOS, PAD
from rme_tf.evaluation import annealed_importance, bidirectional_bounds
from rme_tf.evaluation.annealing import settings as annealed_settings
from rme_tf.evaluation.annealing.joint_draws import joint_draws

FEW = {"num_temperatures": 4, "num_chains": 3, "num_leapfrog_steps": 2, "progress": False}


@pytest.fixture(autouse=True)
def _short_pilot_runs(monkeypatch):
    monkeypatch.setattr(annealed_settings, "LEAST_PILOT", 10)


def test_the_sandwich_of_a_linear_gaussian_model_of_ten_dimensions():
    """Few chains and temperatures, so that the gap is above its noise: 0.04 for 200 observations."""
    known = linear_gaussian(10, 16)
    options = {"num_temperatures": 150, "num_chains": 4, "num_leapfrog_steps": 5, "progress": False}
    result = bidirectional_bounds(known.model, 200, **options)
    exact = known.log_likelihood(result.x)
    assert 0.1 < result.gap.mean() < 0.5
    assert result.lower.mean() < exact.mean() < result.upper.mean()
    assert np.mean(np.abs(result.lower - exact) < 3.0 * result.lower_standard_error) > 0.8  # of four chains
    assert result.step_size.shape == result.acceptance.shape == (200, 10)


@pytest.mark.usefixtures("eagerly")
def test_fewer_temperatures_leave_a_gap_that_shows():
    """By three temperatures the chains do not arrive: the bounds are on both sides, and far apart."""
    known = linear_gaussian(2, 3)
    result = bidirectional_bounds(known.model, 100, **{**FEW, "num_temperatures": 3, "num_chains": 1})
    exact = known.log_likelihood(result.x)
    assert result.lower.mean() < exact.mean() - 0.2
    assert result.upper.mean() > exact.mean() + 0.2
    assert np.isnan(result.lower_standard_error).all()


# Draws from p(z) p(x|z).


def test_draws_have_the_moments_of_the_joint_distribution():
    known, count = linear_gaussian(2, 3), 20_000
    z, x = joint_draws(known.model, count, tf.constant([0, 1]), max_length=50)
    expected = np.block([[np.eye(2), known.kernel], [known.kernel.T, known.kernel.T @ known.kernel + 0.25 * np.eye(3)]])
    both = np.concatenate([z, x], axis=1)
    error = 5.0 / math.sqrt(count) * expected.max()  # five standard errors of the largest variance
    np.testing.assert_allclose(both.mean(axis=0), [0.0, 0.0, *known.shift], atol=error)
    np.testing.assert_allclose(np.cov(both, rowvar=False), expected, atol=1.5 * error)


def log_p_by_quadrature(model, x):
    """log p(x) [N] of a text model of two dimensions, from its own p(x|z) on a grid."""
    grid, weight = reference.grid_2d(6.0, 41)
    log_lik, log_prior = model.log_joint(x, np.tile(grid[:, None, None], [1, len(x), 1, 1]).astype("float32"))
    log_joint = np.asarray(log_lik + log_prior, np.float64)[..., 0]
    return np.array([reference.log_integral(column, weight) for column in log_joint.T])


@pytest.mark.slow
def test_a_model_of_sentences():
    model, options = stepwise(), {**FEW, "num_temperatures": 10, "num_chains": 20}
    result = bidirectional_bounds(model, 8, max_length=6, **options)
    expected = log_p_by_quadrature(model, result.x)
    np.testing.assert_allclose(result.lower, expected, atol=0.1)
    np.testing.assert_allclose(result.upper, expected, atol=0.1)
    estimate = annealed_importance(model, result.x, **options)
    np.testing.assert_allclose(estimate.log_likelihood, expected, atol=0.1)


def test_sentences_are_drawn_from_the_likelihood():
    """Given that they end early and have no padding inside: frequencies of whole sentences, z integrated out."""
    model, count = stepwise(), 4000
    _, x = joint_draws(model, count, tf.constant([0, 1]), max_length=3)
    sentences, counts = np.unique(x, axis=0, return_counts=True)
    assert (sentences[:, -1] == PAD).all()
    words = range(EOS + 1, model.likelihood.vocabulary_size)
    possible = np.array([[EOS, PAD, PAD], *([word, EOS, PAD] for word in words)], np.int32)
    np.testing.assert_array_equal(sentences, possible[np.lexsort(possible.T[::-1])])
    log_p = log_p_by_quadrature(model, sentences)
    expected = np.exp(log_p) / np.exp(log_p).sum()
    error = np.sqrt(expected * (1.0 - expected) / count)
    assert (np.abs(counts / count - expected) < 4.0 * error).all()


def test_sentences_that_never_end_are_refused():
    model = stepwise()
    with pytest.raises(ValueError, match="Expected sentences that end before 1 tokens, .* Received: 0. Increase"):
        joint_draws(model, 4, tf.constant([0, 1]), max_length=1)


@pytest.mark.slow
def test_an_autoregressive_decoder_of_pixels(tiny_model):
    options = {"decoder": "pixelcnn", "decoder_options": {"num_layers": 1, "filters": 2}, "input_shape": (3, 3, 1)}
    result = bidirectional_bounds(tiny_model(1, **options), 3, **{**FEW, "num_temperatures": 10})
    assert result.x.shape == (3, 3, 3, 1)
    assert set(np.unique(result.x)) <= {0.0, 1.0}
    assert np.abs(result.gap).max() < 1.0


def test_what_cannot_be_drawn_is_refused_before_any_work(tiny_model):
    conditional = tiny_model(1, likelihood="poisson", likelihood_options={"size_factor": "total"})
    with pytest.raises(ValueError, match=r"without a size factor.* Received: Poisson with the size factor 'total'."):
        bidirectional_bounds(conditional, 3, **FEW)
    z, x = keras.Input((2,)), keras.Input((5,))
    whole = keras.Model([z, x], keras.layers.Dense(5)(keras.layers.Concatenate()([z, x])))
    with pytest.raises(ValueError, match="need a decoder with `initial_state` and `step`. Received: Functional with"):
        bidirectional_bounds(tiny_model(1, decoder=whole), 3, **FEW)


@pytest.mark.parametrize("name", ["num_observations", "max_length", "batch_size", "num_chains"])
def test_wrong_numbers_are_refused(name, tiny_model):
    with pytest.raises(ValueError, match=f"`{name}` must be an integer of at least 1. Received: 0"):
        bidirectional_bounds(tiny_model(1), **{**FEW, name: 0})


def test_the_names_are_those_of_the_package():
    assert {"annealed_importance", "bidirectional_bounds"} <= set(rme_tf.evaluation.__all__)
