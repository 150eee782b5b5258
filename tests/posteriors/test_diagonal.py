"""Families of independent dimensions that are not Gaussian, against SciPy: densities, draws, quantiles."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

import reference
from rme_tf.posteriors import POSTERIORS, DiagLaplace, DiagStudentT
from rme_tf.posteriors.student_t import standard_quantiles
from test_posteriors import B, D, random_params

FAMILIES = {
    "laplace": (DiagLaplace(D), lambda mean, stddev: stats.laplace(mean, stddev / math.sqrt(2.0))),
    **{
        f"student_t {df:g}": (
            DiagStudentT(D, df),
            lambda mean, stddev, df=df: stats.t(df, mean, stddev * math.sqrt((df - 2.0) / df)),
        )
        for df in (2.1, 5.0, 50.0, 1e6)
    },
}

every_family = pytest.mark.parametrize("name", FAMILIES)


def family_and_scipy(name, lead=(B,)):
    """Returns a family, params [*lead, P], and SciPy's distribution [*lead, D] of the same moments."""
    family, of_scipy = FAMILIES[name]
    params = random_params(family, lead)
    mean, raw = np.split(params.numpy().astype(np.float64), 2, axis=-1)
    return family, params, of_scipy(mean, np.log1p(np.exp(raw)) + 1e-5)  # initial_scale is log 2


@every_family
def test_densities_are_those_of_scipy(name):
    family, params, expected = family_and_scipy(name)
    z = 4.0 * np.random.default_rng(0).normal(size=(50, B, D)).astype(np.float32)  # into the tails
    log_prob = expected.logpdf(z).sum(axis=-1)
    np.testing.assert_allclose(family.distribution(params).log_prob(z), log_prob, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(family.log_prob(params, z), log_prob, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(family.marginals(params).log_prob(z), expected.logpdf(z), rtol=1e-5, atol=1e-5)


@every_family
def test_moments_are_those_of_scipy(name):
    family, params, expected = family_and_scipy(name, (2, B))
    q = family.distribution(params)
    np.testing.assert_allclose(q.mean(), expected.mean(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(q.stddev(), expected.std(), rtol=1e-4)
    np.testing.assert_allclose(family.marginals(params).stddev(), expected.std(), rtol=1e-4)
    for moment, of_distribution in zip(family.moments(params), (q.mean(), q.stddev()), strict=True):
        np.testing.assert_allclose(moment, of_distribution, rtol=1e-5)


@every_family
@pytest.mark.parametrize("source", ["sample", "from_noise"])
def test_draws_have_the_distribution_of_scipy(name, source):
    family, params, expected = family_and_scipy(name, ())
    if source == "sample":
        z = family.distribution(params).sample(20_000, seed=(0, 1))
    else:
        z = family.from_noise(params, tf.random.stateless_normal([20_000, D], seed=(0, 1)))
    uniform = expected.cdf(z.numpy().astype(np.float64))
    for values in uniform.T:
        assert stats.kstest(values, "uniform").pvalue > 1e-3
    assert np.abs(np.corrcoef(uniform.T) - np.eye(D)).max() < 4.5 / math.sqrt(20_000)


@every_family
def test_noise_becomes_the_quantiles_of_its_normal_probabilities(name):
    family, params, expected = family_and_scipy(name, ())
    noise = np.linspace(-6.0, 6.0, 41).astype(np.float32)[:, np.newaxis].repeat(D, axis=-1)
    lower = expected.ppf(stats.norm.cdf(-np.abs(noise.astype(np.float64))))  # the upper tail of a cdf has no digits
    quantiles = np.where(noise < 0.0, lower, 2.0 * expected.mean() - lower)
    np.testing.assert_allclose(family.from_noise(params, noise), quantiles, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("df", [2.1, 5.0, 1e6])
def test_student_quantiles_are_increasing_and_have_their_slope(df):
    noise = tf.constant(np.linspace(-6.0, 6.0, 41), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(noise)
        t = standard_quantiles(df, noise)
    expected = np.exp(stats.norm.logpdf(noise) - stats.t(df).logpdf(t))
    np.testing.assert_allclose(tape.gradient(t, noise), expected, rtol=1e-4)
    assert (np.diff(t) > 0).all()


@every_family
def test_draws_are_the_same_in_a_graph_and_of_the_same_distribution_under_xla(name):
    """Which has random numbers of its own."""
    family, params, expected = family_and_scipy(name, ())

    def draw():
        return family.distribution(params).sample(5_000, seed=(0, 1))

    np.testing.assert_allclose(tf.function(draw)(), draw(), rtol=1e-4, atol=1e-4)
    for values in expected.cdf(tf.function(draw, jit_compile=True)().numpy().astype(np.float64)).T:
        assert stats.kstest(values, "uniform").pvalue > 1e-3


@pytest.mark.parametrize("df", [2.0, 0.0, -3.0, math.inf, math.nan, "5", True, None])
def test_degrees_of_freedom_without_a_variance_are_refused(df):
    with pytest.raises(ValueError, match="`df` must be a finite number above 2"):
        DiagStudentT(D, df)


def test_degrees_of_freedom_are_part_of_the_configuration():
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(DiagStudentT(D, 3)))
    assert (copy.df, copy.latent_dim) == (3.0, D)


def test_many_degrees_of_freedom_make_a_gaussian():
    params = random_params(DiagStudentT(D), (B,))
    z = np.linspace(-3.0, 3.0, D).astype(np.float32)
    normal = POSTERIORS["diag_normal"](D).log_prob(params, z)
    np.testing.assert_allclose(DiagStudentT(D, 1e6).log_prob(params, z), normal, rtol=1e-3)


def test_the_oracles_are_those_of_scipy(rng):
    z, mean, scale = rng.normal(size=D), rng.normal(size=D), rng.uniform(0.5, 2.0, D)
    expected = stats.laplace(mean, scale).logpdf(z).sum()
    assert reference.diag_laplace_log_prob(z, mean, scale) == pytest.approx(expected, rel=1e-12)
    expected = stats.t(3.0, mean, scale).logpdf(z).sum()
    assert reference.diag_student_t_log_prob(z, 3.0, mean, scale) == pytest.approx(expected, rel=1e-12)
