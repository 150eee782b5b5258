import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import reference
from rme_tf.core.types import PosteriorView
from rme_tf.priors import PRIORS, Mixture

tfd = tfp.distributions

S, B, M, D = 4, 3, 2, 3


def linear_posterior(latent_dim):
    """What a model lends to a prior: inputs of two entries, and a posterior whose means are linear in them."""
    matrix = tf.constant(np.random.default_rng(0).normal(size=(2, M * latent_dim)), tf.float32)

    def posterior(inputs, lengths, held):
        means = tf.reshape(inputs @ matrix, [-1, M, latent_dim])
        means = tf.stop_gradient(means) if held else means
        return tfd.MixtureSameFamily(
            tfd.Categorical(logits=tf.zeros([len(means), M])), tfd.MultivariateNormalDiag(means)
        )

    return PosteriorView(posterior, lambda x: (x, None), (2,), (0.0, 1.0), masked=False)


def make(name, latent_dim=D):
    prior = PRIORS[name](latent_dim)
    prior.bind(linear_posterior(latent_dim))
    return prior


every_prior = pytest.mark.parametrize("name", sorted(PRIORS))


@every_prior
def test_samples_and_densities_have_their_shapes(name):
    prior = make(name).distribution()
    assert prior.batch_shape == ()
    assert prior.event_shape == (D,)
    z = prior.sample([S, B, M], seed=(0, 1))
    assert z.shape == (S, B, M, D)
    log_prob = prior.log_prob(z)
    assert log_prob.shape == (S, B, M)
    assert log_prob.dtype == tf.float32
    assert np.isfinite(log_prob).all()


@every_prior
def test_seeds_reproduce(name):
    prior = make(name).distribution()
    np.testing.assert_array_equal(prior.sample(5, seed=(0, 1)), prior.sample(5, seed=(0, 1)))
    assert (np.asarray(prior.sample(5, seed=(0, 1))) != np.asarray(prior.sample(5, seed=(0, 2)))).any()


@every_prior
def test_densities_integrate_to_one(name):
    grid, weight = reference.grid_2d(limit=8.0)
    log_prob = make(name, 2).distribution().log_prob(tf.constant(grid, tf.float32))
    # The grid leaves out less than 1e-8; the rest is float32.
    assert reference.log_integral(np.asarray(log_prob, np.float64), weight) == pytest.approx(0.0, abs=1e-5)


@every_prior
def test_the_gradient_reaches_z_and_the_weights(name):
    prior = make(name)
    for weight in prior.trainable_variables:  # where it starts, it may be flat
        weight.assign(weight.value + 0.1 * tf.random.stateless_normal(weight.shape, seed=(0, 2)))
    z = tf.random.stateless_normal([S, D], seed=(0, 1))
    with tf.GradientTape() as tape:
        tape.watch(z)
        log_prob = tf.reduce_sum(prior.distribution().log_prob(z))
    weights = [weight.value for weight in prior.trainable_variables]
    for gradient in tape.gradient(log_prob, [z, *weights]):
        assert np.isfinite(gradient).all()
        assert np.abs(gradient).max() > 0


@every_prior
def test_config_round_trip(name):
    prior = make(name)
    config = keras.saving.serialize_keras_object(prior)
    copy = keras.saving.deserialize_keras_object(config)
    assert type(copy) is type(prior)
    assert copy.get_config() == prior.get_config()
    copy.bind(linear_posterior(D))
    copy.set_weights(prior.get_weights())
    z = tf.random.stateless_normal([S, D], seed=(0, 1))
    np.testing.assert_array_equal(copy.distribution().log_prob(z), prior.distribution().log_prob(z))


@every_prior
def test_a_model_refuses_a_prior_of_another_size(name, tiny_model):
    with pytest.raises(ValueError, match="latent_dim"):
        tiny_model(latent_dim=2, prior=PRIORS[name](3))


def test_standard_normal_matches_the_oracle(rng):
    z = rng.normal(size=(5, D))
    expected = [reference.standard_normal_log_prob(row) for row in z]
    result = PRIORS["standard_normal"](D).distribution().log_prob(tf.constant(z, tf.float32))
    np.testing.assert_allclose(result, expected, rtol=1e-5)  # float32


@every_prior
def test_only_independent_dimensions_have_marginals(name):
    prior = make(name, 2)
    marginals = prior.marginals()
    assert (marginals is None) == (name != "standard_normal")
    if marginals is not None:
        z = tf.random.stateless_normal([S, 2], seed=(0, 1))
        expected = prior.distribution().log_prob(z)
        np.testing.assert_allclose(tf.reduce_sum(marginals.log_prob(z), axis=-1), expected, rtol=1e-5)  # float32


@every_prior
def test_a_prior_that_is_held_has_the_same_density_and_gradient_in_z(name):
    prior, z = make(name), tf.random.stateless_normal([S, D], seed=(0, 1))
    values = []
    for distribution in (prior.distribution, prior.held):
        with tf.GradientTape() as tape:
            tape.watch(z)
            log_prob = distribution().log_prob(z)
        values.append((log_prob, tape.gradient(log_prob, z)))
    for one, other in zip(*values, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


def test_the_mixture_matches_the_oracle(rng):
    prior = Mixture(D, num_components=4)
    logits, means, raw_scales = (rng.normal(size=weight.shape) for weight in prior.weights)
    prior.set_weights([logits, means, raw_scales])
    scales = np.log1p(np.exp(raw_scales)) + 1e-3
    weights = np.exp(logits) / np.exp(logits).sum()
    z = rng.normal(size=(5, D))
    expected = [reference.mixture_log_prob(row, weights, means, scales) for row in z]
    np.testing.assert_allclose(prior.distribution().log_prob(tf.constant(z, tf.float32)), expected, rtol=1e-5)


def test_the_mixture_starts_near_the_standard_normal_with_components_apart():
    grid, weight = reference.grid_2d(limit=8.0)
    prior = Mixture(2, num_components=10)
    log_prob = np.asarray(prior.distribution().log_prob(tf.constant(grid, tf.float32)), np.float64)
    normal = -0.5 * np.sum(grid**2, axis=-1) - np.log(2 * np.pi)
    # Means of scale 0.3: the mean of ten is off by 0.1 in each dimension, and KL by 0.1^2 nats or so.
    assert 1e-5 < reference.kl_by_quadrature(log_prob, normal, weight) < 0.1
    means = prior.means.numpy()
    distances = np.linalg.norm(means[:, None] - means[None], axis=-1) + 10 * np.eye(10)
    assert distances.min() > 1e-3


@pytest.mark.parametrize("count", [0, -1, 1.5, None])
@pytest.mark.parametrize("name", ["mixture", "vamp"])
def test_a_number_of_components_that_is_none_is_refused(name, count):
    with pytest.raises(ValueError, match="`num_components` must be an integer of at least 1"):
        PRIORS[name](D, num_components=count)
