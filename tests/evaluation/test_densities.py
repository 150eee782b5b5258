"""Densities of Gaussians at many codes, by one product, against formulas in float64."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from scipy.special import logsumexp
from scipy.stats import norm

from rme_tf.core.gaussian import DiagonalNormal
from rme_tf.evaluation.densities import component_log_probs_of, log_prob_of
from rme_tf.posteriors import POSTERIORS, DiagNormal, MixturePosterior
from rme_tf.priors import PRIORS

S, B, K, M, D = 3, 4, 2, 5, 3


@pytest.mark.parametrize(("spread", "scale"), [(1.0, 1.0), (3.0, 1e-2), (30.0, 1e-3)])
@pytest.mark.parametrize("num_components", [1, M])
def test_densities_of_components_keep_the_precision_of_float32(rng, num_components, spread, scale):
    """Far from zero, and narrow: there z^2 / scale^2 has more digits than float32."""
    family = DiagNormal(D, initial_scale=scale)
    means = rng.normal(scale=spread, size=(B, num_components, D))
    params = tf.constant(np.concatenate([means, rng.normal(size=means.shape)], axis=-1), tf.float32)
    q = MixturePosterior(family, params, tf.zeros([B, num_components]))
    mean, stddev = (np.asarray(moment, float) for moment in family.moments(params))
    drawn = mean[:, : min(K, num_components)]
    z = (drawn + scale * rng.normal(size=(S, *drawn.shape))).astype(np.float32)
    codes = z[:, :, :, np.newaxis].astype(float)
    expected = norm.logpdf(codes, mean[:, np.newaxis], stddev[:, np.newaxis]).sum(axis=-1)
    values = component_log_probs_of(q)(tf.constant(z))
    assert values.dtype == tf.float32
    np.testing.assert_allclose(values, expected, rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("name", sorted(POSTERIORS))
def test_components_that_are_no_diagonal_gaussians_have_their_own_densities(name, rng):
    family = POSTERIORS[name](D)
    params = tf.constant(rng.normal(size=(B, M, family.num_params)), tf.float32)
    q = MixturePosterior(family, params, tf.zeros([B, M]))
    log_probs, z = component_log_probs_of(q), tf.constant(rng.normal(size=(S, B, K, D)), tf.float32)
    assert (log_probs is not None) == family.diagonal_gaussian
    if log_probs is not None:
        np.testing.assert_allclose(log_probs(z), q.component_log_probs(z), rtol=1e-5, atol=1e-5)


def test_a_subclass_with_another_distribution_keeps_it():
    class Wider(DiagNormal):
        def distribution(self, params):
            return tfp.distributions.Independent(tfp.distributions.Normal(*self.mean_and_stddev(params)), 1)

    assert component_log_probs_of(MixturePosterior(Wider(D), tf.zeros([B, M, 2 * D]), tf.zeros([B, M]))) is None


@pytest.mark.parametrize("name", sorted(PRIORS))
def test_densities_of_priors_are_those_of_their_distributions(name, rng, tiny_model):
    prior = tiny_model(2, prior=name, latent_dim=D).prior
    z = tf.constant(rng.normal(size=(S, B, K, D)), tf.float32)
    distribution = prior.distribution()
    np.testing.assert_allclose(log_prob_of(distribution)(z), distribution.log_prob(z), rtol=1e-5, atol=1e-5)


def test_a_mixture_of_mixtures_is_one_mixture(rng):
    means, scales = rng.normal(size=(K, M, D)), rng.uniform(0.1, 2.0, (K, M, D))
    outer, inner = rng.normal(size=K), rng.normal(size=(K, M))
    mixtures = tfp.distributions.MixtureSameFamily(
        tfp.distributions.Categorical(logits=tf.constant(inner, tf.float32)),
        DiagonalNormal(tf.constant(means, tf.float32), scale_diag=tf.constant(scales, tf.float32)),
    )
    mixture = tfp.distributions.MixtureSameFamily(
        tfp.distributions.Categorical(logits=tf.constant(outer, tf.float32)), mixtures
    )
    z = rng.normal(size=(S, D)).astype(np.float32)
    log_weights = (outer - logsumexp(outer))[:, np.newaxis] + inner - logsumexp(inner, axis=-1, keepdims=True)
    log_q = norm.logpdf(z[:, np.newaxis, np.newaxis], means, scales).sum(axis=-1)
    expected = logsumexp(log_weights + log_q, axis=(1, 2))
    np.testing.assert_allclose(log_prob_of(mixture)(tf.constant(z)), expected, rtol=1e-5)
