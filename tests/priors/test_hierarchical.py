"""Two stochastic layers as the prior: its density, its samples, and what it can learn."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from scipy import stats

import reference
from rme_tf.priors import Hierarchical

tfd = tfp.distributions

SEED = (3, 4)
FLOOR = 0.05
NORMAL = math.log(math.expm1(1.0 - FLOOR))  # what is added to a raw scale: the scale of zero is one


def softplus(raw):
    return np.log1p(np.exp(raw))


def make(latent_dim=5, upper_dim=2, units=(7, 6), spread=0.6, **options):
    """A prior whose weights are off their start."""
    prior = Hierarchical(latent_dim, upper_dim=upper_dim, units=units, activation="tanh", **options)
    generator = np.random.default_rng(0)
    prior.set_weights([weight + generator.normal(scale=spread, size=weight.shape) for weight in prior.get_weights()])
    return prior


# The density.


def linear():
    """A prior with a linear mean and a constant scale; mean [5] and covariance [5, 5] of z, by algebra."""
    prior, generator = Hierarchical(5, upper_dim=2, units=()), np.random.default_rng(1)
    matrix, shift, raw = (generator.normal(size=size) for size in ((3, 2), 3, 3))
    prior.set_weights([np.concatenate([matrix.T, np.zeros((2, 3))], axis=-1), np.concatenate([shift, raw])])
    scale = softplus(raw + NORMAL) + FLOOR
    covariance = np.block([[matrix @ matrix.T + np.diag(scale**2), matrix], [matrix.T, np.eye(2)]])
    return prior.distribution(), np.concatenate([shift, np.zeros(2)]), covariance


def test_with_a_linear_network_it_is_the_gaussian_of_the_closed_form(rng):
    distribution, mean, covariance = linear()
    z = rng.normal(scale=2.0, size=(50, 5))
    expected = stats.multivariate_normal(mean, covariance).logpdf(z)
    np.testing.assert_allclose(distribution.log_prob(tf.constant(z, tf.float32)), expected, rtol=1e-5, atol=1e-5)


def test_samples_have_the_moments_of_the_closed_form():
    distribution, mean, covariance = linear()
    count = 200_000
    z = distribution.sample(count, seed=SEED).numpy().astype(np.float64)
    error = np.sqrt(np.diag(covariance) / count)
    assert (np.abs(z.mean(axis=0) - mean) < 5 * error).all()  # five standard errors
    variances = np.diag(covariance)
    error = np.sqrt((variances[:, None] * variances + covariance**2) / count)  # of a covariance of Gaussians
    assert (np.abs(np.cov(z.T) - covariance) < 5 * error).all()


def test_the_density_is_the_product_of_the_layers(rng):
    prior, z = make(), rng.normal(size=(6, 5))
    weights = [weight.astype(np.float64) for weight in prior.get_weights()]
    expected = []
    for row in z:
        outputs = row[3:]
        for kernel, bias in zip(weights[0:4:2], weights[1:4:2], strict=True):
            outputs = np.tanh(outputs @ kernel + bias)
        mean, raw = np.split(outputs @ weights[4] + weights[5], 2)
        lower = reference.diag_normal_log_prob(row[:3], mean, softplus(raw + NORMAL) + FLOOR)
        expected.append(lower + reference.standard_normal_log_prob(row[3:]))
    distribution = prior.distribution()
    result = distribution.log_prob(tf.constant(z, tf.float32))
    np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-5)
    by_tfp = tfd.TransformedDistribution(distribution.distribution, distribution.bijector)  # in two passes
    np.testing.assert_allclose(result, by_tfp.log_prob(tf.constant(z, tf.float32)), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("spread", [0.3, 0.6, 1.0])
def test_the_density_of_any_network_integrates_to_one(spread):
    grid, weight = reference.grid_2d(limit=10.0, size=401)
    prior = make(2, 1, spread=spread)
    mean, scale = (part.numpy() for part in prior.lower_moments(tf.linspace([-10.0], [10.0], 401)))
    assert np.ptp(mean) > 0.1
    assert np.ptp(scale) > 0.05
    assert scale.min() > 2 * 20 / 400  # the grid resolves it, and leaves out less than 1e-8
    log_prob = prior.distribution().log_prob(tf.constant(grid, tf.float32))
    assert reference.log_integral(np.asarray(log_prob, np.float64), weight) == pytest.approx(0.0, abs=1e-5)


def test_samples_are_those_of_the_layers():
    prior, count = make(), 100_000
    z = prior.distribution().sample(count, seed=SEED)
    mean, scale = prior.lower_moments(z[:, 3:])
    noise = np.concatenate([(z[:, :3] - mean) / scale, z[:, 3:]], axis=-1).astype(np.float64)
    np.testing.assert_allclose(noise.mean(axis=0), 0.0, atol=5 / math.sqrt(count))  # five standard errors
    np.testing.assert_allclose(np.cov(noise.T), np.eye(5), atol=5 * math.sqrt(2 / count))
    np.testing.assert_allclose(
        z.numpy().std(axis=0)[:3], np.sqrt(np.var(mean, axis=0) + np.mean(scale**2, axis=0)), 0.02
    )


def test_one_draw_is_a_vector():
    distribution = make().distribution()
    z = distribution.sample(seed=SEED)
    assert z.shape == (5,)
    np.testing.assert_allclose(distribution.log_prob(z), distribution.log_prob(z[None])[0], rtol=1e-6)


def test_it_starts_as_the_standard_normal(rng):
    z = rng.normal(scale=2.0, size=(20, 4)).astype(np.float32)
    prior = Hierarchical(4).distribution()
    np.testing.assert_allclose(prior.log_prob(z), stats.norm.logpdf(z).sum(axis=-1), rtol=1e-6)
    same = tfd.MultivariateNormalDiag(tf.zeros([4]), scale_diag=tf.ones([4]))
    np.testing.assert_allclose(prior.sample(9, seed=SEED), same.sample(9, seed=SEED), rtol=1e-6)


def test_no_scale_falls_below_the_floor():
    prior = Hierarchical(2, units=())
    prior.set_weights([np.zeros((1, 2)), np.array([0.0, -1e4])])
    assert prior.lower_moments(tf.zeros([1, 1]))[1].numpy() == pytest.approx(FLOOR)
    assert np.isfinite(prior.distribution().log_prob(tf.constant([30.0, 0.0])))


@pytest.mark.parametrize(("latent_dim", "upper_dim"), [(2, 1), (3, 1), (5, 2), (20, 10)])
def test_the_upper_layer_is_half_unless_given(latent_dim, upper_dim):
    assert Hierarchical(latent_dim).upper_dim == upper_dim
    assert Hierarchical(latent_dim, upper_dim=latent_dim - 1).get_config()["upper_dim"] == latent_dim - 1


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"latent_dim": 1}, "`latent_dim` must be an integer of at least 2. Received: 1"),
        ({"latent_dim": 1, "upper_dim": 1}, "`latent_dim` must be an integer of at least 2. Received: 1"),
        ({"upper_dim": 0}, r"`upper_dim` must be an integer from 1 to 3.* Received: 0"),
        ({"upper_dim": 4}, r"an integer from 1 to 3. Received: 4. `latent_dim` is 4"),
        ({"upper_dim": -1}, "`upper_dim`.*Received: -1"),
        ({"upper_dim": 1.5}, "`upper_dim`.*Received: 1.5"),
        ({"units": (8, 0)}, r"`units` must be a sequence of integers of at least 1. Received: \(8, 0\)"),
    ],
)
def test_sizes_that_are_none_are_refused(choices, message):
    with pytest.raises(ValueError, match=message):
        Hierarchical(**{"latent_dim": 4, **choices})


def test_it_learns_how_the_layers_hang_together():
    """z_1 = z_2^2 / 2 + noise: far from Gaussian, and of a known entropy."""
    upper, noise = tf.unstack(tf.random.stateless_normal([2, 2000, 1], SEED))
    z = tf.concat([upper**2 / 2 + 0.3 * noise, upper], axis=-1)
    prior, optimizer = Hierarchical(2, units=(32,)), keras.optimizers.Adam(0.02)
    optimizer.build(prior.trainable_variables)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(prior.distribution().log_prob(z))
        weights = [weight.value for weight in prior.trainable_variables]
        optimizer.apply(tape.gradient(loss, weights), prior.trainable_variables)
        return loss

    losses = [float(step()) for _ in range(250)]
    entropy = math.log(2 * math.pi * math.e) + math.log(0.3)
    assert losses[-1] == pytest.approx(entropy, abs=0.1)  # 2,000 draws: a standard error of 0.02 nats
    assert losses[0] > entropy + 0.5
