"""Bounds over a data set: against direct computation, whatever the chunks and the batches."""

import math

import numpy as np
import pytest
import scipy.special
import tensorflow as tf

from rme_tf import bounds, log_likelihood
from rme_tf.evaluation import chunking, likelihood_bounds
from rme_tf.likelihoods import Bernoulli, Normal
from rme_tf.posteriors import DiagNormal

PATTERNS = np.array([[1, 0, 1, 0, 1], [0, 0, 0, 1, 1], [1, 1, 1, 1, 1]], np.float32)


def direct(model, x, draws):
    """`Bounds` in float64 from the given draws [S, B, M, D], by the definitions."""
    q = model.infer(x)
    log_lik, log_prior = (np.asarray(term, np.float64) for term in model.log_joint(x, draws))
    log_q = np.asarray(q.component_log_probs(draws), np.float64)  # [S, B, M, M]
    log_alpha = np.asarray(q.log_alpha, np.float64)
    log_mixture = scipy.special.logsumexp(log_q + log_alpha[:, np.newaxis], axis=-1)
    log_ratio = log_lik + log_prior - log_mixture
    alpha = np.exp(log_alpha)
    own = np.einsum("sbmm->sbm", log_q)
    elbo = (alpha * log_ratio.mean(axis=0)).sum(axis=-1)
    reconstruction = (alpha * log_lik.mean(axis=0)).sum(axis=-1)
    return likelihood_bounds.Bounds(
        scipy.special.logsumexp(log_ratio + log_alpha, axis=(0, 2)) - math.log(len(draws)),
        elbo,
        reconstruction,
        reconstruction - elbo,
        (log_lik + log_prior - own).mean(axis=0),
        alpha,
    )


def draws_in_chunks(model, x, num_draws, chunk, seed):
    q = model.infer(x)
    parts = [q.sample_components(chunk, tf.random.fold_in(seed, done)) for done in range(0, num_draws, chunk)]
    return tf.concat(parts, axis=0)[:num_draws]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("num_draws", "chunk"),
    [(10, 10), (10, 4), (9, 3), (1, 1)],
    ids=["one chunk", "partial", "exact", "one draw"],
)
def test_the_bounds_are_those_of_a_direct_computation(tiny_model, monkeypatch, num_draws, chunk):
    model, x = tiny_model(2, mixing="learned"), PATTERNS
    monkeypatch.setattr(chunking, "MOST_CODES", chunk * len(x) * 2)
    result = bounds(model, x, num_samples=2 * num_draws, seed=7, progress=False)
    draws = draws_in_chunks(model, x, num_draws, chunk, tf.constant([7, 0]))
    assert draws.shape == (num_draws, 3, 2, 2)
    for name, value, expected in zip(result._fields, result, direct(model, x, draws), strict=True):
        assert value.dtype == np.float32
        # Sums of ten float32 numbers of order 10.
        np.testing.assert_allclose(value, expected, rtol=2e-5, atol=2e-5, err_msg=name)


def test_every_batch_is_computed_from_noise_of_its_own(tiny_model):
    model, x = tiny_model(2), np.concatenate([PATTERNS, PATTERNS])[:5]
    result = bounds(model, x, num_samples=8, seed=3, batch_size=2, progress=False)
    for start in (0, 2, 4):
        batch = x[start : start + 2]  # the last one has one observation
        expected = direct(model, batch, draws_in_chunks(model, batch, 4, 4, tf.constant([3, start])))
        np.testing.assert_allclose(result.log_likelihood[start : start + 2], expected.log_likelihood, rtol=2e-5)
    assert result.alpha.shape == result.component_elbo.shape == (5, 2)
    assert result.elbo.shape == result.kl.shape == result.reconstruction.shape == (5,)


