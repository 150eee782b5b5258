"""Likelihoods at the edge of what a decoder can say, in 32 and in 16 bits: values and gradients stay finite."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from rme_tf import ELBO
from rme_tf.likelihoods import (
    LIKELIHOODS,
    DiscretizedLogistic,
    DiscretizedLogisticMixture,
    NegativeBinomial,
    Normal,
    Poisson,
    StudentT,
)
from rme_tf.likelihoods.location_scale import SCALES
from rme_tf.networks import DECODERS
from small_networks import SMALL_DECODERS, fitting

SHAPE = (2, 2, 3)
VALUES = np.array([0.0, 1.0, 128.0, 255.0, 254.0, 3.0], "float32") / 255  # levels, at the edges and between
COUNTS = np.array([0.0, 1.0, 7.0, 9.0, 1e6, 3.0, 1e12], "float32")
REALS = np.array([0.0, -1.5, 1e6, 0.3, -1e12], "float32")
POLICIES = ["float32", "mixed_float16", "mixed_bfloat16"]
MEANS, LOG_SCALES = (-1e3, 1e3), (-20.0, 20.0)
BUILDS = {
    **{name: LIKELIHOODS[name] for name in LIKELIHOODS if name not in ("categorical_sequence", "normal")},
    "categorical_sequence": lambda shape: LIKELIHOODS["categorical_sequence"]((4,), vocabulary_size=9, features=3),
    **{f"normal {scale}": lambda shape, scale=scale: Normal(shape, scale=scale) for scale in SCALES},
    "normal decoded, real": lambda shape: Normal(shape, scale="decoded", interval=None),
    "student_t decoded": lambda shape: StudentT(shape, scale="decoded"),
    "student_t learned": lambda shape: StudentT(shape, learned_df=True),
    "poisson total": lambda shape: Poisson(shape, size_factor="total"),
    "negative_binomial decoded": lambda shape: NegativeBinomial(shape, dispersion="decoded"),
    "negative_binomial total": lambda shape: NegativeBinomial(shape, size_factor="total"),
}

every_policy = pytest.mark.parametrize("policy", POLICIES)


@pytest.fixture(autouse=True)
def _policy(request):
    keras.config.set_dtype_policy(request.node.callspec.params.get("policy", "float32"))
    yield
    keras.config.set_dtype_policy("float32")


def observations(likelihood, batch=4):
    if likelihood.observation_dtype == tf.int32:
        return likelihood.example(batch)
    if likelihood.values == "counts":
        return tf.constant(np.resize(COUNTS, (batch, *likelihood.event_shape)))
    if likelihood.interval is None:
        return tf.constant(np.resize(REALS, (batch, *likelihood.event_shape)))
    x = np.resize(VALUES, (batch, *likelihood.event_shape))
    return tf.constant(x if likelihood.in_support(x).numpy().all() else np.rint(x))


def extreme_params(likelihood, mean, log_scale):
    """Params of one observation: all means are one number, all log-scales another, and mixtures undecided."""
    if isinstance(likelihood, DiscretizedLogisticMixture):
        count = likelihood.num_mixtures
        parts = [np.zeros(count), *([value] * 3 * count for value in (mean, log_scale, 0.5))]
        return np.broadcast_to(np.concatenate(parts), likelihood.params_shape).astype("float32")
    params = np.full(likelihood.params_shape, mean, "float32")
    if isinstance(likelihood, DiscretizedLogistic) or likelihood.params_shape[-1] == 2 * SHAPE[-1]:
        params[..., params.shape[-1] // 2 :] = log_scale
    for weight in likelihood.weights:  # a scale that no decoder gives
        if isinstance(likelihood, Normal | StudentT | NegativeBinomial):
            weight.assign(np.full(weight.shape, log_scale))
    return params


def gradients(likelihood, params, x):
    """log p(x|z) and its gradients by the params and the likelihood's own weights."""
    params = tf.constant(params)
    with tf.GradientTape() as tape:
        tape.watch(params)
        log_prob = likelihood.log_prob(params, x)
    return log_prob, tape.gradient(log_prob, [params, *(weight.value for weight in likelihood.trainable_variables)])


