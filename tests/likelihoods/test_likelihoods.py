import itertools
import math
import re

import keras
import numpy as np
import pytest
import tensorflow as tf

import reference
from rme_tf import RecursiveMixture
from rme_tf.likelihoods import LIKELIHOODS, Bernoulli, Normal
from rme_tf.networks import mlp_decoder

S, B, M = 2, 3, 4
SHAPES = [(5,), (2, 3, 1)]

# Those of pixels; tests/likelihoods/test_categorical_sequence.py has the one of tokens.
PIXELS = sorted(name for name in LIKELIHOODS if LIKELIHOODS[name].observation_dtype == tf.float32)
COUNTS = sorted(name for name in LIKELIHOODS if LIKELIHOODS[name].values == "counts")
every_likelihood = pytest.mark.parametrize("name", PIXELS)


def random_params(likelihood, lead, seed=0):
    return tf.random.stateless_normal([*lead, *likelihood.params_shape], seed=(5, seed))


@pytest.fixture
def good(rng):
    """Observations of zeros and ones, in the support of every likelihood so far."""
    return lambda shape, batch=B: rng.integers(0, 2, size=(batch, *shape)).astype("float32")


@every_likelihood
@pytest.mark.parametrize("shape", [(0, 4), (None, 4), (28, -1), (28.5,), ("4",), 5, None], ids=str)
def test_an_impossible_shape_is_refused(name, shape):
    message = f"{LIKELIHOODS[name].__name__} needs the shape of one observation: .* at least 1. Received: "
    with pytest.raises(ValueError, match=message + re.escape(repr(shape))):
        LIKELIHOODS[name](shape)


# Distributions.


@every_likelihood
@pytest.mark.parametrize("shape", SHAPES)
def test_a_distribution_has_a_batch_for_every_leading_axis_of_params(name, shape, good):
    likelihood = LIKELIHOODS[name](shape)
    p = likelihood.distribution(random_params(likelihood, (S, B, M)))
    assert tuple(p.batch_shape) == (S, B, M)
    assert tuple(p.event_shape) == shape
    log_prob = p.log_prob(good(shape)[:, None])  # [B, 1, *shape] against [S, B, M]
    assert log_prob.shape == (S, B, M)
    assert log_prob.dtype == tf.float32
    assert np.isfinite(log_prob).all()
    assert p.sample(seed=(0, 1)).shape == p.mean().shape == (S, B, M, *shape)


@every_likelihood
def test_the_gradient_reaches_params_and_weights(name, good):
    likelihood = LIKELIHOODS[name]((5,))
    params = random_params(likelihood, (B,))
    with tf.GradientTape() as tape:
        tape.watch(params)
        log_prob = tf.reduce_sum(likelihood.distribution(params).log_prob(good((5,))))
    weights = [weight.value for weight in likelihood.trainable_variables]
    for gradient in tape.gradient(log_prob, [params, *weights]):
        assert np.isfinite(gradient).all()
        assert np.abs(gradient).max() > 0


@every_likelihood
@pytest.mark.parametrize("size", [-1e3, 1e3])
def test_extreme_params_leave_densities_and_gradients_finite(name, size, good):
    likelihood = LIKELIHOODS[name]((5,))
    params = tf.fill([B, *likelihood.params_shape], size)
    with tf.GradientTape() as tape:
        tape.watch(params)
        log_prob = likelihood.distribution(params).log_prob(good((5,)))
    assert np.isfinite(log_prob).all()
    assert np.isfinite(tape.gradient(log_prob, params)).all()


@every_likelihood
@pytest.mark.parametrize("size", [1.0, 1e3])
def test_density_and_gradient_have_the_bits_of_the_distribution_s(name, size, good):
    likelihood, x = LIKELIHOODS[name]((2, 3, 1)), good((2, 3, 1))[:, None]
    params = size * random_params(likelihood, (S, B, M))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(params)
        densities = likelihood.log_prob(params, x), likelihood.distribution(params).log_prob(x)
    np.testing.assert_array_equal(*densities)
    np.testing.assert_array_equal(*(tape.gradient(density, params) for density in densities))


