"""Densities of fixed observations, which evaluations use, against formulas in float64."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from scipy.special import gammaln, log_expit, log_softmax, logsumexp
from scipy.stats import norm, poisson, t

from rme_tf.likelihoods import LIKELIHOODS, Bernoulli, CategoricalSequence, Likelihood, Normal

SHAPE, S, B, K = (2, 2, 3), 3, 4, 2
OPTIONS = {"categorical_sequence": {"vocabulary_size": 7, "features": 3}}
ALL = [(name, OPTIONS.get(name, {})) for name in sorted(LIKELIHOODS)]
ALL += [("normal", {"scale": scale}) for scale in ("decoded", "fixed", "per_image", "per_pixel")]
ALL += [("student_t", {"scale": "decoded", "learned_df": True})]
ALL += [("student_t", {"scale": scale}) for scale in ("per_image", "per_pixel")]
ALL += [("poisson", {"size_factor": "total"})]
ALL += [("negative_binomial", {"dispersion": kind, "size_factor": "total"}) for kind in ("decoded", "per_entry")]
every_density = pytest.mark.parametrize(("name", "options"), ALL, ids=lambda part: str(part))


def build(name, options):
    """A likelihood with weights that differ."""
    likelihood = LIKELIHOODS[name]((5,) if name == "categorical_sequence" else SHAPE, **options)
    rng = np.random.default_rng(2)
    for variable in likelihood.weights:
        variable.assign(variable.numpy() + rng.normal(scale=0.3, size=variable.shape))
    return likelihood


def observed(likelihood, name):
    """Observations in the support, with both ends of it."""
    rng = np.random.default_rng(3)
    if name == "categorical_sequence":
        return np.array([[3, 4, 2, 0, 0], [5, 2, 0, 0, 0], [6, 6, 6, 6, 2], [2, 0, 0, 0, 0]], np.int32)
    if likelihood.values == "counts":
        seen = rng.integers(0, 2, (B, *likelihood.event_shape))
        return (seen * rng.poisson(1e3, seen.shape)).astype(np.float32)
    if likelihood.interval is None:
        return (3.0 * rng.standard_t(2.0, (B, *likelihood.event_shape))).astype(np.float32)
    x = np.round(rng.uniform(-0.2, 1.2, (B, *likelihood.event_shape)).clip(0.0, 1.0) * 255.0) / 255.0
    return (x > 0.5 if name == "bernoulli" else x).astype(np.float32)


def params_of(likelihood, spread):
    return np.random.default_rng(4).normal(scale=spread, size=(S, B, K, *likelihood.params_shape)).astype(np.float32)


# The formulas, of params [..., *params_shape] and x [..., *event_shape] in float64: log p of each entry.


def bernoulli(likelihood, params, x):
    return x * params - np.logaddexp(0.0, params)


def continuous_bernoulli(likelihood, params, x):
    return x * params - np.log(np.expm1(params) / params)  # the integral of exp(l x) over [0, 1]


def location_and_scale(likelihood, params):
    if likelihood.scale is not None:
        return params, np.asarray(likelihood.scale, float)
    mean, raw = np.split(params, 2, axis=-1)
    if likelihood.scale_kind == "per_image":
        raw = raw.mean(axis=(-3, -2, -1), keepdims=True)
    start = np.log(np.expm1(likelihood.initial_scale - likelihood.min_scale))
    return mean, np.logaddexp(0.0, raw + start) + likelihood.min_scale


def normal(likelihood, params, x):
    return norm.logpdf(x, *location_and_scale(likelihood, params))


def student_t(likelihood, params, x):
    return t.logpdf(x, float(likelihood.df), *location_and_scale(likelihood, params))


def log_mean_of(likelihood, logits, x):
    if likelihood.size_factor == "none":
        return logits
    axes = (-3, -2, -1)
    return logits - logsumexp(logits, axis=axes, keepdims=True) + np.log(x.sum(axis=axes, keepdims=True))


def poisson_formula(likelihood, params, x):
    return poisson.logpmf(x, np.exp(log_mean_of(likelihood, params, x)))


def negative_binomial(likelihood, params, x):
    logits, dispersion = params, likelihood.dispersion
    if dispersion is None:
        logits, raw = np.split(params, 2, axis=-1)
        start = np.log(np.expm1(likelihood.initial_dispersion - likelihood.min_dispersion))
        dispersion = np.logaddexp(0.0, raw + start) + likelihood.min_dispersion
    r, mean = 1.0 / np.asarray(dispersion, float), np.exp(log_mean_of(likelihood, logits, x))
    return gammaln(x + r) - gammaln(r) - gammaln(x + 1) + r * np.log(r / (r + mean)) + x * np.log(mean / (r + mean))


def categorical_pixels(likelihood, params, x):
    logits = log_softmax(params.reshape(*params.shape[:-1], SHAPE[-1], 256), axis=-1)
    level = np.broadcast_to(np.round(255.0 * x).astype(int), logits.shape[:-1])
    return np.take_along_axis(logits, level[..., np.newaxis], axis=-1)[..., 0]


def level_log_prob(x, mean, log_scale):
    """log of the mass of the bin of x in [0, 1], by the distribution function."""
    scale, half = np.exp(np.maximum(log_scale, -7.0)), 1.0 / 255.0
    above = (2.0 * x - 1.0 + half - mean) / scale
    below = (2.0 * x - 1.0 - half - mean) / scale
    top, bottom = np.where(x >= 1.0, np.inf, above), np.where(x <= 0.0, -np.inf, below)
    mirrored = bottom + top > 0.0  # the upper tail, which float64 resolves only when mirrored
    low, high = np.where(mirrored, -top, bottom), np.where(mirrored, -bottom, top)
    return log_expit(high) + np.log1p(-np.exp(log_expit(low) - log_expit(high)))


def discretized_logistic(likelihood, params, x):
    return level_log_prob(x, *np.split(params, 2, axis=-1))


def discretized_logistic_mixture(likelihood, params, x):
    size = likelihood.num_mixtures
    logits, others = params[..., :size], params[..., size:].reshape(*params.shape[:-1], 3, 3, size)
    means, log_scales, coefficients = others[..., 0, :, :], others[..., 1, :, :], np.tanh(others[..., 2, :, :])
    red, green = (2.0 * x[..., c, np.newaxis] - 1.0 for c in (0, 1))
    shifts = 0.0, coefficients[..., 0, :] * red, coefficients[..., 1, :] * red + coefficients[..., 2, :] * green
    total = log_softmax(logits, axis=-1)
    for c, shift in enumerate(shifts):
        total = total + level_log_prob(x[..., c, np.newaxis], means[..., c, :] + shift, log_scales[..., c, :])
    return logsumexp(total, axis=-1)[..., np.newaxis]


def categorical_sequence(likelihood, params, x):
    table, bias = (np.asarray(weight, float) for weight in (likelihood.table, likelihood.bias))
    x = np.broadcast_to(x.astype(int), params.shape[:-1])
    values = np.take_along_axis(log_softmax(params @ table.T + bias, axis=-1), x[..., np.newaxis], axis=-1)
    return np.where(x == 0, 0.0, values[..., 0])


FORMULAS = {
    function.__name__: function
    for function in (
        bernoulli,
        categorical_pixels,
        categorical_sequence,
        continuous_bernoulli,
        discretized_logistic,
        discretized_logistic_mixture,
        negative_binomial,
        normal,
        student_t,
    )
} | {"poisson": poisson_formula}


def expected(likelihood, name, params, x):
    """log p(x|z) [S, B, K] by the formula; by the distribution for entries of the table without one."""
    if name not in FORMULAS:
        return likelihood.log_prob(params, x)
    terms = FORMULAS[name](likelihood, params.astype(float), np.asarray(x, float))
    return terms.sum(axis=tuple(range(3, terms.ndim)))


@every_density
@pytest.mark.parametrize("spread", [0.5, 4.0])
def test_densities_of_fixed_observations_are_those_of_the_formula(name, options, spread):
    likelihood = build(name, options)
    x, params = observed(likelihood, name)[:, np.newaxis], params_of(likelihood, spread)
    for sliced in (False, True):
        values = likelihood.log_prob_of(tf.constant(x), sliced=sliced)(tf.constant(params))
        assert values.shape == (S, B, K)
        assert values.dtype == tf.float32
        np.testing.assert_allclose(values, expected(likelihood, name, params, x), rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(values, likelihood.log_prob(params, x), rtol=1e-5, atol=1e-5)


@every_density
@pytest.mark.parametrize("size", [-1e3, 0.0, 1e3])
def test_densities_at_extreme_params_are_finite_and_equal(name, options, size):
    likelihood = build(name, options)
    x, params = observed(likelihood, name), tf.fill([B, *likelihood.params_shape], size)
    for sliced in (False, True):
        values = likelihood.log_prob_of(tf.constant(x), sliced=sliced)(params)
        assert np.isfinite(values).all()
        np.testing.assert_allclose(values, likelihood.log_prob(params, x), rtol=1e-5, atol=1e-5)


@every_density
def test_entries_have_the_log_probabilities_of_the_formula(name, options):
    likelihood = build(name, options)
    x, params = observed(likelihood, name)[:, np.newaxis], params_of(likelihood, 2.0)
    if name == "discretized_logistic_mixture":
        with pytest.raises(ValueError, match=r"independent given z, .* Received: DiscretizedLogisticM"):
            likelihood.entry_log_prob(params, x)
        return
    if options.get("size_factor") == "total":
        with pytest.raises(ValueError, match="need `size_factor` 'none'"):
            likelihood.entry_log_prob(params, x)
        return
    values = likelihood.entry_log_prob(tf.constant(params), tf.constant(x))
    assert values.shape == (S, B, K, *x.shape[2:])
    np.testing.assert_allclose(tf.reduce_sum(values, likelihood.event_axes), likelihood.log_prob(params, x), rtol=1e-5)
    if name in FORMULAS:
        formula = FORMULAS[name](likelihood, params.astype(float), np.asarray(x, float))
        np.testing.assert_allclose(values, formula, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shape", [(2, 3, 1), (5,)], ids=str)
def test_gray_pixels_of_a_mixture_of_logistics_are_entries(shape):
    likelihood = LIKELIHOODS["discretized_logistic_mixture"](shape, num_mixtures=2)
    x, params = observed(likelihood, "gray")[:, np.newaxis], params_of(likelihood, 2.0)
    values = likelihood.entry_log_prob(params, x)
    assert values.shape == (S, B, K, *shape)
    np.testing.assert_allclose(tf.reduce_sum(values, likelihood.event_axes), likelihood.log_prob(params, x), rtol=1e-5)


def test_dependent_entries_have_no_log_probabilities():
    class Together(Bernoulli):
        def distribution(self, params):
            return tfp.distributions.MultivariateNormalDiag(params)

    with pytest.raises(ValueError, match="independent given z"):
        Together((5,)).entry_log_prob(np.zeros([2, 5], np.float32), np.zeros([2, 5], np.float32))


PREPARED = [(name, options) for name, options in ALL if LIKELIHOODS[name].prepared is not Likelihood.prepared]


@pytest.mark.parametrize(("name", "options"), PREPARED, ids=str)
@pytest.mark.parametrize("method", ["distribution", "log_prob"])
def test_a_subclass_with_another_density_has_that_one(name, options, method):
    class Other(LIKELIHOODS[name]):
        pass

    def log_prob(self, params, x):
        return tf.fill([S, B, K], 7.0)

    def distribution(self, params):
        return type("Sevens", (), {"log_prob": lambda _, x: tf.fill([S, B, K], 7.0)})()

    likelihood = Other(SHAPE, **options)
    x, params = observed(likelihood, name)[:, np.newaxis], params_of(likelihood, 1.0)
    assert likelihood.is_prepared
    assert (likelihood.log_prob_of(x)(params).numpy() != 7.0).all()
    setattr(Other, method, locals()[method])
    assert not likelihood.is_prepared
    np.testing.assert_array_equal(likelihood.log_prob_of(x)(params), np.full([S, B, K], 7.0))


def test_likelihoods_that_evaluations_can_prepare_do():
    assert {Bernoulli, Normal} <= {LIKELIHOODS[name] for name, _ in PREPARED}
    assert CategoricalSequence.prepared is Likelihood.prepared  # the softmax has no terms of x alone
    assert not build("categorical_sequence", OPTIONS["categorical_sequence"]).is_prepared
