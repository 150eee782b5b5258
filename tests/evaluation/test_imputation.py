"""Imputation, against the closed forms of a linear Gaussian model in float64."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

import rme_tf
from rme_tf.evaluation import imputation
from rme_tf.likelihoods import LIKELIHOODS

SLOPES, OFFSETS, SCALE = np.array([0.3, -0.2, 0.1, 0.25]), np.array([0.5, 0.4, 0.6, 0.5]), 0.15
SHIFTS = 0.6, -0.4  # means of the two components of Q, which does not look at x
COMPLETE = np.array([[0.8, 0.3, 0.7, 0.75], [0.25, 0.55, 0.5, 0.2], [0.6, 0.4, 0.5, 0.9]])
SEEN = np.array([[1, 1, 0, 0], [0, 1, 1, 1], [0, 0, 0, 0]], bool)
X = rme_tf.hide(COMPLETE, SEEN)
MANY = 20_000


@pytest.fixture(scope="module")
def model(tiny_model):
    """p(z) = N(0, 1), p(x|z) = N(offsets + slopes z, scale^2), Q = N(0.6, 1) / 2 + N(-0.4, 1) / 2."""
    options = {"encoder_options": {"units": ()}, "decoder_options": {"units": ()}}
    options["posterior_options"] = {"initial_scale": 1.0}
    scale = {"scale": "fixed", "initial_scale": SCALE}
    made = tiny_model(
        latent_dim=1, pixels=4, missing=True, likelihood="normal", likelihood_options=scale, spread=0.0, **options
    )
    for encoder, shift in zip(made.encoders, SHIFTS, strict=True):
        encoder.set_weights([np.zeros_like(encoder.get_weights()[0]), np.array([shift, 0.0], "float32")])
    made.decoder.set_weights([SLOPES[np.newaxis].astype("float32"), OFFSETS.astype("float32")])
    return made


def posterior(row):
    """Returns mean and variance of p(z|x_seen)."""
    slopes = SLOPES[SEEN[row]]
    precision = 1.0 + slopes @ slopes / SCALE**2
    return slopes @ (COMPLETE[row] - OFFSETS)[SEEN[row]] / SCALE**2 / precision, 1.0 / precision


def predictive(row, mean, variance):
    """Returns the distribution of the missing entries for z of N(mean, variance)."""
    slopes = SLOPES[~SEEN[row]]
    covariance = variance * np.outer(slopes, slopes) + SCALE**2 * np.eye(len(slopes))
    return multivariate_normal(OFFSETS[~SEEN[row]] + mean * slopes, covariance)


def check_moments(draws, row, mean, variance):
    """Checks means and covariances of draws, within five standard errors of the largest variance."""
    expected, error = predictive(row, mean, variance), 5.0 / np.sqrt(len(draws))
    missing = draws[:, row, ~SEEN[row]]
    largest = np.atleast_2d(expected.cov).max()
    np.testing.assert_allclose(missing.mean(axis=0), expected.mean, atol=error * np.sqrt(largest))
    covariance = np.cov(missing, rowvar=False)
    np.testing.assert_allclose(covariance, expected.cov, atol=error * np.sqrt(2.0) * largest)


def test_draws_from_q_are_its_predictive_distribution(model):
    draws = rme_tf.impute(model, X, 4000)
    assert draws.shape == (4000, *X.shape)
    assert draws.dtype == np.float32
    mean, variance = np.mean(SHIFTS), 1.0 + np.var(SHIFTS)  # Q is no Gaussian, but has these moments
    for row in range(len(X)):
        check_moments(draws, row, mean, variance)


def test_resampled_draws_are_those_of_the_true_posterior(model):
    draws = rme_tf.impute(model, X, 4000, importance_samples=MANY)
    for row in range(len(X)):
        check_moments(draws, row, *posterior(row))


def test_seen_entries_stay_as_they_are(model):
    for imputed in (*rme_tf.impute(model, X, 2), *rme_tf.impute(model, X, 2, importance_samples=4)):
        np.testing.assert_array_equal(imputed[SEEN], X[SEEN].astype(np.float32))
        assert np.isfinite(imputed).all()
    mean = rme_tf.impute_mean(model, X, importance_samples=10)
    np.testing.assert_array_equal(mean[SEEN], X[SEEN].astype(np.float32))


def test_the_mean_is_the_conditional_mean(model):
    means = rme_tf.impute_mean(model, X, importance_samples=MANY)
    for row in range(len(X)):
        np.testing.assert_allclose(means[row, ~SEEN[row]], predictive(row, *posterior(row)).mean, atol=0.01)


def test_the_scores_are_log_densities_of_what_is_hidden(model):
    scores = rme_tf.imputation_scores(model, X, COMPLETE, importance_samples=MANY)
    for row in range(len(X)):
        hidden = COMPLETE[row, ~SEEN[row]]
        assert scores.weighted[row] == pytest.approx(predictive(row, *posterior(row)).logpdf(hidden), abs=0.05)
        of_components = [predictive(row, shift, 1.0).logpdf(hidden) for shift in SHIFTS]
        assert scores.drawn[row] == pytest.approx(logsumexp(of_components) - np.log(2.0), abs=0.05)


def test_bounds_are_on_the_density_of_the_seen_entries(model):
    bounds = rme_tf.bounds(model, X, num_samples=MANY, progress=False)
    for row in range(len(X)):
        slopes = SLOPES[SEEN[row]]
        covariance = np.outer(slopes, slopes) + SCALE**2 * np.eye(len(slopes))
        shifted = (COMPLETE[row] - OFFSETS)[SEEN[row]]
        expected = multivariate_normal(cov=covariance).logpdf(shifted) if len(slopes) else 0.0
        assert bounds.log_likelihood[row] == pytest.approx(expected, abs=0.05)


def test_entries_whose_values_nobody_knows_are_not_scored(model):
    unknown = np.where(SEEN, COMPLETE, np.nan)
    scores = rme_tf.imputation_scores(model, X, unknown, importance_samples=10)
    np.testing.assert_allclose(scores, np.zeros([2, len(X)]), atol=1e-5)


def test_parts_of_the_draws_and_of_the_data_make_the_whole(model, monkeypatch):
    whole = rme_tf.impute_mean(model, X, importance_samples=MANY)
    monkeypatch.setattr(imputation.chunking, "codes_at_once", lambda model: 4000)
    parts = rme_tf.impute_mean(model, X, importance_samples=MANY, batch_size=2)
    np.testing.assert_allclose(parts, whole, atol=0.02)
    batches = tf.data.Dataset.from_tensor_slices(X.astype(np.float32)).batch(2)
    for function in (rme_tf.impute, rme_tf.impute_mean):
        expected = function(model, X, importance_samples=4, batch_size=2)
        np.testing.assert_array_equal(function(model, batches, importance_samples=4, batch_size=2), expected)
    monkeypatch.setattr(imputation.chunking, "codes_at_once", lambda model: 1)
    assert np.isfinite(rme_tf.impute(model, X, 3, importance_samples=5)).all()


def test_seeds_reproduce_and_differ(model):
    draws = {seed: rme_tf.impute(model, X, 3, seed=seed, importance_samples=4) for seed in (1, 2)}
    np.testing.assert_array_equal(rme_tf.impute(model, X, 3, seed=(1, 0), importance_samples=4), draws[1])
    assert (draws[1] != draws[2])[:, ~SEEN].any()
    assert (rme_tf.impute(model, X, seed=None) != rme_tf.impute(model, X, seed=None))[:, ~SEEN].any()


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("name", sorted(name for name in LIKELIHOODS if LIKELIHOODS[name].interval == (0.0, 1.0)))
def test_every_likelihood_imputes(name, tiny_model, binary_data):
    complete = binary_data()
    x = rme_tf.hide(complete, np.arange(5) % 2)
    model = tiny_model(missing=True, likelihood=name)
    for draws in (rme_tf.impute(model, x, 2), rme_tf.impute(model, x, 2, importance_samples=3)):
        assert np.isfinite(draws).all()
        if name != "normal":  # whose draws may leave the interval
            model.likelihood.check(draws[0])
    assert np.isfinite(rme_tf.impute_mean(model, x, importance_samples=3)).all()
    assert np.isfinite(rme_tf.imputation_scores(model, x, complete, importance_samples=3)).all()


def test_complete_observations_are_repeated(tiny_model, binary_data):
    x, model = binary_data(), tiny_model()
    np.testing.assert_array_equal(rme_tf.impute(model, x, 2), np.stack([x, x]))
    np.testing.assert_array_equal(rme_tf.impute_mean(model, x), x)
    with pytest.raises(ValueError, match="`model` must take missing entries, `missing=True`"):
        rme_tf.imputation_scores(model, x, x)


def test_what_does_not_fit_is_refused(model):
    with pytest.raises(ValueError, match="`complete` must equal `x` in the seen entries"):
        rme_tf.imputation_scores(model, X, 0.5 * COMPLETE)
    with pytest.raises(ValueError, match=r"`complete` must have the shape \(3, 4\) of `x`"):
        rme_tf.imputation_scores(model, X, COMPLETE[:2])
    for options in ({"num_samples": 0}, {"importance_samples": 0}, {"batch_size": 0}):
        with pytest.raises(ValueError, match=f"`{next(iter(options))}` must be an integer of at least 1"):
            rme_tf.impute(model, X, **options)
