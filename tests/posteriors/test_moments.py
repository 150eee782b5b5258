"""Means and standard deviations of distributions, against TFP's own and against double precision."""

import decimal

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from rme_tf.core.gaussian import DiagonalNormal
from rme_tf.likelihoods.continuous_bernoulli import SMALL_LOGIT, Pixels
from rme_tf.posteriors import POSTERIORS, DiagNormal, DiagonalFamily
from test_posteriors import GAUSSIANS

LOGITS = np.concatenate([np.linspace(-3.0, 3.0, 1001), np.geomspace(1e-6, 1e4, 100), -np.geomspace(1e-6, 1e4, 100)])


@pytest.mark.parametrize("name", GAUSSIANS)
@pytest.mark.parametrize("lead", [(), (5,), (5, 4), (2, 5, 1, 4)])
def test_the_moments_of_a_gaussian_are_those_of_tfp(name, lead):
    family = POSTERIORS[name](3)
    q = family.distribution(tf.random.stateless_normal([*lead, family.num_params], seed=(0, 1)))
    general = tfp.distributions.MultivariateNormalLinearOperator
    for moment, of_tfp in ((q.mean(), general._mean(q)), (q.stddev(), general._stddev(q))):
        assert moment.shape == (*lead, 3)
        np.testing.assert_allclose(moment, of_tfp, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", sorted(POSTERIORS))
def test_marginals_of_a_posterior_multiply_to_its_density(name):
    """None for dependent dimensions."""
    family = POSTERIORS[name](3)
    params = tf.random.stateless_normal([5, 4, family.num_params], seed=(0, 1))
    marginals, q = family.marginals(params), family.distribution(params)
    assert family.diagonal_gaussian == (family.gaussian and marginals is not None)
    if marginals is None:
        assert not isinstance(family, DiagonalFamily)
        return
    z = q.sample(6, seed=(0, 2))
    np.testing.assert_allclose(tf.reduce_sum(marginals.log_prob(z), axis=-1), q.log_prob(z), rtol=1e-5, atol=1e-5)
    for moment, of_marginals in zip(family.moments(params), (marginals.mean(), marginals.stddev()), strict=True):
        np.testing.assert_allclose(moment, of_marginals, rtol=1e-5)


def test_a_subclass_with_another_distribution_has_neither_marginals_nor_the_moments_of_its_parent():
    """Until it has its own: free bits in groups then refuse it, and no closed form takes it for a Gaussian."""

    class Uniform(DiagNormal):
        def distribution(self, params):
            mean, width = self.mean_and_stddev(params)
            return tfp.distributions.Independent(tfp.distributions.Uniform(mean - width, mean + width), 1)

    params = tf.random.stateless_normal([5, 6], seed=(0, 1))
    family = Uniform(3)
    assert family.marginals(params) is None
    assert not family.diagonal_gaussian
    for moment, expected in zip(family.moments(params), ("mean", "stddev"), strict=True):
        np.testing.assert_array_equal(moment, getattr(family.distribution(params), expected)())


@pytest.mark.parametrize("shapes", [([3], [2, 3]), ([2, 3], [3]), ([4, 1, 3], [2, 3])])
def test_the_moments_of_a_diagonal_gaussian_have_the_shape_of_both_parameters(shapes):
    mean, scale = (1.0 + tf.random.stateless_uniform(shape, seed=(0, 1)) for shape in shapes)
    q = DiagonalNormal(mean, scale_diag=scale)
    shape = tf.broadcast_static_shape(mean.shape, scale.shape)
    np.testing.assert_array_equal(q.mean(), tf.broadcast_to(mean, shape))
    np.testing.assert_array_equal(q.stddev(), tf.broadcast_to(scale, shape))


def exact_mean(logit):
    """1 / (1 - exp(-t)) - 1 / t in 60 digits."""
    with decimal.localcontext(decimal.Context(prec=60)):
        logit = decimal.Decimal(float(logit))
        return float(1 / (1 - (-logit).exp()) - 1 / logit)


def test_the_mean_of_a_continuous_bernoulli_is_exact_and_smooth():
    edges = np.float32(SMALL_LOGIT) * (1 + np.array([-1e-6, 0.0, 1e-6]))
    logits = np.concatenate([LOGITS[LOGITS != 0.0], edges, -edges]).astype(np.float32)
    mean, slope = tfp.math.value_and_gradient(lambda t: Pixels(logits=t).mean(), tf.constant(logits))
    np.testing.assert_allclose(mean, [exact_mean(logit) for logit in logits], rtol=0, atol=5e-7)
    np.testing.assert_allclose(slope, [slope_of(logit) for logit in logits], rtol=0, atol=2e-6)
    at_zero, slope_at_zero = tfp.math.value_and_gradient(lambda t: Pixels(logits=t).mean(), tf.zeros([]))
    assert (float(at_zero), float(slope_at_zero)) == (0.5, pytest.approx(1.0 / 12.0))


def slope_of(logit):
    """The variance, by central differences of the exact mean: the derivative of the mean in the logit."""
    step = max(1e-3, 1e-3 * abs(float(logit)))
    return (exact_mean(float(logit) + step) - exact_mean(float(logit) - step)) / (2.0 * step)
