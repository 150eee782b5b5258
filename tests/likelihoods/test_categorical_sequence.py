import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from rme_tf.likelihoods import CategoricalSequence
from rme_tf.likelihoods.softmax import token_log_prob
from rme_tf.likelihoods.support import sentence_in

V, F, B, T = 7, 4, 3, 5
ROWS = np.array([[4, 5, 2, 0, 0], [6, 2, 0, 0, 0], [3, 4, 5, 6, 2]], np.int32)


def likelihood(**choices):
    built = CategoricalSequence(**{"vocabulary_size": V, "features": F, **choices})
    for weight in built.trainable_variables:
        weight.assign(tf.random.stateless_normal(weight.shape, seed=(1, len(weight.shape))))
    return built


def features(*lead, seed=0):
    return tf.random.stateless_normal([*lead, F], seed=(2, seed))


def slow_log_prob(params, x, table, bias):
    """Sums over tokens one by one, in float64."""
    total = 0.0
    for row, token in zip(np.asarray(params, float), x, strict=True):
        if token == 0:
            break
        logits = np.asarray(table, float) @ row + np.asarray(bias, float)
        total += logits[token] - np.log(np.exp(logits).sum())
    return total


def test_the_log_likelihood_matches_the_oracle():
    p, params = likelihood(), features(2, B, 3, T)
    result = p.log_prob(params, ROWS[:, None])
    assert result.shape == (2, B, 3)
    for s, b, m in itertools.product(range(2), range(B), range(3)):
        expected = slow_log_prob(params[s, b, m], ROWS[b], p.table, p.bias)
        assert float(result[s, b, m]) == pytest.approx(expected, rel=1e-5)  # float32


def test_padding_counts_for_nothing():
    p, params = likelihood(), features(B, T)
    padded = tf.concat([params, features(B, 4, seed=1)], axis=1)
    longer = np.pad(ROWS, [[0, 0], [0, 4]])
    np.testing.assert_allclose(p.log_prob(padded, longer), p.log_prob(params, ROWS), rtol=1e-6)
    np.testing.assert_array_equal(p.token_log_probs(padded, longer)[ROWS.shape[0] :], 0.0)
    with tf.GradientTape() as tape:
        tape.watch(padded)
        total = tf.reduce_sum(p.log_prob(padded, longer))
    np.testing.assert_array_equal(np.asarray(tape.gradient(total, padded))[longer == 0], 0.0)


def test_the_probabilities_of_a_token_sum_to_one():
    params = tf.repeat(features(1, 1), V, axis=0)
    p = likelihood()
    every = tf.range(V)[:, None]
    log_probs = p.distribution(params).log_prob(every)
    assert float(tf.reduce_sum(tf.exp(log_probs))) == pytest.approx(1.0, abs=1e-5)
    words = p.log_prob(params, every)[1:]
    np.testing.assert_allclose(words, log_probs[1:], rtol=1e-5)  # padding apart, the two agree


