import math

import keras
import numpy as np
import pytest
import tensorflow as tf

import reference
from rme_tf import VAE
from rme_tf.networks import mlp_encoder
from rme_tf.posteriors import POSTERIORS, FlowFamily

S, B, M, D = 4, 3, 4, 3

GAUSSIANS = sorted(name for name in POSTERIORS if POSTERIORS[name].gaussian)
FLOWS = sorted(name for name in POSTERIORS if issubclass(POSTERIORS[name], FlowFamily))

every_posterior = pytest.mark.parametrize("name", sorted(POSTERIORS))
every_gaussian = pytest.mark.parametrize("name", GAUSSIANS)


def random_params(family, lead, seed=0, spread=1.0):
    return tf.random.stateless_normal([*lead, family.num_params], seed=(7, seed)) * spread


def family_of(name, latent_dim):
    """A family whose own weights, if any, are generic: as they begin, a flow may be the identity."""
    family = POSTERIORS[name](latent_dim)
    for index, variable in enumerate(family.trainable_variables):
        variable.assign(variable.value + 0.1 * tf.random.stateless_normal(variable.shape, seed=(11, index)))
    return family


# Families.


@every_posterior
@pytest.mark.parametrize("lead", [(B,), (B, M), (2, B, 1, M)])
def test_a_distribution_has_a_batch_for_every_leading_axis_of_params(name, lead):
    family = family_of(name, D)
    q = family.distribution(random_params(family, lead))
    assert tuple(q.batch_shape) == lead
    assert tuple(q.event_shape) == (D,)
    z = q.sample(S, seed=(0, 1))
    assert z.shape == (S, *lead, D)
    log_prob = q.log_prob(z)
    assert log_prob.shape == (S, *lead)
    assert log_prob.dtype == tf.float32
    assert np.isfinite(log_prob).all()
    assert q.mean().shape == q.stddev().shape == (*lead, D)


@every_posterior
@pytest.mark.parametrize("latent_dim", [1, 2])
def test_densities_integrate_to_one(name, latent_dim):
    """By z = mean + stddev u^3, which smooths a kink at the mean and reaches far into heavy tails."""
    family = family_of(name, latent_dim)
    grid, weight = {1: reference.grid_1d(3.2, 4000), 2: reference.grid_2d(3.2, 400)}[latent_dim]
    q = family.distribution(random_params(family, (), spread=0.5))
    mean, stddev = np.asarray(q.mean(), np.float64), np.asarray(q.stddev(), np.float64)
    log_prob = np.asarray(q.log_prob(tf.constant(mean + stddev * grid**3, tf.float32)), np.float64)
    log_slopes = np.sum(np.log(3.0 * stddev * grid**2), axis=-1)
    # The grid is wide and fine enough for 1e-6; the log density's float32 leaves 1e-5.
    assert reference.log_integral(log_prob + log_slopes, weight) == pytest.approx(0.0, abs=1e-5)


@pytest.mark.parametrize("name", sorted(set(POSTERIORS) - set(FLOWS)))
def test_samples_have_the_moments_of_the_distribution(name):
    family = family_of(name, D)
    q = family.distribution(random_params(family, ()))
    z = np.asarray(q.sample(40_000, seed=(0, 1)), np.float64)
    mean, stddev = np.asarray(q.mean()), np.asarray(q.stddev())
    standard_error = stddev / math.sqrt(len(z))
    assert (np.abs(z.mean(axis=0) - mean) < 4.5 * standard_error).all()
    # The variance of a sample variance is (kurtosis - 1) sigma^4 / n: 2 sigma^4 / n for a Gaussian.
    kurtosis = np.mean(((z - mean) / stddev) ** 4, axis=0)
    assert (kurtosis < 3.2).all() or not POSTERIORS[name].gaussian
    error = np.sqrt((kurtosis - 1) / (4 * len(z)))
    assert (np.abs(z.std(axis=0) / stddev - 1) < 4.5 * error).all()


@every_posterior
def test_gradients_reach_all_params_through_the_sample_and_through_the_density(name):
    family = family_of(name, D)
    params, weights = random_params(family, (B,)), tf.random.stateless_uniform([S, B], seed=(0, 2))
    for fixed in (False, True):  # weighted: the slopes of some densities are a sum of signs
        with tf.GradientTape() as tape:
            tape.watch(params)
            q = family.distribution(params)
            z = q.sample(S, seed=(0, 1))
            loss = tf.reduce_sum(weights * q.log_prob(tf.stop_gradient(z)) if fixed else tf.sin(z))
        gradient = tape.gradient(loss, params)
        assert gradient is not None
        assert np.isfinite(gradient).all()
        assert (np.asarray(gradient) != 0).all()


