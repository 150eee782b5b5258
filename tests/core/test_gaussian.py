"""The diagonal Gaussian is TFP's: its draws, its densities, and the gradients of both."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from rme_tf.core.gaussian import DiagonalNormal

SEED = (1, 2)
D = 3
KINDS = (DiagonalNormal, tfp.distributions.MultivariateNormalDiag)
# Batch of the means, batch of the scales, shape of the sample.
SHAPES = [((), (), 4), ((5,), (5,), 3), ((4, 2), (2,), ()), ((1, 3), (4, 1), (7,)), ((6,), (), (2, 1, 2))]

every_shape = pytest.mark.parametrize(("means", "scales", "sample"), SHAPES, ids=str)


def moments(rng, means, scales):
    mean = rng.normal(size=(*means, D)).astype("float32")
    return tf.constant(mean), tf.constant(np.exp(rng.normal(size=(*scales, D)).astype("float32")))


@every_shape
def test_draws_and_densities_are_tfps(rng, means, scales, sample):
    mean, scale = moments(rng, means, scales)
    one, other = (kind(mean, scale_diag=scale) for kind in KINDS)
    draws = other.sample(sample, seed=SEED)
    np.testing.assert_array_equal(one.sample(sample, seed=SEED), draws)
    z = 2.0 * draws - 1.0
    assert one.log_prob(z).shape == other.log_prob(z).shape
    np.testing.assert_allclose(one.log_prob(z), other.log_prob(z), rtol=1e-5, atol=1e-5)
    assert one.batch_shape == other.batch_shape


def test_gradients_are_tfps(rng):
    mean, scale = moments(rng, (5,), (5,))
    z = tf.random.stateless_normal([4, 5, D], SEED)
    results = []
    for kind in KINDS:
        with tf.GradientTape() as tape:
            tape.watch([mean, scale, z])
            q = kind(mean, scale_diag=scale)
            value = tf.reduce_sum(q.log_prob(z)) + tf.reduce_sum(q.sample(2, seed=SEED) ** 2)
        results.append(tape.gradient(value, [mean, scale, z]))
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_in_a_graph_batches_and_samples_may_be_of_any_size(rng):
    mean, scale = moments(rng, (5,), (5,))
    signature = [tf.TensorSpec([None, D]), tf.TensorSpec([None, D]), tf.TensorSpec([], tf.int32)]

    @tf.function(input_signature=signature)
    def draw(mean, scale, count):
        q = DiagonalNormal(mean, scale_diag=scale)
        z = q.sample(count, seed=SEED)
        assert z.shape.as_list() == [None, None, D]
        return z, q.log_prob(z)

    q = KINDS[1](mean, scale_diag=scale)
    z, log_prob = draw(mean, scale, 3)
    np.testing.assert_allclose(z, q.sample(3, seed=SEED), rtol=1e-6)
    np.testing.assert_allclose(log_prob, q.log_prob(z), rtol=1e-5, atol=1e-5)


def test_a_seed_may_be_one_number_or_none(rng):
    q = DiagonalNormal(*moments(rng, (2,), (2,)))
    assert q.sample(seed=3).shape == (2, D)
    assert (np.asarray(q.sample()) != np.asarray(q.sample())).all()