@pytest.mark.usefixtures("eagerly")
def test_where_the_posterior_is_exact_every_bound_is_log_p(tiny_model, monkeypatch):
    """A decoder that ignores z, and components equal to the prior: all importance weights are p(x)."""
    model = tiny_model(3, mixing="learned", posterior=DiagNormal(2, initial_scale=1.0))
    model.decoder.layers[-2].kernel.assign(np.zeros((8, 5)))
    logits = np.array([0.3, -1.0, 2.0, 0.0, -0.5])
    model.decoder.layers[-2].bias.assign(logits)
    for encoder in model.encoders:
        encoder.layers[-1].kernel.assign(np.zeros((8, 4)))
        encoder.layers[-1].bias.assign(np.zeros(4))
    expected = (PATTERNS * logits - np.log1p(np.exp(logits))).sum(axis=-1)
    for num_samples, codes in ((1, 2048), (20, 2048), (21, 27), (100, 63)):  # 27 / (3 * 3) = 3 draws a chunk
        monkeypatch.setattr(chunking, "MOST_CODES", codes)
        result = bounds(model, PATTERNS, num_samples=num_samples, progress=False)
        # The scale's floor of 1e-5 makes the weights differ from p(x) by some 1e-4 at most.
        np.testing.assert_allclose(result.log_likelihood, expected, atol=3e-4)
        np.testing.assert_allclose(result.elbo, expected, atol=3e-4)
        np.testing.assert_allclose(result.component_elbo, np.tile(expected[:, np.newaxis], 3), atol=3e-4)
        np.testing.assert_allclose(result.reconstruction, expected, atol=3e-5)
        np.testing.assert_allclose(result.kl, 0.0, atol=3e-4)


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_the_estimate_does_not_depend_on_the_batches_beyond_its_noise(tiny_model):
    model = tiny_model(2, posterior=DiagNormal(2, initial_scale=1.0))
    x = np.concatenate([PATTERNS] * 3)[:7]
    results = [bounds(model, x, num_samples=4000, batch_size=size, progress=False) for size in (3, 7)]
    # Weights of variance about one: a standard error of 1 / sqrt(4000) = 0.016 each.
    np.testing.assert_allclose(results[0].log_likelihood, results[1].log_likelihood, atol=0.1)
    np.testing.assert_allclose(results[0].elbo, results[1].elbo, atol=0.25)
    np.testing.assert_array_equal(results[0].alpha, results[1].alpha)
    # The same observation, whether in a full batch or the last: 0, 3 and 6 are one.
    np.testing.assert_allclose(results[0].log_likelihood[[0, 3]], results[0].log_likelihood[6], atol=0.1)


@pytest.mark.usefixtures("eagerly")
def test_the_importance_weighted_bound_is_above_the_elbo_and_grows_with_the_samples(tiny_model):
    model, x = tiny_model(2, spread=0.8), np.concatenate([PATTERNS] * 10)
    means = []
    for num_samples in (2, 8, 32, 512):
        result = bounds(model, x, num_samples=num_samples, progress=False)
        assert (result.log_likelihood >= result.elbo - 1e-4).all()  # Jensen, exact on the same draws; float32
        means.append(result.log_likelihood.mean())
    assert means[0] < means[1] < means[2] < means[3]
    np.testing.assert_allclose(result.elbo, result.reconstruction - result.kl, atol=1e-4)