def test_a_bernoulli_of_another_distribution_has_its_density(good):
    class Inverted(Bernoulli):
        def distribution(self, params):
            return super().distribution(-params)

    x, params = good((5,)), random_params(Bernoulli((5,)), (B,))
    np.testing.assert_array_equal(Inverted((5,)).log_prob(params, x), Bernoulli((5,)).log_prob(-params, x))


@every_likelihood
def test_rows_do_not_touch_each_other(name, good):
    likelihood, x = LIKELIHOODS[name]((5,)), good((5,))
    params = random_params(likelihood, (B,))
    other = tf.concat([params[:1], random_params(likelihood, (B - 1,), seed=1)], axis=0)
    log_probs = [likelihood.distribution(p).log_prob(x) for p in (params, other)]
    assert float(log_probs[0][0]) == float(log_probs[1][0])
    assert (np.asarray(log_probs[0][1:]) != np.asarray(log_probs[1][1:])).all()


@every_likelihood
def test_seeds_reproduce(name):
    likelihood = LIKELIHOODS[name]((50,))
    p = likelihood.distribution(random_params(likelihood, (B,)))
    np.testing.assert_array_equal(p.sample(seed=(0, 1)), p.sample(seed=(0, 1)))
    assert (np.asarray(p.sample(seed=(0, 1))) != np.asarray(p.sample(seed=(0, 2)))).any()


@every_likelihood
@pytest.mark.parametrize("shape", SHAPES)
def test_likelihoods_survive_their_configuration(name, shape, good):
    likelihood = LIKELIHOODS[name](shape)
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(likelihood))
    assert type(copy) is type(likelihood)
    assert copy.get_config() == likelihood.get_config()
    assert (copy.event_shape, copy.params_shape) == (likelihood.event_shape, likelihood.params_shape)
    copy.set_weights(likelihood.get_weights())
    params, x = random_params(likelihood, (B,)), good(shape)
    np.testing.assert_array_equal(*(each.distribution(params).log_prob(x) for each in (likelihood, copy)))


@every_likelihood
def test_a_model_refuses_a_decoder_of_another_size(name, tiny_model):
    with pytest.raises(ValueError, match="decoder must turn"):
        tiny_model(likelihood=name, decoder=mlp_decoder(2, (6,), units=(3,)))


def test_bernoulli_matches_the_oracle(rng, good):
    logits, x = rng.normal(scale=3.0, size=(B, 5)), good((5,))
    result = Bernoulli((5,)).distribution(tf.constant(logits, tf.float32)).log_prob(x)
    expected = [reference.bernoulli_log_prob(*row) for row in zip(x, logits, strict=True)]
    np.testing.assert_allclose(result, expected, rtol=1e-5)  # float32


def test_bernoulli_sums_to_one_over_all_images(rng):
    images = np.array(list(itertools.product([0.0, 1.0], repeat=3)), "float32")
    p = Bernoulli((3,)).distribution(tf.constant(rng.normal(scale=2.0, size=3), tf.float32))
    assert float(tf.reduce_sum(p.prob(images))) == pytest.approx(1.0, abs=1e-6)  # eight terms of float32


# The support.

BAD_VALUES = {
    "bernoulli": [math.nan, math.inf, -math.inf, -1.0, 0.5, 1.0 + 1e-6, 255.0],
    "normal": [math.nan, math.inf, -math.inf, -1e-6, 1.0 + 1e-6, 255.0],
    "poisson": [math.nan, math.inf, -math.inf, -1.0, 0.5, 1e16],
    "student_t": [math.nan, math.inf, -math.inf, 1e16],
}
BAD = [(name, value) for name in sorted(BAD_VALUES) for value in BAD_VALUES[name]]


def with_one(value, x):
    x = x.copy()
    x[-1, -1] = value
    return x


@every_likelihood
@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8", "int64", "bool"])
def test_values_in_the_support_pass(name, dtype, good):
    x = good((5,)).astype(dtype)
    LIKELIHOODS[name]((5,)).check(x)
    LIKELIHOODS[name]((5,)).check(tf.constant(x))
    assert np.asarray(LIKELIHOODS[name]((5,)).in_support(x)).shape == x.shape


