"""Transforms that the components of a mixture share: against each component alone, quadrature and counted passes."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import reference
from rme_tf.posteriors import POSTERIORS, MixturePosterior, TransformedFamily
from rme_tf.posteriors.made import Made

S, B, M, D = 3, 3, 3, 3
SEED = (0, 1)
TRANSFORMED = sorted(name for name in POSTERIORS if issubclass(POSTERIORS[name], TransformedFamily))

every_transform = pytest.mark.parametrize("name", TRANSFORMED)


def family_of(name, latent_dim):
    """A family whose own weights, if any, are generic: as they begin, a flow may be the identity."""
    family = POSTERIORS[name](latent_dim, shared=True)
    for index, variable in enumerate(family.trainable_variables):
        variable.assign(variable.value + 0.1 * tf.random.stateless_normal(variable.shape, seed=(11, index)))
    return family


def not_shared(family):
    """The same family with a transform of its own for each component."""
    alone = type(family).from_config({**family.get_config(), "shared": False})
    alone.set_weights(family.get_weights())
    return alone


def shared_params(family, num_components=M, batch=B, spread=0.7):
    """Params [B, M, P], the shared ones equal for all components."""
    params = spread * tf.random.stateless_normal([batch, num_components, family.num_params], seed=(7, 0))
    own = 2 * family.latent_dim
    return tf.concat([params[..., :own], tf.tile(params[:, :1, own:], [1, num_components, 1])], axis=-1)


def posterior_of(family, **sizes):
    params = shared_params(family, **sizes)
    return MixturePosterior(family, params, tf.nn.log_softmax(tf.random.stateless_normal(params.shape[:2], (0, 3))))


@pytest.mark.slow
@every_transform
def test_densities_are_those_of_each_component_alone(name):
    """Of a family that does not share: TFP's own distributions, which invert the flow for each component."""
    family = family_of(name, D)
    alone = not_shared(family)
    assert family.num_shared == family.num_params - 2 * D > 0
    assert alone.num_shared == 0
    q = posterior_of(family)
    z, log_q_all = q.sample_with_log_probs(S, SEED)
    assert z.shape == (S, B, M, D)
    of_each = [alone.distribution(q.params[:, j]) for j in range(M)]
    expected = np.stack([[q_j.log_prob(z[:, :, m]) for q_j in of_each] for m in range(M)])  # [M, M, S, B]
    expected = np.transpose(expected, [2, 3, 0, 1])
    tolerance = {"rtol": 1e-4, "atol": 1e-4}  # float32, and an inverse
    draws = q.draw(S, SEED)
    for result in (log_q_all, q.component_log_probs(z), q.log_probs_of(draws)):
        np.testing.assert_allclose(result, expected, **tolerance)
    np.testing.assert_array_equal(draws.z, z)
    np.testing.assert_allclose(q.own_log_probs(draws), np.diagonal(expected, axis1=2, axis2=3), **tolerance)
    for shape in ((D,), (S, B, D)):  # any codes, once for all components
        z = tf.random.stateless_normal(shape, seed=(0, 2))
        mixed = tf.reduce_logsumexp(q.log_alpha + tf.stack([q_j.log_prob(z) for q_j in of_each], axis=-1), axis=-1)
        np.testing.assert_allclose(q.log_prob(z), mixed, **tolerance)
        np.testing.assert_allclose(q.distribution().log_prob(z), mixed, **tolerance)