@pytest.mark.slow
@every_posterior
def test_the_reparameterised_gradient_is_that_of_the_expectation(name):
    """d/dparams E[cos z] from many samples, against central differences of the same sum."""
    family = family_of(name, 2)
    params = random_params(family, (), spread=0.5)

    def value(params):
        z = family.distribution(params).sample(50, seed=(0, 1))
        return tf.reduce_mean(tf.reduce_sum(tf.cos(z), axis=-1))

    with tf.GradientTape() as tape:
        tape.watch(params)
        result = value(params)
    gradient = tape.gradient(result, params)
    step = 1e-2
    for index, direction in enumerate(np.eye(family.num_params, dtype="float32")):
        difference = (value(params + step * direction) - value(params - step * direction)) / (2 * step)
        # Truncation of order step^2, rounding of order 1e-7 / step.
        assert float(difference) == pytest.approx(float(gradient[index]), abs=1e-3)


@every_posterior
@pytest.mark.parametrize("size", [-1e3, -30.0, 30.0, 1e3])
def test_extreme_params_leave_densities_and_gradients_finite(name, size):
    family = family_of(name, D)
    params = tf.fill([B, family.num_params], size)
    with tf.GradientTape() as tape:
        tape.watch(params)
        q = family.distribution(params)
        z = q.sample(S, seed=(0, 1))
        log_prob = q.log_prob(z)
        entropy_like = tf.reduce_sum(log_prob)
    assert np.isfinite(z).all()
    assert np.isfinite(log_prob).all()
    assert np.isfinite(tape.gradient(entropy_like, params)).all()


@every_posterior
def test_rows_of_the_batch_do_not_touch_each_other(name):
    family = family_of(name, D)
    params = random_params(family, (B,))
    other = tf.concat([params[:1], random_params(family, (B - 1,), seed=1)], axis=0)
    z, z_other = (family.distribution(p).sample(S, seed=(0, 1)) for p in (params, other))
    np.testing.assert_array_equal(z[:, 0], z_other[:, 0])
    assert (np.asarray(z[:, 1:]) != np.asarray(z_other[:, 1:])).all()
    log_probs = (family.distribution(p).log_prob(z) for p in (params, other))
    np.testing.assert_array_equal(*(log_prob[:, 0] for log_prob in log_probs))


@every_gaussian
def test_noise_becomes_a_sample_of_the_distribution(name):
    """The transformation of a Gaussian is affine: its offset is the mean, its matrix a root of the covariance."""
    family = POSTERIORS[name](D)
    params = random_params(family, (B,))
    q = family.distribution(params)
    offset = family.from_noise(params, tf.zeros([D]))
    columns = family.from_noise(params, tf.eye(D)[:, tf.newaxis]) - offset  # [D, B, D]
    np.testing.assert_allclose(offset, q.mean(), atol=1e-6)
    np.testing.assert_allclose(tf.einsum("dbi,dbj->bij", columns, columns), q.covariance(), rtol=1e-4, atol=1e-5)


@every_posterior
def test_only_a_gaussian_is_an_affine_function_of_its_noise(name):
    family = family_of(name, D)
    params = random_params(family, (B,))
    high, low, middle = (family.from_noise(params, value * tf.ones([D])) for value in (2.0, 0.0, 1.0))
    curvature = np.abs(high + low - 2.0 * middle).max()
    assert curvature < 1e-5 if family.gaussian else curvature > 1e-2


@every_posterior
def test_seeds_reproduce(name):
    q = family_of(name, D).distribution(random_params(family_of(name, D), (B,)))
    np.testing.assert_array_equal(q.sample(S, seed=(0, 1)), q.sample(S, seed=(0, 1)))
    assert (np.asarray(q.sample(S, seed=(0, 1))) != np.asarray(q.sample(S, seed=(1, 1)))).all()


