"""Where the scale of a Gaussian likelihood comes from."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

import reference
from rme_tf.likelihoods import Normal
from rme_tf.likelihoods.location_scale import SCALES

SHAPE = (2, 3, 1)
B = 4

every_scale = pytest.mark.parametrize("scale", SCALES)


def random_params(likelihood, seed=0):
    return tf.random.stateless_normal([B, *likelihood.params_shape], seed=(5, seed))


def scales_of(likelihood, params):
    """The standard deviations [B, *SHAPE]."""
    return np.broadcast_to(likelihood.distribution(params).stddev(), (B, *SHAPE))


@every_scale
@pytest.mark.parametrize("initial", [0.3, 1e4])
def test_it_starts_at_its_initial_scale(scale, initial):
    likelihood = Normal(SHAPE, initial_scale=initial, scale=scale, interval=None)
    np.testing.assert_allclose(scales_of(likelihood, tf.zeros([B, *likelihood.params_shape])), initial, rtol=1e-5)


@every_scale
def test_a_copy_has_the_same_densities(scale, rng):
    likelihood = Normal(SHAPE, scale=scale)
    for weight in likelihood.weights:
        weight.assign(tf.random.stateless_normal(weight.shape, seed=(1, 1)))
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(likelihood))
    copy.set_weights(likelihood.get_weights())
    params, x = random_params(likelihood), rng.uniform(size=(B, *SHAPE)).astype("float32")
    np.testing.assert_array_equal(*(each.distribution(params).log_prob(x) for each in (likelihood, copy)))


def test_the_scales_differ_where_they_may():
    spread = {}
    for scale in SCALES:
        likelihood = Normal(SHAPE, scale=scale)
        for weight in likelihood.weights:
            weight.assign(tf.random.stateless_normal(weight.shape, seed=(1, 1)))
        scales = scales_of(likelihood, random_params(likelihood))
        spread[scale] = (bool(np.ptp(scales, axis=0).max() > 1e-3), bool(np.ptp(scales, axis=(1, 2, 3)).max() > 1e-3))
    assert spread == {  # over images, and over pixels
        "decoded": (True, True),
        "fixed": (False, False),
        "per_image": (True, False),
        "per_pixel": (False, True),
        "shared": (False, False),
    }


@every_scale
def test_what_is_learned_is_a_weight(scale):
    count = sum(np.prod(weight.shape) for weight in Normal(SHAPE, scale=scale).trainable_variables)
    assert count == {"shared": 1, "per_pixel": 6}.get(scale, 0)


@pytest.mark.parametrize("scale", ["decoded", "per_image"])
def test_a_decoded_scale_has_its_floor(scale):
    likelihood = Normal(SHAPE, min_scale=0.05, scale=scale)
    params = tf.fill([B, *likelihood.params_shape], -1e3)
    np.testing.assert_allclose(scales_of(likelihood, params), 0.05)


def test_the_density_is_the_normal_s(rng):
    likelihood = Normal(SHAPE, scale="decoded")
    params, x = random_params(likelihood), rng.uniform(size=(B, *SHAPE)).astype("float32")
    mean, scale = np.asarray(params, float)[..., :1], scales_of(likelihood, params).astype(float)
    expected = -0.5 * ((x - mean) / scale) ** 2 - np.log(scale) - 0.5 * np.log(2 * np.pi)
    result = likelihood.distribution(params).log_prob(x)
    np.testing.assert_allclose(result, expected.sum(axis=(1, 2, 3)), rtol=1e-4)


def test_an_unknown_scale_is_refused():
    with pytest.raises(ValueError, match="`scale` must be one of .*Received: 'loose'"):
        Normal(SHAPE, scale="loose")


@pytest.mark.parametrize("scales", [{}, {"initial_scale": 0.5}, {"initial_scale": 0.02, "min_scale": 0.001}])
def test_normal_starts_at_its_scale_and_integrates_to_one(scales):
    likelihood = Normal((2,), **scales)
    scale = scales.get("initial_scale", 0.2)
    assert float(likelihood.scale) == pytest.approx(scale, rel=1e-5)  # a round trip through float32
    grid, weight = reference.grid_2d(limit=8 * scale)
    log_prob = np.asarray(likelihood.distribution(tf.constant([0.1 * scale, 0.0])).log_prob(grid), float)
    assert reference.log_integral(log_prob, weight) == pytest.approx(0.0, abs=1e-5)
    expected = reference.diag_normal_log_prob(grid[0], [0.1 * scale, 0.0], [scale, scale])
    assert log_prob[0] == pytest.approx(expected, rel=1e-4)  # the scale's 1e-5, twice


def test_the_scale_of_normal_never_falls_below_its_floor():
    likelihood = Normal((2,), initial_scale=0.3, min_scale=0.05)
    likelihood.raw_scale.assign(-1e3)
    assert float(likelihood.scale) == pytest.approx(0.05)
    with tf.GradientTape() as tape:
        log_prob = likelihood.distribution(tf.zeros([2])).log_prob(tf.ones([2]))
    assert np.isfinite(tape.gradient(log_prob, likelihood.raw_scale.value))


@pytest.mark.parametrize(
    "scales",
    [
        {"initial_scale": 0.0},
        {"initial_scale": 0.005},  # below the floor
        {"initial_scale": math.inf},
        {"initial_scale": math.nan},
        {"min_scale": 0.0},
        {"min_scale": -0.1},
    ],
)
def test_a_scale_out_of_range_raises(scales):
    with pytest.raises(ValueError, match="min_scale"):
        Normal((2,), **scales)