def test_grey_values_are_for_normal_alone(rng):
    x = rng.uniform(size=(3, 5)).astype("float32")
    Normal((5,)).check(x)
    with pytest.raises(ValueError, match="binary values, 0 or 1"):
        Bernoulli((5,)).check(x)


@pytest.mark.parametrize(("name", "value"), BAD)
def test_one_value_outside_the_support_raises_and_is_named(name, value, good):
    message = re.escape(LIKELIHOODS[name].support) + ".*" + re.escape(f"`images` with {value}")
    with pytest.raises(ValueError, match=message):
        LIKELIHOODS[name]((5,)).check(with_one(value, good((5,)).astype("float64")), "images")


@every_likelihood
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -0.5, 1.5, 200.0])
def test_every_likelihood_refuses_what_is_no_number_and_what_is_outside_its_interval(name, value, good):
    likelihood = LIKELIHOODS[name]((5,))
    low, high = likelihood.interval or (-math.inf, math.inf)
    fits = math.isfinite(value) and low <= value <= high and (name not in COUNTS or value.is_integer())
    inside = np.asarray(likelihood.in_support(with_one(value, good((5,)))))
    assert inside.sum() == inside.size - (not fits)
    assert inside[-1, -1] == fits


@every_likelihood
@pytest.mark.parametrize(
    "shape",
    [(), (5,), (3, 6), (3, 5, 1), (3, 1, 5), (1, 3, 5)],
    ids=lambda shape: f"rank {len(shape)} {shape}",
)
def test_a_wrong_shape_raises(name, shape):
    with pytest.raises(ValueError, match=r"must have shape \(None, 5\)"):
        LIKELIHOODS[name]((5,)).check(np.zeros(shape, "float32"))


@every_likelihood
@pytest.mark.parametrize("shape", [(2, 4, 4), (2, 4, 4, 3), (2, 1, 4, 4), (2, 16)])
def test_images_without_channels_or_with_others_raise(name, shape):
    with pytest.raises(ValueError, match=r"must have shape \(None, 4, 4, 1\)"):
        LIKELIHOODS[name]((4, 4, 1)).check(np.zeros(shape, "float32"))


@every_likelihood
def test_empty_data_raises(name):
    with pytest.raises(ValueError, match="empty"):
        LIKELIHOODS[name]((5,)).check(np.zeros((0, 5), "float32"))


# The guard of tf.data pipelines.


def guarded(likelihood, x):
    return tf.data.Dataset.from_tensor_slices(x).batch(2).map(likelihood.guard)


@every_likelihood
def test_the_guard_passes_good_batches_unchanged(name, good):
    x = good((5,), batch=4)
    np.testing.assert_array_equal(np.concatenate(list(guarded(LIKELIHOODS[name]((5,)), x).as_numpy_iterator())), x)


@pytest.mark.parametrize(("name", "value"), BAD)
def test_the_guard_stops_at_the_bad_batch(name, value, good):
    batches = iter(guarded(LIKELIHOODS[name]((5,)), with_one(value, good((5,), batch=4).astype("float64"))))
    next(batches)  # the first two rows are fine
    with pytest.raises(tf.errors.InvalidArgumentError, match=re.escape(LIKELIHOODS[name].support)):
        next(batches)


@every_likelihood
def test_the_guard_checks_the_shape_when_the_pipeline_is_built(name):
    with pytest.raises(ValueError, match=r"must have shape \(None, 5\)"):
        guarded(LIKELIHOODS[name]((5,)), np.zeros((4, 6), "float32"))


@pytest.mark.parametrize("value", [math.nan, 0.5])
def test_fit_refuses_bad_data_whole_and_in_batches(tiny_model, good, value):
    model = tiny_model()
    model.compile("sgd", RecursiveMixture(warm_start_epochs=0), run_eagerly=True)
    x = with_one(value, good((5,), batch=4))
    before = model.get_weights()
    with pytest.raises(ValueError, match="binary values, 0 or 1"):
        model.fit(x, verbose=0)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(ValueError, match="binary values, 0 or 1"):
        model.fit(tf.data.Dataset.from_tensor_slices(x).batch(2), verbose=0)