@pytest.mark.usefixtures("eagerly")
def test_the_seed_decides_the_noise(tiny_model):
    model = tiny_model(2)
    first, again, other = (
        bounds(model, PATTERNS, num_samples=6, seed=seed, progress=False).log_likelihood for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-3


@pytest.mark.usefixtures("eagerly")
def test_components_that_have_not_joined_take_no_part(tiny_model):
    model = tiny_model(2)
    model.num_active.assign(1)
    result = bounds(model, PATTERNS, num_samples=50, progress=False)
    np.testing.assert_array_equal(result.alpha, [[1.0, 0.0]] * 3)
    np.testing.assert_allclose(result.elbo, result.component_elbo[:, 0], rtol=1e-5)  # float32
    model.encoders[1].layers[-1].bias.assign([30.0, 30.0, 0.0, 0.0])
    changed = bounds(model, PATTERNS, num_samples=50, progress=False)
    np.testing.assert_allclose(changed.log_likelihood, result.log_likelihood, rtol=1e-6)


def test_samples_are_shared_out_rounding_up():
    assert likelihood_bounds.draws_per_component(5000, 4) == 1250
    assert likelihood_bounds.draws_per_component(5, 2) == 3
    assert likelihood_bounds.draws_per_component(1, 5) == 1


@pytest.mark.parametrize("num_samples", [0, -3])
def test_less_than_one_sample_is_refused(tiny_model, num_samples):
    for function in (bounds, log_likelihood):
        with pytest.raises(ValueError, match=f"`num_samples` must be an integer .* Received: {num_samples}"):
            function(tiny_model(2), PATTERNS, num_samples=num_samples, progress=False)


@pytest.mark.parametrize("batch_size", [0, -1])
def test_batches_of_nothing_are_refused(tiny_model, batch_size):
    with pytest.raises(ValueError, match="`batch_size` must be an integer of at least 1"):
        bounds(tiny_model(2), PATTERNS, num_samples=2, batch_size=batch_size, progress=False)


def test_an_estimate_has_the_standard_error_of_a_mean():
    result = likelihood_bounds.estimate([1.0, 2.0, 4.0, 5.0])
    assert result.mean == 3.0
    # Deviations 2, 1, 1, 2: a variance (n - 1) of 10 / 3, over 4 observations.
    assert result.standard_error == pytest.approx(math.sqrt(10.0 / 3.0 / 4.0))


@pytest.mark.filterwarnings("error")
def test_the_estimate_of_one_observation_has_no_standard_error():
    result = likelihood_bounds.estimate([1.5])
    assert result.mean == 1.5
    assert math.isnan(result.standard_error)


@pytest.mark.usefixtures("eagerly")
def test_the_log_likelihood_is_the_mean_of_the_bound(tiny_model):
    model, options = tiny_model(2), {"num_samples": 6, "seed": 4, "batch_size": 2, "progress": False}
    values = bounds(model, PATTERNS, **options).log_likelihood
    assert log_likelihood(model, PATTERNS, **options) == likelihood_bounds.estimate(values)


def test_bits_per_dimension():
    nats = -24.0 * math.log(2.0)  # 24 bits for 12 pixels
    assert likelihood_bounds.bits_per_dimension(nats, Bernoulli((3, 4, 1))) == pytest.approx(2.0)
    assert likelihood_bounds.bits_per_dimension(nats, Normal((3, 4, 1))) == pytest.approx(10.0)
    # A uniform density on [0, 1]: 8 bits for 256 levels.
    assert likelihood_bounds.bits_per_dimension(0.0, Normal((7,))) == 8.0


@pytest.mark.usefixtures("eagerly")
def test_the_summary_is_of_the_bounds(tiny_model):
    model = tiny_model(2, mixing="learned")
    values = bounds(model, PATTERNS, num_samples=20, progress=False)
    summary = likelihood_bounds.summarize(model, PATTERNS, values)
    assert all(isinstance(value, (int, float)) for value in summary.values())
    assert summary["log_likelihood"] == pytest.approx(values.log_likelihood.mean(), rel=1e-6)
    assert summary["log_likelihood_standard_error"] == pytest.approx(
        values.log_likelihood.std(ddof=1) / math.sqrt(3), rel=1e-6
    )
    assert summary["bits_per_dimension"] == pytest.approx(-summary["log_likelihood"] / (5 * math.log(2)))
    assert summary["elbo"] == pytest.approx(summary["reconstruction"] - summary["kl"], abs=1e-5)
    assert summary["alpha_0"] + summary["alpha_1"] == pytest.approx(1.0, abs=1e-6)
    assert summary["elbo_1"] == pytest.approx(values.component_elbo[:, 1].mean(), rel=1e-6)
    assert 0.0 < summary["mixing_entropy"] <= math.log(2)
    gained = values.elbo - (values.alpha * values.component_elbo).sum(axis=-1)
    assert summary["component_information"] == pytest.approx(gained.mean(), abs=1e-6)
    assert summary["active_units"] in (0, 1, 2)


def test_inference_takes_some_time(tiny_model):
    assert 0.0 < likelihood_bounds.inference_milliseconds(tiny_model(2), PATTERNS, batch_size=4, repeats=3) < 60_000.0
