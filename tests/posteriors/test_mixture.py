"""Samples and densities of the components of a mixture, whatever their family."""

import numpy as np
import pytest
import tensorflow as tf

from rme_tf import objectives, posteriors
from rme_tf.core.types import Encoding
from test_posteriors import B, D, M, S, every_posterior, family_of, random_params


@pytest.mark.slow
@every_posterior
def test_component_log_probs_pair_every_sample_with_every_component(name):
    family = family_of(name, D)
    params = random_params(family, (B, M))
    z = posteriors.sample_components(family, params, S, tf.constant([0, 1]))
    assert z.shape == (S, B, M, D)
    log_q_all = posteriors.component_log_probs(family, params, z)
    assert log_q_all.shape == (S, B, M, M)
    for m in range(M):
        for j in range(M):
            expected = family.distribution(params[:, j]).log_prob(z[:, :, m])
            np.testing.assert_allclose(log_q_all[..., m, j], expected, rtol=1e-5, atol=1e-5)
    some = posteriors.component_log_probs(family, params, z[:, :, 1:3])
    np.testing.assert_allclose(some, log_q_all[:, :, 1:3], rtol=1e-5, atol=1e-5)


@every_posterior
@pytest.mark.parametrize("num_components", [1, M])
def test_draws_come_with_their_densities(name, num_components):
    """For one component a flow is not inverted: the same draws, the same densities, the same gradients."""
    family = family_of(name, D)
    params, seed = random_params(family, (B, num_components)), tf.constant([0, 1])
    results = []
    for draw_with_log_probs in (True, False):
        with tf.GradientTape() as tape:
            tape.watch(params)
            if draw_with_log_probs:
                z, log_q_all = posteriors.sample_with_log_probs(family, params, S, seed)
            else:
                z = posteriors.sample_components(family, params, S, seed)
                log_q_all = posteriors.component_log_probs(family, params, z)
            loss = tf.reduce_sum(log_q_all)
        results.append((z, log_q_all, *tape.gradient(loss, [params, *(v.value for v in family.trainable_variables)])))
    (z, *rest), (z_again, *others) = results
    np.testing.assert_array_equal(z, z_again)
    for one, other in zip(rest, others, strict=True):
        # Through the inverse of a flow it is another sum of float32 terms.
        np.testing.assert_allclose(one, other, rtol=2e-4, atol=2e-4 * np.abs(other).max())


@every_posterior
def test_the_noise_of_a_component_depends_on_seed_and_index_alone(name):
    family = family_of(name, D)
    params = tf.repeat(random_params(family, (B, 1)), M, axis=1)  # one distribution, M times
    z = np.asarray(posteriors.sample_components(family, params, S, tf.constant([0, 1])))
    few = posteriors.sample_components(family, params[:, :2], S, tf.constant([0, 1]))
    np.testing.assert_array_equal(few, z[:, :, :2])
    for m in range(1, M):
        assert (z[:, :, m] != z[:, :, 0]).all()  # components do not share their noise
    other = np.asarray(posteriors.sample_components(family, params, S, tf.constant([0, 2])))
    assert (other != z).all()


@every_posterior
def test_the_mixture_distribution_has_the_density_of_log_mixture(name):
    family = family_of(name, D)
    params = random_params(family, (B, M))
    log_alpha = tf.nn.log_softmax(tf.random.stateless_normal([B, M], seed=(0, 3)))
    q = posteriors.mixture_distribution(family, Encoding(params, log_alpha))
    z = posteriors.sample_components(family, params, S, tf.constant([0, 1]))
    log_density = objectives.log_mixture(log_alpha[:, None], posteriors.component_log_probs(family, params, z))
    for m in range(M):
        np.testing.assert_allclose(log_density[..., m], q.log_prob(z[:, :, m]), rtol=1e-5, atol=1e-5)
    assert q.sample(S, seed=(0, 1)).shape == (S, B, D)
