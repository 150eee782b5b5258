"""The importance-weighted bound as an objective: its value, its gradients, and the variance of these."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import reference
from definition import SEED, recorded_gradients
from rme_tf import ELBO, FreeBits, ImportanceWeighted
from rme_tf.posteriors import RecursiveMixing
from test_oracles import (
    ORTHOGONAL,
    SHIFT,
    SIGMA,
    encoder_of,
    exact_log_likelihood,
    exact_posterior,
    linear_model,
    observations,
    wrong_posterior,
)

tfd = tfp.distributions

KERNEL = ORTHOGONAL  # whose posterior has a diagonal covariance


def rule_of(**choices):
    return ImportanceWeighted(**{"warm_start_epochs": 0, **choices})


def compiled(model, rule):
    model.compile(keras.optimizers.SGD(0.1), rule)
    return model


def linear(*encoders):
    return linear_model("diag_normal", KERNEL, list(encoders))


def copies(count, seed=0):
    """One observation, `count` times: a bound or gradient for each is as many independent estimates."""
    return np.repeat(observations(KERNEL, batch=1, seed=seed), count, axis=0)


# The value.


@pytest.mark.parametrize("kl_weight", [1.0, 0.3])
@pytest.mark.parametrize("num_components", [1, 3])
def test_the_bound_is_that_of_the_reference(tiny_model, binary_data, num_components, kl_weight):
    model, x = tiny_model(num_components, mixing="learned"), tf.constant(binary_data())
    rule = rule_of(num_samples=4, kl_weight=kl_weight)
    value, log_probs = rule.bound_at(compiled(model, rule), x, model.encode(x), SEED)
    log_lik, log_prior, log_q_all, log_alpha = (np.asarray(term, np.float64) for term in log_probs)
    log_density = np.zeros(log_lik.shape)
    for s, b, m in np.ndindex(*log_lik.shape):
        log_density[s, b, m] = reference.log_sum_exp(log_alpha[b] + log_q_all[s, b, m])
    weighted = log_lik + kl_weight * log_prior, kl_weight * log_density, np.exp(log_alpha)
    np.testing.assert_allclose(value, reference.importance_weighted_bound(*weighted), rtol=1e-5)  # float32


@pytest.mark.parametrize("num_components", [1, 2])
def test_it_rises_with_the_samples_from_the_elbo_to_log_p_of_x(num_components):
    model = linear(*[wrong_posterior("diag_normal", KERNEL, shift=s) for s in (0.3, -0.4)[:num_components]])
    exact = exact_log_likelihood(copies(1), KERNEL)[0]

    def estimate(rule, count):
        x = tf.constant(copies(count))
        values = np.asarray(rule.bound_at(compiled(model, rule), x, model.encode(x), SEED)[0], np.float64)
        return values.mean(), values.std() / math.sqrt(count)

    means, errors = zip(*[estimate(rule_of(num_samples=s), 20_000 // s) for s in (1, 4, 20)], strict=True)
    assert means[0] + 4 * errors[0] < means[1] < means[2] < exact + 4 * errors[2]
    mean, _ = estimate(rule_of(num_samples=40_000), 1)
    assert mean == pytest.approx(exact, abs=0.02)  # standard deviation of a relative weight: 1; 4 / sqrt(40,000)


# The gradient.


def bound_by_definition(model, x, num_samples):
    """log sum_m alpha_m mean_s p(x, z_ms) / Q(z_ms|x), minus the penalty, on TFP's own mixture; in float64."""
    noise = tf.stop_gradient(model.infer(x).sample_components(num_samples, tf.constant(SEED)))
    means, scales, log_alpha, codes = [], [], [tf.zeros(len(x), tf.float64)], []
    for m, encoder in enumerate(model.encoders):
        mean, raw = tf.split(tf.cast(encoder(x), tf.float64), 2, axis=-1)
        means.append(mean)
        scales.append(tf.math.softplus(raw) + 1e-5)
        drawn = (tf.cast(noise[:, :, m], tf.float64) - mean) / scales[-1]
        codes.append(mean + scales[-1] * tf.stop_gradient(drawn))
        if m > 0:
            logit = tf.cast(model.mixing_network(x), tf.float64)[:, m - 1] - math.log(m)
            log_alpha = [term + tf.math.log_sigmoid(-logit) for term in log_alpha] + [tf.math.log_sigmoid(logit)]
    components = tfd.MultivariateNormalDiag(tf.stack(means, axis=1), scale_diag=tf.stack(scales, axis=1))
    mixture = tfd.MixtureSameFamily(tfd.Categorical(logits=tf.stack(log_alpha, axis=1)), components)
    pixels, weights = tf.cast(x, tf.float64), []
    for m, code in enumerate(codes):
        logits = tf.cast(tf.stack([model.decoder(tf.cast(row, tf.float32)) for row in code]), tf.float64)
        log_joint = tf.reduce_sum(pixels * logits - tf.math.softplus(logits), axis=-1)
        log_joint += tf.reduce_sum(-0.5 * code**2 - 0.5 * math.log(2 * math.pi), axis=-1)
        weights.append(tf.exp(log_alpha[m] + log_joint - mixture.log_prob(code)))
    pull = sum(-term for term in log_alpha) / len(means) - math.log(len(means))
    return tf.math.log(tf.reduce_mean(sum(weights), axis=0)) - 0.7 * pull


