"""Sentences under a mixed-precision policy: the networks compute in 16 bits, probabilities and tokens are exact."""

import contextlib

import keras
import numpy as np
import pytest
import tensorflow as tf

from rme_tf import RecursiveMixture
from rme_tf.core.keras_compat import layers_of
from rme_tf.networks import lstm_decoder, lstm_encoder, with_normalized_means
from rme_tf.networks.lstm import recurrent_policy
from test_lstm import ROWS, V, build_text_model

POLICIES = ["mixed_float16", "mixed_bfloat16"]
FLOAT16 = {"mixed_float16": tf.float16, "mixed_bfloat16": tf.bfloat16}


@contextlib.contextmanager
def computing_in(policy):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


@pytest.fixture(scope="module", params=POLICIES)
def policy(request):
    with computing_in(request.param):
        yield request.param


@pytest.fixture(scope="module")
def model(policy):
    return build_text_model(2, decoder_options={"skip": True, "word_dropout": 0.2})


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_it_trains_in_16_bits_and_scores_in_32(model, policy):
    before = [variable.numpy() for variable in model.trainable_variables]
    model.compile("adam", RecursiveMixture(warm_start_epochs=0))
    history = model.fit(ROWS, batch_size=3, epochs=2, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert all(variable.dtype == "float32" for variable in model.trainable_variables)
    assert any(np.any(old != new) for old, new in zip(before, model.trainable_variables, strict=True))
    log_probs = model.log_probs(tf.constant(ROWS), seed=(0, 1))
    assert {term.dtype for term in log_probs} == {tf.float32}
    assert model.decoder([tf.zeros([3, 3]), ROWS]).dtype == FLOAT16[policy]


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


# Recurrent layers, whose gradient in bfloat16 was 0 on a GPU.


def policies_of(network):
    """The dtype in which each layer of a network computes; the recurrent ones first."""
    layers = [layer for layer in layers_of(network)[1:] if layer.weights]
    recurrent = [layer for layer in layers if isinstance(layer, keras.layers.LSTM | keras.layers.Bidirectional)]
    cells = [layer for layer in layers if isinstance(layer, keras.layers.LSTMCell)]
    of_them = {id(layer) for layer in [*recurrent, *cells]}
    others = [layer for layer in layers if id(layer) not in of_them]
    return [{layer.compute_dtype for layer in part} for part in (recurrent, cells, others)]


def encoder(output_size, **options):
    return lstm_encoder((None,), output_size, vocabulary_size=V, units=4, embedding_size=3, **options)


def decoder(**options):
    return lstm_decoder(3, (None, 5), vocabulary_size=V, **options)


DECODERS = {
    "as wide as its features": decoder,
    "skip": lambda: decoder(skip=True),
    "projected": lambda: decoder(units=4),
    "language model": lambda: decoder(use_latent=False),
}
NETWORKS = {
    "encoder": lambda: encoder(6),
    "features of two directions": lambda: encoder(None, bidirectional=True),
    **DECODERS,
}
every_network = pytest.mark.parametrize("make", NETWORKS.values(), ids=list(NETWORKS))


def answer(network):
    z = tf.constant([[0.5, -1.0, 2.0]] * 3)
    return network([z, ROWS] if hasattr(network, "step") else ROWS)


@every_network
def test_recurrent_layers_compute_in_32_bits_and_the_others_in_16(policy, make):
    network = make()
    answer(network)  # which builds it
    recurrent, cells, others = policies_of(network)
    assert recurrent == cells == {"float32"}
    assert others == {policy.removeprefix("mixed_")}
    assert {variable.dtype for variable in network.trainable_variables} == {"float32"}


@pytest.mark.parametrize("make", DECODERS.values(), ids=list(DECODERS))
def test_a_step_is_of_the_types_of_the_whole_sequence(policy, make):
    decoder, z = make(), tf.constant([[0.5, -1.0, 2.0]] * 3)
    state = decoder.initial_state(z)
    features, after = decoder.step(tf.ones([3], tf.int32), state, z)
    assert [each.dtype for each in after] == [each.dtype for each in state] == [tf.float32] * 2
    whole = answer(decoder)
    assert features.dtype == whole.dtype == FLOAT16[policy]
    np.testing.assert_allclose(tf.cast(features, tf.float32), tf.cast(whole[:, 0], tf.float32), atol=0.02)


@every_network
def test_a_network_stays_what_it_is_under_another_policy(policy, make):
    network = make()
    before = answer(network)
    for other in {"float32", *POLICIES} - {policy}:
        with computing_in(other):
            again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(network))
            after = answer(again)  # which builds it
            assert (after.dtype, again.dtype_policy.name) == (before.dtype, policy)
            assert policies_of(again) == policies_of(network)
            again.set_weights(network.get_weights())
            np.testing.assert_array_equal(tf.cast(answer(again), tf.float32), tf.cast(before, tf.float32))


@pytest.mark.slow
def test_a_saved_model_answers_under_another_policy_as_before(model, tmp_path):
    model.save(tmp_path / "model.keras")
    log_probs = model.log_probs(tf.constant(ROWS), seed=(0, 1))
    written = model.sample(3, max_length=5)
    with computing_in("float32"):
        loaded = keras.saving.load_model(tmp_path / "model.keras", compile=False)
        for now, then in zip(loaded.log_probs(tf.constant(ROWS), seed=(0, 1)), log_probs, strict=True):
            np.testing.assert_array_equal(now, then)
        np.testing.assert_array_equal(loaded.sample(3, max_length=5), written)


def test_the_policy_of_recurrent_layers():
    assert recurrent_policy("mixed_bfloat16") == recurrent_policy("float16") == "float32"
    for name in ("float32", "float64"):
        assert recurrent_policy(name).name == name


@pytest.mark.parametrize("name", POLICIES)
def test_normalised_means_tell_every_two_tokens_apart(name):
    """16-bit floats do not: 2,049 rounds to 2,048, or in bfloat16 257 to 256."""
    with computing_in(name):
        encoder = with_normalized_means(lstm_encoder((None,), 4, vocabulary_size=3000, units=5, embedding_size=3), 2)
    for first in (256, 2048):
        params = encoder(np.array([[first, 2], [first + 1, 2]], np.int32))
        assert np.abs(np.asarray(params[0], np.float32) - np.asarray(params[1], np.float32)).max() > 1e-4
