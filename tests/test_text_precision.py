"""Sentences under a mixed-precision policy: the networks compute in 16 bits, probabilities and tokens are exact."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from rme_tf import RecursiveMixture
from rme_tf.networks import lstm_encoder, with_normalized_means
from test_lstm import ROWS, build_text_model


@pytest.fixture(scope="module")
def model():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        yield build_text_model(2, decoder_options={"skip": True, "word_dropout": 0.2})
    finally:
        keras.config.set_dtype_policy("float32")


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_it_trains_in_16_bits_and_scores_in_32(model):
    before = [variable.numpy() for variable in model.trainable_variables]
    model.compile("adam", RecursiveMixture(warm_start_epochs=0))
    history = model.fit(ROWS, batch_size=3, epochs=2, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert all(variable.dtype == "float32" for variable in model.trainable_variables)
    assert any(np.any(old != new) for old, new in zip(before, model.trainable_variables, strict=True))
    log_probs = model.log_probs(tf.constant(ROWS), seed=(0, 1))
    assert {term.dtype for term in log_probs} == {tf.float32}
    assert model.decoder([tf.zeros([3, 3]), ROWS]).dtype == tf.bfloat16


@pytest.mark.parametrize("strategy", ["greedy", "sample", "beam"])
def test_it_writes(model, strategy):
    tokens = np.asarray(model.sample(5, strategy=strategy, max_length=6))
    assert tokens.shape == (5, 6)
    for row in tokens:
        end = list(row).index(2)
        assert (row[:end] > 2).all()
        assert (row[end + 1 :] == 0).all()


def test_a_step_sees_what_the_whole_sequence_sees(model):
    z = tf.random.stateless_normal([3, 3], seed=(4, 4))
    whole = tf.cast(model.decoder([z, ROWS]), tf.float32)
    state = model.decoder.initial_state(z)
    previous = tf.ones([3], tf.int32)  # BOS
    for t in range(3):
        features, state = model.decoder.step(previous, state, z)
        np.testing.assert_allclose(tf.cast(features, tf.float32), whole[:, t], atol=0.05)
        previous = tf.constant(ROWS[:, t])


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_normalised_means_tell_every_two_tokens_apart(policy):
    """16-bit floats do not: 2,049 rounds to 2,048, or in bfloat16 257 to 256."""
    keras.config.set_dtype_policy(policy)
    try:
        encoder = with_normalized_means(lstm_encoder((None,), 4, vocabulary_size=3000, units=5, embedding_size=3), 2)
    finally:
        keras.config.set_dtype_policy("float32")
    for first in (256, 2048):
        params = encoder(np.array([[first, 2], [first + 1, 2]], np.int32))
        assert np.abs(np.asarray(params[0], np.float32) - np.asarray(params[1], np.float32)).max() > 1e-4