@every_transform
def test_draws_are_those_of_each_component_alone(name):
    """The noise of component m depends on the seed and m, and z on no other component."""
    q = posterior_of(family_of(name, D))
    alone, z = not_shared(q.family), q.sample_components(S, SEED)
    for m in range(M):
        expected = alone.distribution(q.params[:, m]).sample(S, seed=tf.random.fold_in(SEED, m))
        np.testing.assert_allclose(z[:, :, m], expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(q.sample_components(S, SEED, first=2), z[:, :, 2:], rtol=1e-5, atol=1e-6)


@every_transform
def test_any_components_may_draw_for_each_observation(name):
    """Params [B, K, P] that differ from row to row draw; all components [B, M, P] have their densities there."""
    q = posterior_of(family_of(name, D))
    chosen = tf.constant([[2], [0], [1]])
    some = MixturePosterior(q.family, tf.gather(q.params, chosen, batch_dims=1), tf.zeros([B, 1]))
    draws = some.draw(S, SEED)
    np.testing.assert_allclose(q.log_probs_of(draws), q.component_log_probs(draws.z), rtol=1e-4, atol=2e-4)
    for b in range(B):
        np.testing.assert_allclose(
            some.own_log_probs(draws)[:, b, 0], q.log_probs_of(draws)[:, b, 0, int(chosen[b, 0])], rtol=1e-5
        )


@pytest.mark.slow
@every_transform
def test_the_mixture_integrates_to_one_and_has_the_moments_of_its_draws(name):
    q = posterior_of(family_of(name, 2), batch=1, spread=0.4)
    grid, weight = reference.grid_2d(8.0, 400)
    log_density = np.asarray(q.log_prob(tf.constant(grid[:, np.newaxis], tf.float32)), np.float64)[:, 0]
    assert reference.log_integral(log_density, weight) == pytest.approx(0.0, abs=1e-4)  # of the grid and float32
    distribution = q.distribution()
    assert distribution.batch_shape == (1,)
    np.testing.assert_allclose(distribution.mean(), q.mean(), atol=1e-5)
    np.testing.assert_allclose(distribution.stddev(), q.stddev(), rtol=1e-4)
    np.testing.assert_allclose(distribution.variance(), q.stddev() ** 2, rtol=1e-4)
    z = np.asarray(q.sample(20_000, seed=0), np.float64)[:, 0]
    for power in (1, 2):
        expected = [reference.expectation(grid[:, i] ** power, log_density, weight) for i in range(2)]
        error = (z**power).std(axis=0) / np.sqrt(len(z))
        assert (np.abs((z**power).mean(axis=0) - expected) < 4.5 * error).all()


@every_transform
def test_a_flow_that_is_shared_does_not_enter_the_distance_of_components(name):
    """Held params: a gradient reaches z_0 and, by the determinant, the flow; of log q_m - log q_j it cancels."""
    q = posterior_of(family_of(name, D))
    params = tf.identity(q.params)

    def gradients(of_draws):
        with tf.GradientTape() as tape:
            tape.watch(params)
            posterior = MixturePosterior(q.family, params, q.log_alpha)
            value = of_draws(posterior, posterior.draw(S, SEED))
        by_params = tape.gradient(value, params)
        return np.asarray(by_params[..., : 2 * D]), np.asarray(by_params[..., 2 * D :])

    distances = gradients(
        lambda p, draws: p.own_log_probs(draws)[..., tf.newaxis] - p.params_held().log_probs_of(draws)
    )
    assert np.abs(distances[0]).max() > 0.1
    assert np.abs(distances[1]).max() < 1e-4


@pytest.mark.parametrize("num_components", [1, 4])
def test_the_passes_through_the_networks_do_not_grow_with_the_components(num_components, monkeypatch):
    """One pass a step for draws with all densities, and D + 1 for densities anywhere else."""
    passes = []
    of_made = Made.shift_and_log_scale
    monkeypatch.setattr(Made, "shift_and_log_scale", lambda *a, **k: (passes.append(0), of_made(*a, **k))[1])
    family = family_of("iaf", D)
    q = posterior_of(family, num_components=num_components)
    z, _ = q.sample_with_log_probs(S, SEED)
    assert len(passes) == family.num_steps
    for density in (q.component_log_probs, lambda z: q.log_prob(z[:, :, 0])):
        passes.clear()
        density(tf.constant(z.numpy()))
        assert len(passes) == family.num_steps * (D + 1)


@every_transform
def test_whether_it_is_shared_is_a_flag_of_the_family_and_survives_its_configuration(name):
    family = family_of(name, D)
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(family))
    assert copy.shared is True
    assert copy.get_config() == family.get_config()
    config = POSTERIORS[name](D).get_config()
    assert POSTERIORS[name].from_config({key: config[key] for key in config if key != "shared"}).shared is False
    assert not isinstance(posterior_of(family).distribution(), tfp.distributions.MixtureSameFamily)
    with pytest.raises(ValueError, match="`shared` must be True or False. Received: 1"):
        POSTERIORS[name](D, shared=1)
