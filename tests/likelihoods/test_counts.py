"""Likelihoods of counts: densities in float32 against SciPy's in float64, and what a size factor conditions on."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats
from scipy.special import gammaln

import rme_tf
from conftest import build_tiny_model
from rme_tf.likelihoods import NegativeBinomial, Poisson
from rme_tf.likelihoods.count_densities import (
    negative_binomial_log_prob_of,
    poisson_log_prob_of,
    stirling_error,
)
from rme_tf.likelihoods.negative_binomial import DISPERSIONS

F, B = 4, 6
COUNTS = np.unique(np.concatenate([np.arange(12), np.geomspace(12, 1e6, 60).round()])).astype("float32")
TOTAL = {"size_factor": "total", "default_total": 50.0}
CLOSE = {"rtol": 3e-6, "atol": 3e-6}  # float32

every_kind = pytest.mark.parametrize("kind", [Poisson, NegativeBinomial], ids=lambda kind: kind.__name__)


def params_of(likelihood, lead=(B,), spread=1.0):
    return tf.random.stateless_normal([*lead, *likelihood.params_shape], seed=(1, 2)) * spread


def rows(rng, scale=20.0):
    """Counts [B, F] with zeros among them."""
    return rng.negative_binomial(1.0, 1.0 / scale, (B, F)).astype("float32")


# Densities.


def test_the_error_of_stirlings_formula_is_exact_on_both_sides_of_the_series():
    x = np.concatenate([np.geomspace(1e-4, 7.99, 40), np.geomspace(8.0, 1e9, 40)]).astype("float32")
    wide = x.astype(float)
    expected = gammaln(wide) - ((wide - 0.5) * np.log(wide) - wide + 0.5 * np.log(2 * np.pi))
    known = wide < 1e4  # beyond, float64 has few digits of the difference either
    np.testing.assert_allclose(stirling_error(x)[known], expected[known], atol=2e-6)
    np.testing.assert_allclose(stirling_error(x)[~known], 1.0 / (12.0 * wide[~known]), rtol=1e-5)


@pytest.mark.parametrize("shift", [-3.0, -0.1, 0.0, 0.02, 2.0])
def test_large_counts_have_their_poisson_probability(shift):
    """At the mean, a sum of log-gamma functions in float32 is wrong by more than a nat at a million."""
    log_rate = (np.log(np.maximum(COUNTS, 0.5)) + shift).astype("float32")
    found = poisson_log_prob_of(tf.constant(COUNTS))(tf.constant(log_rate))
    expected = stats.poisson.logpmf(COUNTS.astype(float), np.exp(log_rate.astype(float)))
    # The log-rate itself has an error of 1e-6, which moves the probability by x - rate times that.
    tolerance = 3e-6 * (1.0 + np.abs(expected)) + 2e-6 * np.abs(COUNTS - np.exp(log_rate))
    assert (np.abs(found - expected) <= tolerance).all()


@pytest.mark.parametrize("dispersion", [1e-4, 0.1, 1.0, 30.0])
@pytest.mark.parametrize("shift", [-2.0, 0.0, 1.0])
def test_large_counts_have_their_negative_binomial_probability(shift, dispersion):
    r = np.float32(1.0 / dispersion)
    logits = (np.log(np.maximum(COUNTS, 0.5)) + shift - np.log(r)).astype("float32")
    found = negative_binomial_log_prob_of(tf.constant(COUNTS))(tf.constant(r), tf.constant(logits))
    wide = float(r), logits.astype(float)
    expected = stats.nbinom.logpmf(COUNTS.astype(float), wide[0], 1.0 / (1.0 + np.exp(wide[1])))
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=5e-6)


def test_a_small_dispersion_is_a_poisson_distribution(rng):
    x, params = rows(rng), params_of(Poisson((F,)))
    near = NegativeBinomial((F,), initial_dispersion=2e-6, min_dispersion=1e-6)
    np.testing.assert_allclose(near.log_prob(params, x), Poisson((F,)).log_prob(params, x), rtol=1e-3)


@every_kind
def test_the_mean_is_linear_in_large_params_so_that_it_stays_finite(kind):
    params = tf.constant([[15.0, 16.0, 17.0, 1e4]])
    expected = np.exp(16.0) * np.array([np.exp(-1.0), 1.0, 2.0, 1e4 - 15.0])
    np.testing.assert_allclose(kind((F,)).distribution(params).mean()[0], expected, rtol=1e-5)


@every_kind
def test_draws_have_the_moments_of_the_distribution(kind):
    likelihood = kind((F,))
    p = likelihood.distribution(tf.constant([0.0, 1.0, 2.0, 4.0]))
    draws = np.asarray(p.sample(4000, seed=(3, 4)), float)
    likelihood.check(draws)
    mean, variance = np.asarray(p.mean(), float), np.asarray(p.variance(), float)
    assert (np.abs(draws.mean(axis=0) - mean) < 5.0 * np.sqrt(variance / 4000)).all()
    np.testing.assert_allclose(draws.var(axis=0), variance, rtol=0.25)
    expected = mean if kind is Poisson else mean + mean**2
    np.testing.assert_allclose(variance, expected, rtol=1e-5)


# Dispersions.


@pytest.mark.parametrize("dispersion", DISPERSIONS)
def test_a_dispersion_starts_where_it_should_and_is_learned_where_it_is(dispersion):
    likelihood = NegativeBinomial((F,), initial_dispersion=0.3, dispersion=dispersion)
    params = tf.zeros([B, *likelihood.params_shape])
    np.testing.assert_allclose(likelihood.distribution(params).variance(), np.full((B, F), 1.3), rtol=1e-5)
    count = sum(np.prod(weight.shape) for weight in likelihood.trainable_variables)
    assert count == {"shared": 1, "per_entry": F}.get(dispersion, 0)
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(likelihood))
    assert copy.get_config() == likelihood.get_config()


@pytest.mark.parametrize(
    ("likelihood", "message"),
    [
        (NegativeBinomial((2, 2, 1), dispersion="per_entry"), "`dispersion` must be 'decoded', 'fixed' or 'shared'"),
        (Poisson((2, 2, 1), size_factor="total"), "`size_factor` must be 'none'"),
    ],
    ids=["dispersion", "total"],
)
def test_what_one_entry_does_not_know_is_refused_pixel_by_pixel(likelihood, message):
    with pytest.raises(ValueError, match=message):
        likelihood.of_pixel()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size_factor": "totals"}, "`size_factor` must be one of 'none', 'total'. Received: 'totals'. Did you mean"),
        ({"default_total": 0.0}, "`default_total` must be a finite number above 0"),
        ({"dispersion": "per_gene"}, "`dispersion` must be one of"),
        ({"initial_dispersion": 1e-5}, "`initial_dispersion` must be .* above 0.0001"),
    ],
    ids=str,
)
def test_options_are_checked(options, message):
    with pytest.raises(ValueError, match=message):
        NegativeBinomial((F,), **options)


# The size factor.


def test_given_the_total_a_poisson_composition_is_multinomial_and_the_total_a_number(rng):
    """log p(x|z, l) = log Multinomial(x; l, proportions) + log Poisson(l; l): l is conditioned on, not modeled."""
    likelihood = Poisson((F,), **TOTAL)
    x, params = rows(rng), params_of(likelihood)
    proportions = tf.nn.softmax(tf.cast(params, tf.float64)).numpy()
    totals = x.sum(axis=-1).astype(float)
    expected = [stats.multinomial.logpmf(*row) for row in zip(x.astype(int), totals, proportions, strict=True)]
    np.testing.assert_allclose(likelihood.log_prob(params, x), expected + stats.poisson.logpmf(totals, totals), **CLOSE)


@every_kind
def test_a_size_factor_scales_proportions_by_the_total_of_the_row(kind, rng):
    likelihood, x = kind((F,), **TOTAL), rows(rng)
    params = params_of(likelihood)
    mean = likelihood.distribution(params).mean()
    np.testing.assert_allclose(mean, 50.0 * tf.nn.softmax(params), rtol=1e-5)
    observed = likelihood.as_observed(mean, x)
    np.testing.assert_allclose(np.sum(observed, axis=-1), x.sum(axis=-1), rtol=1e-5)
    plain = kind((F,))  # with the log-means that the total gives
    expected = plain.log_prob(tf.math.log(observed), x)
    np.testing.assert_allclose(likelihood.log_prob(params, x), expected, rtol=1e-4)
    np.testing.assert_allclose(np.sum(plain.entry_log_prob(params, x), axis=-1), plain.log_prob(params, x), rtol=1e-4)
    with pytest.raises(ValueError, match="need `size_factor` 'none'.*Received: 'total'"):
        likelihood.entry_log_prob(params, x)
    np.testing.assert_array_equal(plain.as_observed(mean, x), mean)


@every_kind
def test_a_row_without_counts_has_a_finite_density(kind):
    likelihood = kind((F,), **TOTAL)
    params = params_of(likelihood, (1,))
    with tf.GradientTape() as tape:
        tape.watch(params)
        log_prob = likelihood.log_prob(params, tf.zeros([1, F]))
    assert np.isfinite(log_prob).all()
    assert np.isfinite(tape.gradient(log_prob, params)).all()


# In a model.


@pytest.fixture(scope="module")
def count_model():
    choices = {"likelihood": "negative_binomial", "likelihood_options": {"dispersion": "per_entry", **TOTAL}}
    return build_tiny_model(2, pixels=F, mixing="learned", **choices)


def test_encoders_read_logarithms(count_model, rng):
    x = rows(rng)
    encoding = count_model.encode(x)
    for m, encoder in enumerate(count_model.encoders):
        np.testing.assert_allclose(encoding.params[:, m], encoder(np.log1p(x)), rtol=1e-5)
    logits = count_model.mixing_network(np.log1p(x))
    np.testing.assert_allclose(encoding.log_alpha, count_model.mixing.log_alpha(logits), rtol=1e-5)


def test_a_reconstruction_has_the_total_of_its_row_and_a_sample_the_default(count_model, rng):
    x = rows(rng)
    np.testing.assert_allclose(np.sum(count_model.reconstruct(x), axis=-1), x.sum(axis=-1), rtol=1e-5)
    np.testing.assert_allclose(np.sum(count_model.sample(3), axis=-1), 50.0, rtol=1e-5)


@pytest.mark.parametrize(("value", "message"), [(np.nan, "nan"), (-1.0, "-1.0"), (0.5, "0.5"), (np.inf, "inf")])
def test_what_is_no_count_is_refused_in_words(count_model, value, message, rng):
    x = rows(rng)
    x[2, 1] = value
    words = f"expects counts, whole numbers of at least 0. Received: `x` with {message} .*Give whole numbers"
    with pytest.raises(ValueError, match=words):
        count_model.predict(x, verbose=0)


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_a_model_of_counts_trains_evaluates_and_loads(count_model, rng, tmp_path):
    x = rows(rng)
    count_model.compile("adam", rme_tf.RecursiveMixture(warm_start_epochs=0))
    assert np.isfinite(count_model.fit(x, verbose=0).history["loss"]).all()
    bounds = rme_tf.bounds(count_model, x, num_samples=4, progress=False)
    assert np.isfinite(bounds.log_likelihood).all()
    summary = rme_tf.evaluation.summarize(count_model, x, bounds)
    assert np.isnan(summary["bits_per_dimension"])
    count_model.save(tmp_path / "counts.keras")
    loaded = keras.saving.load_model(tmp_path / "counts.keras")
    again = rme_tf.bounds(loaded, x, num_samples=4, progress=False)
    np.testing.assert_allclose(again.log_likelihood, bounds.log_likelihood, rtol=1e-5)


def test_half_precision_reads_counts_of_any_size(tiny_model):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = tiny_model(1, pixels=F, likelihood="poisson")
    finally:
        keras.config.set_dtype_policy("float32")
    assert np.isfinite(model(np.full((1, F), 1e6, "float32"))["means"]).all()  # infinite in float16


def test_pseudo_inputs_of_counts_are_not_negative(tiny_model, rng):
    model = tiny_model(1, pixels=F, likelihood="poisson", prior="vamp", prior_options={"num_components": 5})
    assert (model.prior.pseudo_inputs().numpy() > 0.0).all()
    x = rows(rng)
    model.prior.initialize(x)
    chosen = np.sort(model.prior.pseudo_inputs().numpy(), axis=0)
    distances = np.abs(model.prior.pseudo_inputs().numpy()[:, None] - x[None]).max(axis=-1)
    assert chosen.shape == (5, F)
    assert (distances.min(axis=1) < 0.03).all()  # zeros start at 0.02
