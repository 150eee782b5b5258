"""The ELBO's step against its definition, on TFP's own mixture."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from rme_tf import ELBO, objectives
from rme_tf.posteriors import RecursiveMixing

tfd = tfp.distributions


@pytest.mark.parametrize("num_components", [1, 3])
def test_elbo_ascends_the_elbo_of_the_mixture(tiny_model, binary_data, num_components):
    """All variables, weights of the mixture included, on TFP's own mixture; minus the penalty."""
    model = tiny_model(num_components, mixing=RecursiveMixing(uniform_pull=0.7))
    x, rate, seed = tf.constant(binary_data()), 0.1, tf.constant([0, 1])
    variables = model.trainable_variables
    before = [np.asarray(variable.value) for variable in variables]
    with tf.GradientTape() as tape:
        objective = elbo_by_definition(model, x, num_samples=2, seed=seed)
    gradients = tape.gradient(objective, [v.value for v in variables], unconnected_gradients="zero")
    rule = ELBO(num_samples=2)
    model.compile(keras.optimizers.SGD(rate), rule)
    rule.step(model, x, seed)
    for variable, value, gradient in zip(variables, before, gradients, strict=True):
        # A hundred float32 terms of size up to 10.
        np.testing.assert_allclose(variable.value, value + rate * gradient, atol=5e-6, err_msg=variable.path)


def elbo_by_definition(model, x, *, num_samples, seed):
    means, scales, alpha = [], [], [tf.ones(len(x))]
    for m, encoder in enumerate(model.encoders):
        mean, raw = tf.split(encoder(x), 2, axis=-1)
        means.append(mean)
        scales.append(tf.math.softplus(raw) + 1e-5)
        if m > 0:
            eps = 1 / (1 + tf.exp(-model.mixing_network(x)[:, m - 1]) * m)
            alpha = [(1 - eps) * weight for weight in alpha] + [eps]
    components = tfd.MultivariateNormalDiag(tf.stack(means, axis=1), scale_diag=tf.stack(scales, axis=1))
    mixture = tfd.MixtureSameFamily(tfd.Categorical(probs=tf.stack(alpha, axis=1)), components)
    z = model.infer(x).sample_components(num_samples, seed)
    value = 0.0
    for m, (mean, scale) in enumerate(zip(means, scales, strict=True)):
        noise = tf.stop_gradient((z[:, :, m] - mean) / scale)
        code = mean + scale * noise
        logits = tf.stack([model.decoder(row) for row in code])
        log_joint = tf.reduce_sum(x * logits - tf.math.softplus(logits), axis=-1)
        log_joint += tf.reduce_sum(-0.5 * code**2 - 0.5 * math.log(2 * math.pi), axis=-1)
        value += tf.reduce_mean(alpha[m] * (log_joint - mixture.log_prob(code)))
        value -= 0.7 * tf.reduce_mean(-math.log(len(means)) - tf.math.log(alpha[m])) / len(means)
    return value


def test_the_diagonal_has_its_gradient_and_no_one_else_s(rng):
    values = tf.constant(rng.normal(size=(2, 3, 3)), tf.float32) - tf.where(tf.eye(3) == 1.0, 0.0, np.inf)
    with tf.GradientTape() as tape:
        tape.watch(values)
        found = objectives.diagonal(values)
    np.testing.assert_array_equal(found, tf.linalg.diag_part(values))
    np.testing.assert_array_equal(tape.gradient(found, values), np.broadcast_to(np.eye(3), (2, 3, 3)))