@pytest.mark.parametrize(("num_components", "num_samples"), [(1, 3), (3, 1), (3, 2)])
def test_all_variables_ascend_the_bound(tiny_model, binary_data, num_components, num_samples):
    model, x = tiny_model(num_components, mixing=RecursiveMixing(uniform_pull=0.7)), binary_data()
    variables = model.trainable_variables
    with tf.GradientTape() as tape:
        loss = -tf.reduce_mean(bound_by_definition(model, tf.constant(x), num_samples))
    expected = tape.gradient(loss, [variable.value for variable in variables])
    found = recorded_gradients(model, rule_of(num_samples=num_samples), x)
    for variable, gradient in zip(variables, expected, strict=True):
        # A hundred float32 terms of size up to 10.
        np.testing.assert_allclose(found[variable.path], gradient, atol=2e-5, err_msg=variable.path)


def test_one_sample_of_one_component_makes_it_the_elbo(tiny_model, binary_data):
    model, x = tiny_model(1), binary_data()
    found, expected = (recorded_gradients(model, rule, x) for rule in (rule_of(num_samples=1), ELBO()))
    for path, value in expected.items():
        np.testing.assert_allclose(found[path], value, atol=1e-6, err_msg=path)


@pytest.mark.parametrize("gradient", ["dreg", "pathwise"])
def test_the_decoder_ascends_log_p_of_x_whatever_the_posterior(gradient):
    """With many samples theta's gradient is that of the marginal likelihood, here in closed form."""
    model, x = linear(wrong_posterior("diag_normal", KERNEL)), observations(KERNEL, batch=4)
    path = model.decoder.layers[0].kernel.path
    kernel = tf.constant(KERNEL)
    with tf.GradientTape() as tape:
        tape.watch(kernel)
        covariance = tf.matmul(kernel, kernel, transpose_a=True) + SIGMA**2 * tf.eye(len(SHIFT), dtype=tf.float64)
        marginal = tfd.MultivariateNormalTriL(SHIFT, tf.linalg.cholesky(covariance))
        loss = -tf.reduce_mean(marginal.log_prob(tf.cast(x, tf.float64)))
    expected = tape.gradient(loss, kernel)
    rules = rule_of(num_samples=20_000, gradient=gradient), ELBO(num_samples=20_000)
    weighted, elbo = (np.abs(recorded_gradients(model, rule, x)[path] - expected).max() for rule in rules)
    # Terms of size 10 with a standard error of 10 / sqrt(80,000).
    assert weighted < 0.15
    assert elbo > 0.5


