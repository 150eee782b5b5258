"""Dense heads as one matrix product have the outputs of separate heads."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from rme_tf.networks import component_params
from rme_tf.networks.merged_heads import can_merge, merged_params


def heads(*options, count=3, **of_all):
    """Built heads [B, 4] -> [B, 5]; options of the first ones, and of all."""
    made = []
    for m in range(count):
        chosen = {"units": 5, "bias_initializer": "glorot_normal", **of_all, **(options[m] if m < len(options) else {})}
        made.append(keras.layers.Dense(**{**chosen, "bias_initializer": keras.initializers.RandomNormal(seed=m)}))
        made[-1].build((None, 4))
    return made


def with_gradients(function, made, features):
    weights = [weight.value for head in made for weight in head.weights]
    with tf.GradientTape() as tape:
        tape.watch(features)
        outputs = function(features)
        weights_of_outputs = tf.reshape(tf.linspace(-1.0, 1.0, tf.size(outputs)), tf.shape(outputs))
        total = tf.reduce_sum(tf.cast(outputs, tf.float32) * weights_of_outputs)
    return outputs, tape.gradient(total, [features, *weights])


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_outputs_and_gradients_are_those_of_separate_heads(policy, rng):
    made = heads(dtype=policy)
    features = tf.constant(rng.normal(size=(6, 4)), made[0].compute_dtype)
    assert can_merge(made)
    expected, expected_gradients = with_gradients(
        lambda x: tf.stack([head(x) for head in made], axis=1), made, features
    )
    outputs, gradients = with_gradients(lambda x: merged_params(made, x), made, features)
    assert outputs.dtype == expected.dtype
    np.testing.assert_array_equal(outputs, expected)
    tolerance = {"float32": 1e-5, "mixed_float16": 1e-2}[policy]  # the rounding of their sums
    for gradient, expected_gradient in zip(gradients, expected_gradients, strict=True):
        np.testing.assert_allclose(gradient, expected_gradient, rtol=tolerance, atol=tolerance)


def test_the_first_head_may_have_outputs_that_all_components_share(rng):
    made, features = heads({"units": 7}), tf.constant(rng.normal(size=(6, 4)), tf.float32)
    assert can_merge(made, 2)
    assert not can_merge(made, 1)
    assert not can_merge(made)

    def separate(x):
        return component_params(None, made, x, 3, False, num_shared=2)[0]

    expected, expected_gradients = with_gradients(separate, made, features)
    outputs, gradients = with_gradients(lambda x: merged_params(made, x, 2), made, features)
    np.testing.assert_array_equal(outputs, expected)
    for gradient, expected_gradient in zip(gradients, expected_gradients, strict=True):
        np.testing.assert_allclose(gradient, expected_gradient, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "options",
    [{"units": 6}, {"activation": "relu"}, {"use_bias": False}, {"activity_regularizer": "l2"}, {"dtype": "float64"}],
    ids=str,
)
def test_other_heads_are_not_merged(options):
    assert not can_merge(heads(options))


def test_a_single_head_a_subclass_another_network_and_lora_are_not_merged():
    class Own(keras.layers.Dense):
        pass

    plain = heads()
    own = Own(5)
    own.build((None, 4))
    adapted = heads()
    adapted[1].enable_lora(2)
    for others in ([own], [keras.Sequential([keras.Input([4]), keras.layers.Dense(5)])]):
        assert not can_merge([*plain, *others])
    assert not can_merge(plain[:1])
    assert not can_merge(adapted)