@pytest.mark.parametrize("max_logits", [1, 3 * V, 4 * V + 2, 1000 * V])
@pytest.mark.parametrize("known", [True, False], ids=["static", "dynamic"])
@pytest.mark.parametrize("jit_compile", [False, True])
def test_chunks_change_neither_values_nor_gradients(max_logits, known, jit_compile):
    rows = 13
    tokens = tf.constant(np.random.default_rng(0).integers(0, V, rows), tf.int32)
    weights = tf.random.stateless_normal([rows], seed=(0, 5))
    p = likelihood()
    signature = None if known else [tf.TensorSpec([None, F])]

    @tf.function(jit_compile=jit_compile, input_signature=signature, autograph=False)  # as Keras does
    def values_and_gradients(params):
        table, bias = p.table.value, p.bias.value
        with tf.GradientTape() as tape:
            tape.watch([params, table, bias])
            values = token_log_prob(params, tokens, tf.identity(table), tf.identity(bias), max_logits)
            total = tf.reduce_sum(weights * values)
        return values, *(tf.convert_to_tensor(g) for g in tape.gradient(total, [params, table, bias]))

    params = features(rows)
    logits = p.logits(params)
    expected = tf.gather(tf.nn.log_softmax(logits), tokens, batch_dims=1)
    values, *gradients = values_and_gradients(params)
    np.testing.assert_allclose(values, expected, rtol=1e-5, atol=1e-6)
    residual = np.asarray(weights)[:, None] * (np.eye(V)[tokens.numpy()] - np.asarray(tf.nn.softmax(logits)))
    oracle = [residual @ np.asarray(p.table), residual.T @ np.asarray(params), residual.sum(axis=0)]
    for gradient, other in zip(gradients, oracle, strict=True):
        np.testing.assert_allclose(gradient, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("max_logits", [3 * V, 1000 * V])
def test_second_derivatives_pass_through_chunks(max_logits):
    params, tokens = features(5), tf.constant([1, 2, 3, 4, 5])
    p = likelihood()

    def hessian_trace_direction(limit):
        with tf.GradientTape() as outer:
            outer.watch(params)
            with tf.GradientTape() as inner:
                inner.watch(params)
                table, bias = tf.identity(p.table.value), tf.identity(p.bias.value)
                total = tf.reduce_sum(token_log_prob(params, tokens, table, bias, limit))
            norm = tf.reduce_sum(inner.gradient(total, params) ** 2)
        return outer.gradient(norm, params)

    with tf.GradientTape() as outer:
        outer.watch(params)
        with tf.GradientTape() as inner:
            inner.watch(params)
            total = tf.reduce_sum(tf.gather(tf.nn.log_softmax(p.logits(params)), tokens, batch_dims=1))
        norm = tf.reduce_sum(inner.gradient(total, params) ** 2)
    expected = outer.gradient(norm, params)
    np.testing.assert_allclose(hessian_trace_direction(max_logits), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("size", [-1e3, 1e3])
def test_extreme_features_leave_densities_and_gradients_finite(size):
    p, params = likelihood(), tf.fill([B, T, F], size)
    with tf.GradientTape() as tape:
        tape.watch(params)
        log_prob = p.log_prob(params, ROWS)
    assert np.isfinite(log_prob).all()
    assert np.isfinite(tape.gradient(log_prob, params)).all()


# The support.


@pytest.mark.parametrize("dtype", ["int32", "int64", "float32"])
def test_rows_of_tokens_pass(dtype):
    likelihood().check(ROWS.astype(dtype))


@pytest.mark.parametrize(
    "row",
    [[4, V, 2, 0, 0], [4, -1, 2, 0, 0], [0, 0, 0, 0, 0], [0, 4, 2, 0, 0], [4, 0, 5, 2, 0], [4, 2.5, 2, 0, 0]],
    ids=["beyond V", "negative", "nothing but padding", "padding first", "padding between", "fraction"],
)
def test_what_is_no_row_of_tokens_raises(row):
    x = np.concatenate([ROWS, [row]])
    with pytest.raises(ValueError, match="rows of token ids from 1 to 6.* Pad on the right") as known:
        likelihood().check(x)
    with pytest.raises(tf.errors.InvalidArgumentError, match="rows of token ids") as error:
        list(tf.data.Dataset.from_tensors(x).map(likelihood().guard))
    assert sentence_in(str(error.value)) == str(known.value)


@pytest.mark.parametrize("shape", [(3,), (3, 5, 1)])
def test_a_wrong_rank_raises(shape):
    with pytest.raises(ValueError, match=r"must have shape \(None, None\)"):
        likelihood().check(np.ones(shape, "int32"))


def test_a_sentence_may_have_any_length_but_not_none():
    with pytest.raises(ValueError, match=r"at least 1, or None where any length will do. Received: \(0,\)"):
        likelihood(event_shape=(0,))


def test_the_example_is_in_the_support():
    for length in (None, 6):
        p = likelihood(event_shape=(length,))
        p.check(np.asarray(p.example(2)))


@pytest.mark.parametrize("name", ["vocabulary_size", "features"])
def test_sizes_below_one_raise(name):
    with pytest.raises(ValueError, match=f"`{name}` must be an integer of at least 1"):
        likelihood(**{name: 0})


def test_tied_logits_need_embeddings_that_fit():
    with pytest.raises(ValueError, match=r"decoder.embedding.*\(7, 4\).*none"):
        likelihood(tied=True).bind(keras.Sequential())


def test_the_configuration_survives():
    p = likelihood(tied=True)
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(p))
    assert copy.get_config() == p.get_config()