# The doubly reparameterised gradient.


def estimates(model, rule, x):
    """Independent estimates [B, P] of the gradient with respect to the params, one a row of x."""
    compiled(model, rule)
    encoding = model.encode(tf.constant(x))
    with tf.GradientTape() as tape:
        tape.watch(encoding.params)
        value, _ = rule.bound_at(model, tf.constant(x), encoding, SEED)
    return np.asarray(tape.gradient(value, encoding.params)[:, 0], np.float64)


@pytest.mark.parametrize(("num_samples", "kl_weight", "share"), [(2, 1.0, 0.15), (16, 1.0, 0.01), (16, 0.5, 0.3)])
def test_dreg_is_unbiased_and_of_lower_variance(num_samples, kl_weight, share):
    model, count = linear(wrong_posterior("diag_normal", KERNEL)), 10_000
    choices = {"num_samples": num_samples, "kl_weight": kl_weight}
    rules = [rule_of(gradient=gradient, **choices) for gradient in ("dreg", "pathwise")]
    dreg, pathwise = (estimates(model, rule, copies(count)) for rule in rules)
    # Of the same draws, so the difference has an error of its own.
    error = (dreg - pathwise).std(axis=0) / math.sqrt(count)
    assert (np.abs(dreg.mean(axis=0) - pathwise.mean(axis=0)) < 4 * error).all()
    assert (np.abs(pathwise.mean(axis=0)) > 10 * error).any()  # so that a wrong factor would show
    assert dreg.var(axis=0).sum() < share * pathwise.var(axis=0).sum()


def test_at_the_exact_posterior_every_single_dreg_gradient_is_zero():
    model = linear(encoder_of("diag_normal", *exact_posterior(KERNEL)))
    x = observations(KERNEL, batch=5)
    assert np.abs(estimates(model, rule_of(gradient="dreg"), x)).max() < 1e-4  # float32
    assert np.abs(estimates(model, rule_of(gradient="pathwise"), x)).max() > 0.1


@pytest.mark.slow
def test_dreg_leaves_the_decoder_its_gradient_and_compiles(tiny_model, binary_data):
    model, x = tiny_model(1, likelihood="normal"), binary_data()
    dreg, pathwise = (recorded_gradients(model, rule_of(gradient=g), x) for g in ("dreg", "pathwise"))
    encoder = {variable.path for variable in model.encoders[0].trainable_variables}
    for path, value in pathwise.items():
        if path not in encoder:
            np.testing.assert_allclose(dreg[path], value, atol=1e-6, err_msg=path)
    assert any(np.abs(dreg[path] - pathwise[path]).max() > 1e-3 for path in encoder)
    rule = rule_of(gradient="dreg")
    start, ends = model.get_weights(), []
    for step in (rule.step, tf.function(rule.step, autograph=False)):
        model.set_weights(start)
        step(compiled(model, rule), tf.constant(x), tf.constant(SEED))
        ends.append(model.get_weights())
    for a, b in zip(*ends, strict=True):
        np.testing.assert_allclose(a, b, atol=2e-5)  # float32, at gradients of size 100


# Choices.


def test_free_bits_and_unknown_gradients_are_refused():
    with pytest.raises(ValueError, match="`free_bits` is a floor .* ImportanceWeighted does not honor"):
        ImportanceWeighted(free_bits=FreeBits(nats=0.1))
    with pytest.raises(ValueError, match="Unknown gradient.*'dreg', 'pathwise'"):
        ImportanceWeighted(gradient="score")


def test_dreg_is_for_one_component(tiny_model, binary_data):
    model, rule = tiny_model(2), rule_of(gradient="dreg")
    with pytest.raises(ValueError, match="one component.*gradient='pathwise'"):
        rule.step(compiled(model, rule), tf.constant(binary_data()), tf.constant(SEED))