@every_posterior
def test_families_survive_their_configuration(name):
    family = family_of(name, D)
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(family))
    assert type(copy) is type(family)
    assert copy.get_config() == family.get_config()
    assert copy.num_params == family.num_params
    copy.set_weights(family.get_weights())
    params = random_params(family, (B,))
    z = family.distribution(params).sample(S, seed=(0, 1))
    log_probs = (each.distribution(params).log_prob(z) for each in (family, copy))
    np.testing.assert_array_equal(*log_probs)


@every_posterior
@pytest.mark.parametrize("latent_dim", [0, -1, 2.5])
def test_a_latent_dim_that_is_no_positive_integer_raises(name, latent_dim):
    with pytest.raises(ValueError, match="latent_dim"):
        POSTERIORS[name](latent_dim)


@every_posterior
@pytest.mark.parametrize("initial_scale", [0.0, -1.0, math.inf, math.nan])
def test_an_initial_scale_that_is_no_scale_raises(name, initial_scale):
    with pytest.raises(ValueError, match="initial_scale"):
        POSTERIORS[name](2, initial_scale=initial_scale)


@every_posterior
@pytest.mark.parametrize("initial_scale", [0.1, 1.0, 3.0])
def test_params_of_zero_mean_the_initial_scale(name, initial_scale):
    """Of every family the standard deviation, whatever else is called its scale."""
    family = POSTERIORS[name](2, initial_scale=initial_scale)
    q = family.distribution(tf.zeros([family.num_params]))
    np.testing.assert_allclose(q.stddev(), initial_scale, rtol=1e-3)  # MIN_SCALE is added
    np.testing.assert_allclose(q.mean(), 0.0, atol=1e-5)


@every_posterior
def test_params_of_zero_mean_a_large_initial_scale(name):
    family = POSTERIORS[name](2, initial_scale=1e4)
    np.testing.assert_allclose(family.distribution(tf.zeros([family.num_params])).stddev(), 1e4, rtol=1e-3)


@every_posterior
@pytest.mark.parametrize("extra", [-1, 1, 2])
def test_a_model_refuses_encoders_of_another_number_of_params(name, extra):
    family = POSTERIORS[name](2)
    encoder = mlp_encoder((5,), family.num_params + extra, units=(3,))
    with pytest.raises(ValueError, match="encoder 0 must turn"):
        VAE.from_names(encoder=encoder, decoder="mlp", input_shape=(5,), latent_dim=2, posterior=family)


def test_diag_normal_matches_the_oracle(rng):
    params, z = rng.normal(size=2 * D), rng.normal(size=D)
    scale = np.log1p(np.exp(params[D:])) + 1e-5
    q = POSTERIORS["diag_normal"](D).distribution(tf.constant(params, tf.float32))
    expected = reference.diag_normal_log_prob(z, params[:D], scale)
    assert float(q.log_prob(z.astype("float32"))) == pytest.approx(expected, rel=1e-5)  # float32


def test_full_normal_matches_the_oracle(rng):
    family = POSTERIORS["full_normal"](D)
    z = rng.normal(size=D).astype("float32")
    q = family.distribution(random_params(family, ()))
    covariance = np.asarray(q.covariance(), np.float64)
    assert np.abs(covariance - np.diag(np.diag(covariance))).min(where=~np.eye(D, dtype=bool), initial=1) > 1e-3
    expected = reference.full_normal_log_prob(z, q.mean(), covariance)
    assert float(q.log_prob(z)) == pytest.approx(expected, rel=1e-4)  # the covariance is float32
    draws = np.asarray(q.sample(40_000, seed=(0, 1)), np.float64)
    # Each entry's standard error is at most sqrt(2 / n) times the product of standard deviations.
    bound = np.outer(q.stddev(), q.stddev()) * 4.5 * math.sqrt(2 / 40_000)
    assert (np.abs(np.cov(draws.T) - covariance) < bound).all()


@pytest.mark.parametrize("name", sorted({*GAUSSIANS, *FLOWS}))  # flows start as the identity
def test_zero_params_at_scale_one_are_a_standard_normal(name):
    family = POSTERIORS[name](D, initial_scale=1.0)
    z = np.linspace(-2, 2, D).astype("float32")
    log_prob = family.distribution(tf.zeros([family.num_params])).log_prob(z)
    # The scale is 1 + MIN_SCALE = 1.00001.
    assert float(log_prob) == pytest.approx(reference.standard_normal_log_prob(z), abs=1e-4)