@every_policy
@pytest.mark.parametrize("log_scale", LOG_SCALES)
@pytest.mark.parametrize("mean", MEANS)
@pytest.mark.parametrize("name", sorted(BUILDS))
def test_values_and_gradients_are_finite_where_means_and_scales_are_extreme(name, mean, log_scale, policy):
    likelihood = BUILDS[name](SHAPE)
    x = observations(likelihood)
    log_prob, found = gradients(likelihood, np.stack([extreme_params(likelihood, mean, log_scale)] * len(x)), x)
    assert log_prob.dtype == found[0].dtype == tf.float32
    assert np.isfinite(log_prob).all()
    for gradient in found:
        assert np.isfinite(gradient).all()


# Through decoders: a kernel of zeros and a bias, so that it is known what they say.


def silent_decoder(name, output_shape):
    """A decoder that says the same whatever the code; its inputs, and the bias that decides what."""
    decoder = DECODERS[name](2, fitting(name, output_shape), **SMALL_DECODERS[name])
    inputs = [tf.ones([3, 2]), tf.zeros([3, *SHAPE])] if name == "pixelcnn" else tf.ones([3, 2])
    decoder(inputs)
    kernel, bias = decoder.trainable_variables[-2:]
    kernel.assign(tf.zeros(kernel.shape))
    return decoder, inputs, bias


def say(bias, params):
    """Sets the bias: of all params, or of one pixel's."""
    bias.assign(np.array(params.ravel() if bias.shape[0] == params.size else params[0, 0]))


@every_policy
@pytest.mark.parametrize("name", sorted(SMALL_DECODERS))
def test_a_decoder_says_what_it_means_in_32_bits(name, policy):
    """A quarter of a level below the last one, on [-1, 1]: bfloat16 has no number between 0.9961 and 1."""
    decoder, inputs, bias = silent_decoder(name, SHAPE)
    say(bias, np.full(SHAPE, 1.0 - 1.0 / 510.0))
    outputs = decoder(inputs)
    assert outputs.dtype == tf.float32
    np.testing.assert_allclose(outputs, 1.0 - 1.0 / 510.0, rtol=1e-6)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("name", sorted(SMALL_DECODERS))
def test_a_scaled_loss_has_finite_gradients_through_a_decoder(name, policy):
    """With the scale at which Keras starts; in float16, 65,504 is the largest number."""
    decoder, inputs, bias = silent_decoder(name, (2, 2, 6))
    for kind, mean, log_scale in itertools.product(("discretized_logistic", "normal decoded"), MEANS, LOG_SCALES):
        likelihood = BUILDS[kind](SHAPE)
        say(bias, extreme_params(likelihood, mean, log_scale))
        with tf.GradientTape() as tape:
            params = tf.reshape(decoder(inputs), [3, *likelihood.params_shape])
            loss = 2.0**15 * tf.reduce_mean(likelihood.log_prob(params, observations(likelihood, 3)))
        for gradient in tape.gradient(loss, [variable.value for variable in decoder.trainable_variables]):
            assert np.isfinite(gradient).all(), (kind, mean, log_scale)


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["mixed_float16"])
@pytest.mark.parametrize("kind", ["discretized_logistic", "normal decoded"])
def test_training_goes_on_from_extreme_params_in_16_bits(kind, policy, tiny_model, rng):
    likelihood = BUILDS[kind]((2, 2, 3))
    model = tiny_model(1, input_shape=likelihood.event_shape, likelihood=likelihood)
    params = extreme_params(likelihood, 1e3, -20.0)
    bias = model.decoder.trainable_variables[-1]
    say(bias, params)
    model.compile(keras.optimizers.Adam(0.1), ELBO())
    x = rng.integers(0, 256, (8, *SHAPE)).astype("float32") / 255
    model.fit(x, epochs=30, verbose=0)  # the first steps halve the scale of the loss
    assert all(np.isfinite(weight).all() for weight in model.get_weights())
    assert (np.abs(bias.numpy() - params.ravel()) > 0.05).any()
