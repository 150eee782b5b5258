"""Importance weights of draws from Q: effective sample size and Pareto k-hat, against closed forms."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

import rme_tf
from public_calls import stepwise
from rme_tf.evaluation import ProposalQuality, chunking, pareto_k, proposal, proposal_quality
from rme_tf.posteriors import POSTERIORS
from test_oracles import (
    GENERAL,
    ORTHOGONAL,
    encoder_of,
    exact_log_likelihood,
    exact_posterior,
    linear_model,
    observations,
)


def scaled_model(k, copies=1):
    """A linear model whose Q is the exact posterior with its covariance times 1 - k."""
    covariance, *mean = exact_posterior(ORTHOGONAL)
    return linear_model("diag_normal", ORTHOGONAL, [encoder_of("diag_normal", (1.0 - k) * covariance, *mean)] * copies)


@pytest.mark.parametrize("k", [-0.3, 0.3, 0.7, 1.1])
def test_k_hat_is_the_shape_of_a_generalized_pareto_distribution(k, rng):
    weights = 2.0 + (rng.random([40, 4000]) ** -k - 1.0) / k
    found = pareto_k(np.log(weights))
    # The fit draws k of n = 189 largest weights to 0.5, by a prior of 10 of them; standard errors (1 + k) / sqrt(40 n).
    expected = (189 * k + 10 * 0.5) / 199
    assert found.mean() == pytest.approx(expected, abs=4 * (1 + abs(k)) / math.sqrt(40 * 189) + 0.02)


def test_k_hat_ignores_the_normalization_and_the_order(rng):
    log_weights = 2.0 * rng.normal(size=(3, 400))
    expected = pareto_k(log_weights)
    np.testing.assert_allclose(pareto_k(log_weights[:, ::-1] - 5000.0), expected, rtol=1e-9)


@pytest.mark.filterwarnings("error")
def test_k_hat_of_equal_weights_and_of_a_single_one(rng):
    equal = -100.0 + 1e-5 * rng.random(400)
    falling = [-step * np.arange(400.0) for step in (900.0, 50.0, 5.0)]
    found = pareto_k([equal, *falling])
    np.testing.assert_array_equal(found[:3], [-np.inf, np.inf, np.inf])
    assert 10.0 < found[3] < np.inf  # the largest 60 weights span 300 nats, about k log 60


def test_the_effective_sample_size_is_kish_s(rng):
    weights = rng.random([5, 30])
    expected = weights.sum(axis=1) ** 2 / (weights**2).sum(axis=1)
    np.testing.assert_allclose(proposal.effective_sample_size(np.log(weights) - 2000.0), expected)
    np.testing.assert_allclose(proposal.effective_sample_size(np.zeros([2, 7])), 7.0)
    np.testing.assert_allclose(proposal.effective_sample_size([[0.0, -800.0, -900.0]]), 1.0)


@pytest.mark.slow
@pytest.mark.parametrize("k", [-0.5, 0.25, 0.6, 0.8])
def test_a_gaussian_proposal_of_another_scale_has_the_values_of_the_closed_form(k):
    """In two dimensions w = exp(k r^2 / 2) (1 - k), where r^2 / 2 is exponential: a Pareto law of shape k > 0.

    For k < 0 the density of w is constant at its largest value, as of a uniform distribution: a shape of -1.
    E[w^2] / E[w]^2 = (1 - k)^2 / (1 - 2 k), for k < 1/2.
    """
    x = observations(ORTHOGONAL, batch=40)
    quality = proposal_quality(scaled_model(k), x, num_samples=4000, progress=False)
    expected = (189 * (k if k > 0.0 else -1.0) + 10 * 0.5) / 199
    assert quality.pareto_k.mean() == pytest.approx(expected, abs=4 * (1 + abs(k)) / math.sqrt(40 * 189) + 0.02)
    assert quality.share_unreliable == np.mean(quality.pareto_k >= 0.7)
    if k < 0.25:  # else w^4 has no mean, and the sample size no standard error
        assert quality.effective_sample_size.mean() / 4000 == pytest.approx((1 - 2 * k) / (1 - k) ** 2, rel=0.01)


def test_the_exact_posterior_has_equal_weights():
    x = observations(ORTHOGONAL)
    quality = proposal_quality(scaled_model(0.0), x, num_samples=100, progress=False)
    np.testing.assert_allclose(quality.effective_sample_size, 100.0, rtol=1e-4)
    np.testing.assert_array_equal(quality.pareto_k, -np.inf)


@pytest.mark.slow
@pytest.mark.parametrize("posterior", ["diag_normal", "full_normal", "iaf"])
def test_the_weights_of_a_mixture_have_the_mean_p_of_x(tiny_model, posterior, monkeypatch):
    """Against quadrature over the prior, whatever the family and the weights of the components."""
    monkeypatch.setattr(chunking, "MOST_CODES", 1000)
    model = tiny_model(2, posterior=POSTERIORS[posterior](2, initial_scale=2.0), mixing="learned", spread=0.1)
    x = np.array([[1, 0, 1, 0, 1], [0, 0, 0, 1, 1]], np.float32)
    log_weights = proposal.draw_log_weights(model, x, 4000, 3, 128)
    assert log_weights.shape == (2, 4000)
    line = np.linspace(-6.0, 6.0, 121)
    z = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 1, 1, 2).astype(np.float32)
    log_joint = np.asarray(sum(model.log_joint(x, np.tile(z, [1, 2, 1, 1]))), np.float64)[:, :, 0]
    evidence = np.exp(log_joint).sum(axis=0) * (line[1] - line[0]) ** 2
    weights = np.exp(log_weights)
    errors = weights.std(axis=1) / math.sqrt(4000)
    assert (errors < 0.05 * evidence).all()
    assert (np.abs(weights.mean(axis=1) - evidence) < 4 * errors).all()


def test_each_component_draws_as_often_as_its_weight():
    """The second component, of weight 0.2, lies where p(x, z) is next to nothing."""
    covariance, gain, offset = exact_posterior(ORTHOGONAL)
    encoders = [encoder_of("diag_normal", covariance, gain, offset + shift) for shift in (0.0, 50.0)]
    kernel, bias = np.zeros([4, 1], "float32"), np.array([math.log(0.2 / 0.8)], "float32")
    network = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(1)])
    network.set_weights([kernel, bias])
    single = linear_model("diag_normal", ORTHOGONAL, encoders[:1])
    model = rme_tf.VAE(
        encoders, single.decoder, posterior="diag_normal", likelihood=single.likelihood, mixing="learned",
        mixing_network=network,
    )  # fmt: skip
    x = observations(ORTHOGONAL)
    log_weights = proposal.draw_log_weights(model, x, 5000, 0, 128)
    lost = np.mean(log_weights < log_weights.max() - 100.0, axis=1)
    np.testing.assert_allclose(lost, 0.2, atol=4 * math.sqrt(0.2 * 0.8 / 5000))
    near = np.where(log_weights < log_weights.max() - 100.0, np.nan, log_weights)
    expected = exact_log_likelihood(x, ORTHOGONAL) - math.log(0.8)  # of weights p(x, z) / (0.8 q_0(z))
    np.testing.assert_allclose(np.nanmean(near, axis=1), expected, atol=1e-3)


def test_chunks_have_draws_of_their_own_and_the_seed_decides_them(monkeypatch):
    monkeypatch.setattr(chunking, "MOST_CODES", 100)  # chunks of 32 draws of 3 observations
    covariance, *mean = exact_posterior(GENERAL)
    model = linear_model("diag_normal", GENERAL, [encoder_of("diag_normal", 0.5 * covariance, *mean)])
    x = tf.data.Dataset.from_tensor_slices(observations(GENERAL, batch=5)).batch(3)
    first, again, other = (proposal.draw_log_weights(model, x, 95, seed, 3) for seed in (1, 1, 2))
    assert first.shape == (5, 95)
    np.testing.assert_array_equal(first, again)
    assert all(len(np.unique(row)) > 90 for row in first)
    assert np.abs(first - other).min(axis=1).max() > 0.0


@pytest.mark.usefixtures("eagerly")
def test_sentences_of_every_length_have_weights_with_the_mean_of_the_bound():
    model = stepwise()
    sentences = [np.array([[4, 5, 2], [5, 2, 0]], "int32"), np.array([[4, 4, 5, 5, 2]], "int32")]
    spec = tf.TensorSpec([None, None], tf.int32)
    x = tf.data.Dataset.from_generator(lambda: iter(sentences), output_signature=spec)
    log_weights = proposal.draw_log_weights(model, x, 500, 0, 2)
    weights = np.exp(log_weights - log_weights.max(axis=1, keepdims=True))
    errors = weights.std(axis=1) / weights.mean(axis=1) / math.sqrt(500)  # of the log of the mean
    expected = rme_tf.bounds(model, x, num_samples=500, batch_size=2, progress=False).log_likelihood
    found = log_weights.max(axis=1) + np.log(weights.mean(axis=1))
    assert (np.abs(found - expected) < 6 * errors).all()
    assert errors.max() < 0.1


def test_the_summary_counts_the_observations():
    quality = ProposalQuality(np.array([400.0, 90.0, 2.0, 600.0]), np.array([0.2, 0.6, 1.3, -np.inf]), 1000)
    assert quality.most_usable == pytest.approx(1 - 1 / 3)
    assert quality.share_unreliable == 0.25
    text = quality.summary()
    assert text.startswith("4 observations, 1000 draws from Q for each")
    assert "27% of the draws; the smallest is 2.00." in text
    assert "below 0.5 for 2 observations" in text
    assert "below 0.7 for 1 more (usable), and above for 1, 25% of them." in text
    assert text.endswith("With 1000 draws, estimates need a k-hat below 0.67.")
    assert "not to be trusted" not in ProposalQuality(np.ones(2), np.zeros(2), 5000).summary()


@pytest.mark.parametrize("number", [24, 0, 50.0])
def test_too_few_draws_for_a_tail_are_refused(tiny_model, number):
    with pytest.raises(ValueError, match="`num_samples` must be an integer of at least 25"):
        proposal_quality(tiny_model(2), np.ones([2, 5], "float32"), num_samples=number)
