"""Draws from standard normal noise: distributed as each family says, differentiable, or refused."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from rme_tf import posteriors
from rme_tf.posteriors import POSTERIORS, check_noise
from rme_tf.posteriors.noise import pushed_forward
from rme_tf.refinements import REFINEMENTS
from test_flows import jacobian_of
from test_posteriors import family_of, random_params

S, B, K, D = 5, 3, 2, 3
tfd, tfb = tfp.distributions, tfp.bijectors

every_posterior = pytest.mark.parametrize("name", sorted(POSTERIORS))


def log_normal(noise):
    return -0.5 * np.sum(np.square(noise, dtype=np.float64) + np.log(2.0 * np.pi), axis=-1)


@every_posterior
def test_the_density_of_draws_is_that_of_the_noise_by_the_change_of_variables(name):
    family = family_of(name, D)
    params = random_params(family, (B, K), spread=0.5)
    noise = tf.random.stateless_normal([S, B, K, D], seed=(0, 3))
    rows = tf.reshape(noise, [-1, D])
    jacobian = jacobian_of(lambda e: tf.reshape(family.from_noise(params, tf.reshape(e, noise.shape)), [-1, D]), rows)
    log_det = np.linalg.slogdet(jacobian)[1].reshape(S, B, K)
    assert np.ptp(log_det) > 0.1  # a volume that the params change
    z = tf.constant(family.from_noise(params, noise).numpy())  # which no cache knows
    np.testing.assert_allclose(family.log_prob(params, z), log_normal(noise) - log_det, rtol=1e-4, atol=1e-4)  # float32
    np.testing.assert_allclose(family.distribution(params).log_prob(z), log_normal(noise) - log_det, atol=1e-3)


@every_posterior
def test_draws_from_noise_have_the_moments_of_samples(name):
    family, count = family_of(name, D), 20_000
    params = random_params(family, (1,), spread=0.5) + 3.0 * tf.one_hot([0], family.num_params)
    draws = family.from_noise(params, tf.random.stateless_normal([count, 1, D], seed=(0, 4)))[:, 0]
    samples = family.distribution(params).sample(count, seed=(0, 5))[:, 0]
    for a, b in ((draws, samples), (draws**2, samples**2), (draws * draws[:, ::-1], samples * samples[:, ::-1])):
        a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
        error = np.sqrt((a.var(axis=0) + b.var(axis=0)) / count)
        assert (np.abs(a.mean(axis=0) - b.mean(axis=0)) < 4.5 * error).all()  # of 45 means that must be the same


@every_posterior
def test_noise_broadcasts_against_params(name):
    """As refinements have it: the same noise for every observation."""
    family = family_of(name, D)
    params = random_params(family, (B, K))
    noise = tf.random.stateless_normal([S, 1, K, D], seed=(0, 6))
    z = family.from_noise(params, noise)
    assert z.shape == (S, B, K, D)
    for b, k in np.ndindex(B, K):
        np.testing.assert_allclose(z[:, b, k], family.from_noise(params[b, k], noise[:, 0, k]), rtol=1e-5, atol=1e-5)


@every_posterior
@pytest.mark.parametrize("latent_dim", [1, 2, 6])
def test_families_of_the_table_pass_the_check(name, latent_dim):
    check_noise(POSTERIORS[name](latent_dim))
    check_noise(family_of(name, latent_dim))


@every_posterior
def test_the_means_come_first(name):
    """Without noise they move z by as much as they move themselves, whatever turns it: flows start as the identity."""
    family = POSTERIORS[name](D)
    shift = family.from_noise(tf.zeros([family.num_params]), tf.zeros([D]))
    moves = [
        family.from_noise(tf.one_hot(i, family.num_params), tf.zeros([D])) - shift for i in range(family.num_means)
    ]
    np.testing.assert_allclose(tf.matmul(moves, moves, transpose_b=True), np.eye(D), atol=1e-6)


@every_posterior
def test_densities_have_the_second_derivatives_of_their_values(name):
    """Along a direction in params and z, central differences of the gradient."""
    family = family_of(name, D)
    params, z = random_params(family, (4,), spread=0.5), tf.random.stateless_normal([4, D], seed=(0, 7))
    along = [tf.random.stateless_normal(part.shape, seed=(0, 8)) for part in (params, z)]

    def gradients(*at):
        with tf.GradientTape() as tape:
            tape.watch(at)
            value = family.log_prob(*at)
        return tf.concat(tape.gradient(value, at), axis=-1)

    with tf.GradientTape() as tape:
        tape.watch([params, z])
        slope = gradients(params, z) * tf.concat(along, axis=-1)
    found = tf.concat(tape.gradient(slope, [params, z]), axis=-1).numpy()
    step = 5e-3
    moves = [step * d for d in along]
    ends = [gradients(params + sign * moves[0], z + sign * moves[1]) for sign in (1.0, -1.0)]
    expected = (ends[0] - ends[1]).numpy() / (2 * step)
    assert np.abs(expected).max() > 1.0
    # step^2 and float32 / step, of the largest.
    np.testing.assert_allclose(found, expected, atol=3e-3 * np.abs(expected).max())


def test_a_family_says_how_many_of_its_params_are_means(tiny_model):
    """By whose number the gradients are cut in two, and the means normalised."""

    class Placed(posteriors.DiagNormal):
        num_means = 0

    options = {"units": (4,), "mean_scale": 0.5}
    with pytest.raises(ValueError, match="`latent_dim` must be an integer .* 0. There is no mean to normalize"):
        tiny_model(1, posterior=Placed(2), encoder_options=options)
    tiny_model(1, posterior=posteriors.DiagNormal(2), encoder_options=options)
    model = tiny_model(1, posterior=Placed(2), refinement="dsvi", refinement_options={"steps": 1, "clip_norm": 1e-3})
    x = tf.constant([[1.0, 0.0, 1.0, 0.0, 1.0]])
    moves = (model.encode(x).params - model.amortised(x).params).numpy() / model.refinement.learning_rate
    np.testing.assert_allclose(np.linalg.norm(moves), 1e-3, rtol=1e-2)  # one block, not two of that length


# Families of one's own.


class Own(posteriors.DiagNormal):
    """A mean and a raw scale, made into what `transformed` says."""

    transformed = staticmethod(lambda mean, scale: tfd.Independent(tfd.Normal(mean, scale), 1))

    def distribution(self, params):
        return self.transformed(*self.mean_and_stddev(params))


def own(transformed, **members):
    return type("Own", (Own,), {"transformed": staticmethod(transformed), **members})(D)


RIGHT = {
    "independent": Own.transformed,
    "a scalar flow": lambda m, s: tfd.Independent(tfd.TransformedDistribution(tfd.Normal(m, s), tfb.SinhArcsinh()), 1),
    "log-normal": lambda m, s: tfd.Independent(tfd.LogNormal(m, s), 1),
    "two layers": lambda m, s: tfd.TransformedDistribution(
        tfd.TransformedDistribution(tfd.MultivariateNormalDiag(m, s), tfb.Softplus()), tfb.Permute([2, 0, 1])
    ),
    "a sample": lambda m, s: tfd.TransformedDistribution(
        tfd.Sample(tfd.Normal(m[..., 0], s[..., 0]), D), tfb.Shift(m)(tfb.Scale(s))
    ),
}
WRONG = {
    "laplace": lambda m, s: tfd.Independent(tfd.Laplace(m, s), 1),
    "student": lambda m, s: tfd.TransformedDistribution(tfd.Sample(tfd.StudentT(5.0, 0.0, 1.0), D), tfb.Scale(s)),
    "mixture": lambda m, s: tfd.MixtureSameFamily(
        tfd.Categorical(logits=tf.zeros([2])),
        tfd.MultivariateNormalDiag(tf.stack([m, -m], axis=-2), s[..., tf.newaxis, :]),
    ),
}


@pytest.mark.parametrize("kind", sorted(RIGHT))
def test_a_family_that_transforms_a_gaussian_needs_nothing_of_its_own(kind):
    family = own(RIGHT[kind])
    check_noise(family)
    assert family.from_noise(random_params(family, (B, K)), tf.zeros([S, 1, K, D])).shape == (S, B, K, D)


@pytest.mark.parametrize("kind", sorted(WRONG))
def test_a_family_that_transforms_something_else_is_refused(kind):
    family = own(WRONG[kind])
    with pytest.raises(ValueError, match="draws from standard normal noise: a family with a `from_noise`"):
        pushed_forward(family.distribution(random_params(family, (B,))), tf.zeros([D]))
    with pytest.raises(ValueError, match="`from_noise`"):
        check_noise(family)


@pytest.mark.parametrize("refinement", sorted(REFINEMENTS))
def test_a_family_without_draws_from_noise_has_no_refinement(refinement, tiny_model):
    """Refused as the model is built, not in `fit`."""
    family = own(WRONG["mixture"])
    tiny_model(1, latent_dim=D, posterior=family)
    with pytest.raises(ValueError, match="draws from standard normal noise: a family with a `from_noise`"):
        tiny_model(1, latent_dim=D, posterior=family, refinement=refinement)


def quantiles(family, params, noise):
    mean, scale = family.mean_and_stddev(params)
    return tfd.Laplace(mean, scale).quantile(tfd.Normal(0.0, 1.0).cdf(noise))


def test_a_family_may_have_draws_of_its_own():
    check_noise(own(WRONG["laplace"], from_noise=quantiles))


@pytest.mark.parametrize(
    ("from_noise", "message"),
    [
        (lambda family, params, noise: params[..., :D] + noise, "log density of .* nats"),
        (lambda family, params, noise: noise, "a derivative by params and noise"),
        (lambda family, params, noise: params[..., :D] + 0.0 * tf.stop_gradient(noise), "a derivative by params"),
        (lambda family, params, noise: (params[..., :D] + noise)[..., :1], r"draws of shape \(3, 1, 1, 3\)"),
    ],
    ids=["scale", "params", "noise", "shape"],
)
def test_draws_of_another_distribution_are_refused_as_a_model_is_built(tiny_model, from_noise, message):
    family = own(Own.transformed, from_noise=from_noise)
    tiny_model(1, latent_dim=D, posterior=family)  # which needs none
    for name in ("sa", "dsvi", "iai"):
        with pytest.raises(ValueError, match=f"`from_noise` must turn standard normal noise.* of Own: .*{message}"):
            tiny_model(1, latent_dim=D, posterior=family, refinement=name)
