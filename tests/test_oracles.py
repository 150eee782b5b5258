"""Models whose log p(x) is known: in closed form (linear, Gaussian) or by brute-force quadrature."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

import reference
import rme_tf
from definition import RealNormal
from rme_tf import objectives
from rme_tf.posteriors import POSTERIORS, DiagNormal, FullNormal
from rme_tf.posteriors.base import MIN_SCALE

# A linear-Gaussian model: x = W z + c + noise of scale SIGMA, z ~ N(0, I).

SIGMA = 0.5
PIXELS, D = 4, 2
GENERAL = np.array([[1.0, -0.5, 0.3, 0.8], [0.4, 0.9, -1.1, 0.2]])  # W^T: Keras's kernel [D, PIXELS]
ORTHOGONAL = np.array([[1.0, -0.5, 0.0, 0.0], [0.0, 0.0, -1.1, 0.7]])  # a diagonal posterior covariance
SHIFT = np.array([0.1, -0.2, 0.3, 0.4])
CASES = [("full_normal", GENERAL), ("full_normal", ORTHOGONAL), ("diag_normal", ORTHOGONAL)]
every_case = pytest.mark.parametrize(("name", "kernel"), CASES, ids=["full", "full, diagonal", "diag"])


def dense(kernel, bias):
    network = keras.Sequential([keras.layers.Input((len(kernel),)), keras.layers.Dense(len(bias))])
    network.set_weights([np.asarray(kernel, "float32"), np.asarray(bias, "float32")])
    return network


def exact_posterior(kernel):
    """Covariance [D, D], and gain [PIXELS, D] and offset [D] of the mean x @ gain + offset."""
    covariance = np.linalg.inv(np.eye(D) + kernel @ kernel.T / SIGMA**2)
    gain = kernel.T @ covariance / SIGMA**2
    return covariance, gain, -SHIFT @ gain


def raw_scale(scale):
    """The param that a family turns into this scale: softplus(raw) + MIN_SCALE, inverted."""
    return np.log(np.expm1(scale - MIN_SCALE))


def encoder_of(name, covariance, gain, offset):
    """A linear encoder: the mean depends on x, the covariance does not."""
    if name == "diag_normal":
        constants = raw_scale(np.sqrt(np.diag(covariance)))
    else:  # which param fills which entry of the triangle is TFP's own matter: found by trying
        cholesky = np.linalg.cholesky(covariance)
        wanted = np.where(np.eye(D, dtype=bool), raw_scale(np.maximum(cholesky, 1e-3)), np.tril(cholesky))
        constants = np.zeros(3)
        for entry in np.eye(3, dtype="float32"):
            placed = FullNormal(D).distribution(tf.concat([tf.zeros([D]), 1e3 * entry], axis=0))
            lower = np.asarray(placed.scale.to_dense())
            constants += entry * wanted[np.unravel_index(np.abs(lower).argmax(), (D, D))]
    kernel = np.concatenate([gain, np.zeros((PIXELS, len(constants)))], axis=1)
    return dense(kernel, np.concatenate([offset, constants]))


def linear_model(name, kernel, encoders):
    """A VAE whose generative part is the linear-Gaussian model."""
    return rme_tf.VAE(
        encoders,
        dense(kernel, SHIFT),
        posterior=POSTERIORS[name](D),
        likelihood=RealNormal((PIXELS,), initial_scale=SIGMA),
    )


def observations(kernel, batch=3, seed=0):
    generator = np.random.default_rng(seed)
    noise = SIGMA * generator.normal(size=(batch, PIXELS))
    return (generator.normal(size=(batch, D)) @ kernel + SHIFT + noise).astype("float32")


def exact_log_likelihood(x, kernel):
    covariance = kernel.T @ kernel + SIGMA**2 * np.eye(PIXELS)
    return np.array([reference.full_normal_log_prob(row, SHIFT, covariance) for row in x.astype(float)])


def parts_of(log_probs):
    """log_joint, log Q [S, B, M] and log_alpha [B, M] of a draw."""
    density = objectives.log_mixture(log_probs.log_alpha[:, None], log_probs.log_q_all)
    return log_probs.log_lik + log_probs.log_prior, density, log_probs.log_alpha


@every_case
def test_the_exact_posterior_makes_every_sample_log_p_of_x(name, kernel):
    """log p(x, z) - log q(z | x) = log p(x), whatever z: the ELBO has no variance and no gap."""
    model = linear_model(name, kernel, [encoder_of(name, *exact_posterior(kernel))])
    x = observations(kernel)
    log_joint, log_density, _ = parts_of(model.log_probs(x, num_samples=20, seed=(0, 1)))
    expected = exact_log_likelihood(x, kernel)
    # A dozen float32 terms of size up to 20.
    np.testing.assert_allclose(
        (log_joint - log_density)[..., 0], np.broadcast_to(expected, (20, 3)), rtol=2e-5, atol=5e-5
    )


@every_case
def test_copies_of_the_exact_posterior_close_every_bound(name, kernel):
    encoders = [encoder_of(name, *exact_posterior(kernel)) for _ in range(3)]
    model = linear_model(name, kernel, encoders)
    x = observations(kernel)
    parts = parts_of(model.log_probs(x, num_samples=5, seed=(0, 1)))
    for bound in (objectives.mixture_elbo, objectives.importance_weighted_bound):
        np.testing.assert_allclose(bound(*parts), exact_log_likelihood(x, kernel), rtol=2e-5, atol=5e-5)


@every_case
def test_the_posterior_of_the_model_is_the_exact_one(name, kernel):
    covariance, gain, offset = exact_posterior(kernel)
    model = linear_model(name, kernel, [encoder_of(name, covariance, gain, offset)])
    x = observations(kernel)
    posterior = model.posterior(x)
    np.testing.assert_allclose(posterior.mean(), x @ gain + offset, atol=1e-5)
    z = np.linspace(-1, 1, D).astype("float32")
    expected = [reference.full_normal_log_prob(z, row @ gain + offset, covariance) for row in x]
    np.testing.assert_allclose(posterior.log_prob(z), expected, rtol=1e-4)  # float32 params


@pytest.mark.parametrize("update", ["joint", "sequential"])
def test_recursive_mixture_leaves_the_exact_posterior_where_it_is(update):
    """All components at the optimum: on average over draws no objective has a gradient for q_1."""
    name, kernel, rate = "diag_normal", ORTHOGONAL, 1e-3
    exact, wrong = encoder_of(name, *exact_posterior(kernel)), wrong_posterior(name, kernel)
    largest = {}
    for case, second in {"exact": encoder_of(name, *exact_posterior(kernel)), "wrong": wrong}.items():
        model = linear_model(name, kernel, [exact, second])
        rule = rme_tf.RecursiveMixture(warm_start_epochs=0, num_samples=2000, update=update)
        model.compile(keras.optimizers.SGD(rate), rule)
        before = np.concatenate([np.ravel(weight) for weight in second.get_weights()])
        rule.step(model, tf.constant(observations(kernel)), tf.constant([0, 1]))
        after = np.concatenate([np.ravel(weight) for weight in second.get_weights()])
        largest[case] = np.abs(after - before).max() / rate
    # The score has mean zero and size up to 5 a draw: 5 / sqrt(6000) = 0.06 over 2000 x 3 of them.
    assert largest["exact"] < 0.25
    assert largest["wrong"] > 0.5


def wrong_posterior(name, kernel, shift=0.3, factor=1.5):
    covariance, gain, offset = exact_posterior(kernel)
    return encoder_of(name, covariance * factor, gain, offset + shift)


@every_case
def test_a_wrong_posterior_costs_exactly_its_kl(name, kernel):
    """ELBO(q) = log p(x) - KL(q || posterior), here the KL of two Gaussians in closed form."""
    model = linear_model(name, kernel, [wrong_posterior(name, kernel)])
    covariance, _, _ = exact_posterior(kernel)
    distance = np.full(D, 0.3) @ np.linalg.solve(covariance, np.full(D, 0.3))
    kl = 0.5 * (1.5 * D + distance - D - D * math.log(1.5))
    x = observations(kernel, batch=1)
    log_joint, log_density, _ = parts_of(model.log_probs(x, num_samples=20_000, seed=(0, 1)))
    gains = np.asarray(log_joint - log_density, np.float64).ravel()
    expected = exact_log_likelihood(x, kernel)[0] - kl
    assert abs(gains.mean() - expected) < 4 * gains.std() / math.sqrt(len(gains))
    assert kl > 20 * gains.std() / math.sqrt(len(gains))  # so the KL is well resolved


@every_case
def test_the_importance_weighted_bound_rises_to_log_p_of_x(name, kernel):
    model = linear_model(name, kernel, [wrong_posterior(name, kernel)])
    x = observations(kernel, batch=1)
    log_joint, log_density, log_alpha = parts_of(model.log_probs(x, num_samples=40_000, seed=(0, 1)))
    exact = exact_log_likelihood(x, kernel)[0]

    means, errors = [], []
    for size in (1, 4, 20):  # bounds of `size` samples each, from disjoint parts of the draw
        shape = [size, -1, 1]
        repeats = [tf.reshape(part, shape) for part in (log_joint, log_density)]
        bounds = objectives.importance_weighted_bound(*repeats, tf.zeros([40_000 // size, 1]))
        means.append(np.mean(bounds))
        errors.append(np.std(bounds) / math.sqrt(len(bounds)))
    assert means == sorted(means)
    assert all(mean < exact + 4 * error for mean, error in zip(means, errors, strict=True))
    assert means[0] < exact - 0.1  # the ELBO is clearly below

    weights = np.exp(np.asarray(log_joint - log_density, np.float64) - exact)
    standard_error = weights.std() / math.sqrt(weights.size)  # of log mean w, by the delta method
    bound = float(objectives.importance_weighted_bound(log_joint, log_density, log_alpha)[0])
    assert abs(bound - exact) < 4 * standard_error + 1e-4  # and float32


def test_a_mixture_beside_the_posterior_is_found_by_importance_weights():
    """Two wrong components, stratified and balanced: still log p(x)."""
    name, kernel = "full_normal", GENERAL
    encoders = [wrong_posterior(name, kernel, shift=s, factor=f) for s, f in [(0.4, 1.2), (-0.5, 2.0)]]
    model = linear_model(name, kernel, encoders)
    x = observations(kernel)
    parts = parts_of(model.log_probs(x, num_samples=20_000, seed=(0, 1)))
    exact = exact_log_likelihood(x, kernel)
    weights = np.exp(np.asarray(parts[0] - parts[1], np.float64) - exact[:, None])
    # Components have equal weight; the variance of the stratified mean is the mean of theirs.
    standard_error = np.sqrt(weights.var(axis=0).mean(axis=-1) / (2 * 20_000))
    gap = np.asarray(objectives.importance_weighted_bound(*parts)) - exact
    assert (np.abs(gap) < 4 * standard_error + 1e-4).all()


# Bernoulli pixels: everything by quadrature over the latent space.

GRIDS = {1: reference.grid_1d(9.0, 1201), 2: reference.grid_2d(7.0, 121)}
NUM_SAMPLES = 20_000


@pytest.fixture(scope="module", params=[(1, "uniform"), (1, "learned"), (2, "learned")], ids=str)
def quadrature(request, tiny_model):
    """A model of three components, two observations, and what the grid says of them."""
    latent_dim, mixing = request.param
    model = tiny_model(3, latent_dim=latent_dim, mixing=mixing)
    x = np.random.default_rng(1).integers(0, 2, size=(2, 5)).astype("float32")
    return model, x, *quadrature_of(model, x, *GRIDS[latent_dim])


def quadrature_of(model, x, grid, weight):
    """log p(x) and ELBO(Q) [B], by the oracle's densities on a grid; the networks are the model's."""
    logits = np.asarray(model.decoder(grid.astype("float32")), float)
    log_prior = np.array([reference.standard_normal_log_prob(z) for z in grid])
    log_likelihoods, elbos = [], []
    for row in x:
        log_lik = np.array([reference.bernoulli_log_prob(row, logit) for logit in logits])
        params = [np.asarray(encoder(row[None])[0], float) for encoder in model.encoders]
        means = [each[: grid.shape[1]] for each in params]
        scales = [np.log1p(np.exp(each[grid.shape[1] :])) + 1e-5 for each in params]
        alpha = weights_of(model, row)
        log_q = np.array([reference.mixture_log_prob(z, alpha, means, scales) for z in grid])
        assert reference.log_integral(log_q, weight) == pytest.approx(0.0, abs=1e-4)  # the grid is wide enough
        log_joint = log_lik + log_prior
        log_likelihoods.append(reference.log_integral(log_joint, weight))
        elbos.append(reference.expectation(log_joint - log_q, log_q, weight))
    return np.array(log_likelihoods), np.array(elbos)


def weights_of(model, row):
    num_components = model.num_components
    if model.mixing_network is None:
        return np.full(num_components, 1 / num_components)
    logits = np.asarray(model.mixing_network(row[None])[0], float)
    eps = [1 / (1 + m * math.exp(-logit)) for m, logit in enumerate(logits, start=1)]
    return reference.recursion_weights(eps)


@pytest.mark.slow
def test_bounds_match_quadrature(quadrature):
    model, x, log_likelihood, elbo = quadrature
    parts = parts_of(model.log_probs(x, num_samples=NUM_SAMPLES, seed=(0, 1)))
    log_weights = np.asarray(parts[0] - parts[1], np.float64)  # [S, B, M]
    alpha = np.exp(np.asarray(parts[2], np.float64))

    def standard_error(values):
        """Of the stratified mean: sum_m alpha_m^2 var_m / S."""
        return np.sqrt(np.sum(alpha**2 * values.var(axis=0), axis=-1) / NUM_SAMPLES)

    error = np.abs(objectives.mixture_elbo(*parts) - elbo)
    assert (error < 4 * standard_error(log_weights) + 1e-4).all()  # 1e-4 for float32 and the grid

    relative = np.exp(log_weights - log_likelihood[:, None])
    error = np.abs(objectives.importance_weighted_bound(*parts) - log_likelihood)
    assert (error < 4 * standard_error(relative) + 1e-4).all()  # of log mean w, by the delta method
    assert (elbo < log_likelihood - 10 * standard_error(relative)).all()  # two numbers, not one


def test_samples_of_the_mixture_give_the_same_elbo_as_its_strata(quadrature):
    """An estimate from Q itself, by `model.posterior`, component and all drawn at random."""
    model, x, _, elbo = quadrature
    posterior = model.posterior(x)
    z = posterior.sample(NUM_SAMPLES, seed=(0, 1))  # [S, B, D]
    log_lik, log_prior = model.log_joint(x, z[:, :, None])
    gains = np.asarray((log_lik + log_prior)[..., 0] - posterior.log_prob(z), np.float64)
    assert (np.abs(gains.mean(axis=0) - elbo) < 4 * gains.std(axis=0) / math.sqrt(NUM_SAMPLES)).all()


def test_the_scale_of_diag_normal_is_inverted_here():
    """So that a changed parameterisation fails here, and not in the oracles above."""
    params = tf.constant([0.0, float(raw_scale(0.3))])
    assert float(DiagNormal(1).distribution(params).stddev()[0]) == pytest.approx(0.3, rel=1e-5)
