import keras
import numpy as np
import pytest
import tensorflow as tf

import reference
from rme_tf.priors import PRIORS

S, B, M, D = 4, 3, 2, 3

every_prior = pytest.mark.parametrize("name", sorted(PRIORS))


@every_prior
def test_samples_and_densities_have_their_shapes(name):
    prior = PRIORS[name](D).distribution()
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
    prior = PRIORS[name](D).distribution()
    np.testing.assert_array_equal(prior.sample(5, seed=(0, 1)), prior.sample(5, seed=(0, 1)))
    assert (np.asarray(prior.sample(5, seed=(0, 1))) != np.asarray(prior.sample(5, seed=(0, 2)))).any()


@every_prior
def test_densities_integrate_to_one(name):
    grid, weight = reference.grid_2d(limit=8.0)
    log_prob = PRIORS[name](2).distribution().log_prob(tf.constant(grid, tf.float32))
    # The grid leaves out less than 1e-8; the rest is float32.
    assert reference.log_integral(np.asarray(log_prob, np.float64), weight) == pytest.approx(0.0, abs=1e-5)


@every_prior
def test_the_gradient_reaches_z_and_the_weights(name):
    prior = PRIORS[name](D)
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
    prior = PRIORS[name](D)
    config = keras.saving.serialize_keras_object(prior)
    copy = keras.saving.deserialize_keras_object(config)
    assert type(copy) is type(prior)
    assert copy.get_config() == prior.get_config()
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
