"""Likelihoods of the entries that are seen: of every likelihood of the table with independent entries."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from rme_tf.likelihoods import LIKELIHOODS, Bernoulli, CategoricalSequence, DiscretizedLogisticMixture, Normal, Observed

S, B, SHAPE = 2, 3, (2, 3, 1)
NAMES = sorted(name for name in LIKELIHOODS if LIKELIHOODS[name].observation_dtype == tf.float32)
every_likelihood = pytest.mark.parametrize("name", NAMES)
# Values over which one entry is summed, or integrated with their distance.
LEVELS = np.arange(256, dtype=np.float32) / np.float32(255)
VALUES = {
    "bernoulli": (np.array([0.0, 1.0], np.float32), 1.0),
    "categorical_pixels": (LEVELS, 1.0),
    "continuous_bernoulli": ((np.arange(4000, dtype=np.float32) + 0.5) / 4000, 1 / 4000),
    "discretized_logistic": (LEVELS, 1.0),
    "discretized_logistic_mixture": (LEVELS, 1.0),
    "normal": (np.linspace(-9.0, 9.0, 9001, dtype=np.float32), 18 / 9000),
}


@pytest.fixture
def case(rng):
    """Builder of a likelihood, params, complete observations, and the same with missing entries."""

    def built(name, scale=1.0):
        likelihood = LIKELIHOODS[name](SHAPE)
        params = scale * tf.random.stateless_normal([S, B, *likelihood.params_shape], seed=(5, 0))
        x = rng.integers(0, 2, size=(B, *SHAPE)).astype("float32")
        seen = rng.random((B, *SHAPE)) < 0.5
        seen[0, 0, 0], seen[1, 0, 0] = True, False
        return likelihood, params, x, np.where(seen, x, np.nan).astype("float32")

    return built


@every_likelihood
def test_complete_observations_have_the_density_of_the_likelihood(name, case):
    likelihood, params, x, _ = case(name)
    expected, found = likelihood.log_prob(params, x), Observed(likelihood).log_prob(params, x)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@every_likelihood
def test_a_missing_entry_drops_its_term(name, case):
    likelihood, params, complete, x = case(name)
    terms = np.where(np.isnan(x), 0.0, likelihood.entry_log_prob(params, complete))
    observed = Observed(likelihood)
    for values in (
        observed.log_prob(params, x),
        observed.log_prob_of(tf.constant(x))(params),
        observed.log_prob_of(tf.constant(x), sliced=True)(params),
    ):
        np.testing.assert_allclose(values, terms.sum(axis=(-3, -2, -1)), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", sorted(VALUES))
def test_the_density_is_the_sum_over_all_values_of_a_missing_entry(name, case):
    likelihood, params, x, _ = case(name)
    values, width = VALUES[name]
    x[:, 1, 1, 0] = np.nan
    filled = np.broadcast_to(x[:, np.newaxis], (B, len(values), *SHAPE)).copy()
    filled[:, :, 1, 1, 0] = values
    of_values = likelihood.distribution(params[:, :, np.newaxis]).log_prob(filled)  # [S, B, values]
    total = tf.reduce_logsumexp(tf.cast(of_values, tf.float64), axis=-1) + math.log(width)
    np.testing.assert_allclose(Observed(likelihood).log_prob(params, x), total, atol=2e-4)


@every_likelihood
@pytest.mark.parametrize("scale", [1.0, 1e3])
def test_the_gradient_is_that_of_the_seen_entries(name, scale, case):
    likelihood, params, complete, x = case(name, scale)
    weights = [weight.value for weight in likelihood.trainable_variables]
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([params, *weights])
        entries = likelihood.entry_log_prob(params, complete)
        seen = tf.reduce_sum(tf.boolean_mask(entries, np.broadcast_to(~np.isnan(x), entries.shape)))
        log_prob = Observed(likelihood).log_prob(params, x)
        first = log_prob[:, 0]
    for found, expected in zip(
        tape.gradient(log_prob, [params, *weights]), tape.gradient(seen, [params, *weights]), strict=True
    ):
        assert np.isfinite(found).all()
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert not tape.gradient(first, params).numpy()[:, 1:].any()


def test_the_gradient_agrees_with_finite_differences():
    x = np.array([[1.0, np.nan, 0.0], [np.nan, np.nan, 1.0]])
    logits = tf.constant([[0.3, -1.2, 0.8], [2.0, 0.1, -0.4]], tf.float64)
    likelihood = Observed(Bernoulli((3,)))
    (exact,), (numeric,) = tf.test.compute_gradient(lambda params: likelihood.log_prob(params, x), [logits])
    np.testing.assert_allclose(exact, numeric, atol=1e-8)
    assert not exact[:, [1, 3, 4]].any()


@every_likelihood
def test_an_observation_without_any_entry_has_probability_one(name, case):
    likelihood, params, x, _ = case(name)
    np.testing.assert_array_equal(Observed(likelihood).log_prob(params, np.full_like(x, np.nan)), np.zeros([S, B]))


@every_likelihood
def test_the_distribution_is_over_all_entries(name, case):
    likelihood, params, _, _ = case(name)
    ours, theirs = Observed(likelihood).distribution(params), likelihood.distribution(params)
    np.testing.assert_array_equal(ours.mean(), theirs.mean())
    assert np.isfinite(ours.sample(seed=(0, 1))).all()


@every_likelihood
def test_nan_is_in_the_support_and_other_values_are_checked(name, case):
    likelihood, _, complete, x = case(name)
    observed = Observed(likelihood)
    for good in (x, x.astype("float64"), complete, complete.astype("uint8")):
        observed.check(good)
        assert np.asarray(observed.in_support(good)).all()
    batches = tf.data.Dataset.from_tensor_slices(x).batch(2).map(observed.guard)
    np.testing.assert_array_equal(np.concatenate(list(batches.as_numpy_iterator())), x)
    x[0, 0, 0] = -math.inf
    with pytest.raises(ValueError, match="Observed expects .*, or NaN for a missing entry. Received: `x` with -inf"):
        observed.check(x)


def test_the_encoders_read_x_filled_and_the_mask():
    x = tf.constant([[[1.0], [np.nan]], [[np.nan], [0.0]]])
    inputs = Observed(Bernoulli((2, 1))).encoder_input(x)
    np.testing.assert_array_equal(inputs, [[[1.0, 1.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 1.0]]])
    observed = Observed(Bernoulli((2, 1)), fill=[[0.25], [0.75]])
    assert observed.encoder_shape == (2, 2)
    np.testing.assert_array_equal(observed.encoder_input(x)[..., 0], [[1.0, 0.75], [0.25, 0.0]])
    alone = Observed(Bernoulli((2, 1)), fill=0.5, mask=False)
    assert alone.encoder_shape == (2, 1)
    np.testing.assert_array_equal(alone.encoder_input(x)[..., 0], [[1.0, 0.5], [0.5, 0.0]])
    np.testing.assert_array_equal(alone.filled(x), alone.encoder_input(x))


@every_likelihood
def test_it_survives_its_configuration(name, case):
    likelihood, params, _, x = case(name)
    observed = Observed(likelihood, fill=np.linspace(0.0, 1.0, math.prod(SHAPE)).reshape(SHAPE), mask=False)
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(observed))
    assert copy.get_config() == observed.get_config()
    copy.set_weights(observed.get_weights())
    np.testing.assert_array_equal(copy.log_prob(params, x), observed.log_prob(params, x))
    np.testing.assert_array_equal(copy.encoder_input(tf.constant(x)), observed.encoder_input(tf.constant(x)))
    np.testing.assert_equal(observed.bits_offset, likelihood.bits_offset)  # NaN for some
    assert observed.complete() is likelihood.complete() is likelihood


class Weighted(Bernoulli):
    """A Bernoulli whose density is no sum over its entries."""

    def log_prob(self, params, x):
        return 2.0 * super().log_prob(params, x)


@pytest.mark.parametrize(
    ("likelihood", "message"),
    [
        (lambda: "bernoulli", "`likelihood` must be a `Likelihood` of complete observations. Received: 'bernoulli'"),
        (lambda: Observed(Normal((3,))), "`Likelihood` of complete observations. Received: Observed"),
        (lambda: Bernoulli(()), r"with at least one axis. Received: Bernoulli of float32 \(\)"),
        (lambda: CategoricalSequence((4,), vocabulary_size=6, features=2), "Received: CategoricalSequence of int32"),
        (lambda: DiscretizedLogisticMixture((2, 2, 3)), r"independent given z.* Received: DiscretizedLogisticMixture"),
        (lambda: Weighted((3,)), "`entry_log_prob` .* whose sum is `log_prob`. Received: Weighted"),
    ],
    ids=["name", "observed", "scalar", "tokens", "channels", "weighted"],
)
def test_a_likelihood_without_independent_entries_is_refused(likelihood, message):
    with pytest.raises(ValueError, match=message):
        Observed(likelihood())


@pytest.mark.parametrize("fill", [math.nan, [0.0, 1.0], "mean", None, [[0.0], [math.inf], [0.0]]], ids=str)
def test_a_fill_of_another_shape_or_not_finite_is_refused(fill):
    with pytest.raises(ValueError, match=r"`fill` must be a finite number, or finite numbers of shape \(3, 1\)"):
        Observed(Bernoulli((3, 1)), fill=fill)


def test_single_pixels_are_refused():
    with pytest.raises(ValueError, match="Missing entries need a decoder that computes all pixels at once"):
        Observed(Bernoulli((4, 4, 1))).of_pixel()
