"""The benchmark compares like with like."""

import dataclasses
import sys

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from rme_tf.benchmark import text
from rme_tf.benchmark.plain_keras import PlainLSTMVAE

TINY = text.Options(
    models=("VAE", "RME(3)"),
    vocabulary_size=12,
    units=5,
    embedding_size=4,
    latent_dim=3,
    batch_size=4,
    max_length=6,
    steps=2,
    rounds=2,
)
ROWS = np.array([[4, 5, 6, 2, 0, 0], [7, 2, 0, 0, 0, 0], [8, 9, 10, 4, 5, 2]], np.int32)


def with_the_weights_of(model):
    """The plain model with the weights of one of this library."""
    plain = PlainLSTMVAE(vocabulary_size=12, latent_dim=3, units=5, embedding_size=4)
    plain(ROWS)
    encoder, decoder, likelihood = model.encoders[0], model.decoder, model.likelihood
    plain.read.set_weights(encoder.get_weights()[:1])
    plain.encoder.set_weights(encoder.get_weights()[1:4])
    plain.moments.set_weights(encoder.get_weights()[4:])
    plain.embedding.set_weights(decoder.embedding.get_weights())
    plain.state.set_weights(decoder.state.get_weights())
    plain.decoder.set_weights(decoder.lstm.get_weights())
    plain.logits.set_weights([likelihood.table.numpy().T, likelihood.bias.numpy()])
    return plain


@pytest.mark.slow
def test_plain_keras_computes_the_same_model():
    model = text.build("VAE", TINY)
    for variable in model.trainable_variables:  # biases start at zero
        variable.assign(tf.random.stateless_normal(variable.shape, seed=(0, len(variable.path))) * 0.4)
    plain = with_the_weights_of(model)
    inferred = model(ROWS)
    mean, scale = plain.encode(ROWS)
    np.testing.assert_allclose(mean, inferred["means"][:, 0], rtol=1e-5, atol=1e-6)
    raw = tf.split(model.encode(tf.constant(ROWS)).params[:, 0], 2, axis=-1)[1]
    np.testing.assert_allclose(scale, tf.math.softplus(raw), rtol=1e-5)  # but for this library's initial scale
    z = tf.random.stateless_normal([3, 3], seed=(1, 2))
    log_lik, kl = plain.terms(ROWS, z, mean, scale)
    expected, _ = model.log_joint(ROWS, z[tf.newaxis, :, tf.newaxis])
    np.testing.assert_allclose(log_lik, expected[0, :, 0], rtol=1e-5)
    q, p = tfp.distributions.Normal(mean, scale), tfp.distributions.Normal(0.0, 1.0)
    np.testing.assert_allclose(kl, tf.reduce_sum(tfp.distributions.kl_divergence(q, p), axis=-1), rtol=1e-5)


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_it_times_every_model_in_every_round_and_the_pipeline():
    rates = text.timings(TINY)
    assert list(rates) == ["plain Keras", "VAE", "RME(3)", "input pipeline alone"]
    assert all(values.shape == (2,) and (values > 0).all() for values in rates.values())
    table = text.rows(rates, {"VAE": 3.0})
    assert table[0]["times plain Keras' time"] == 1.0
    assert [row["MiB of a step"] for row in table] == [None, 3.0, None, None]


def test_ratios_are_medians_of_rounds():
    rates = {"plain Keras": np.array([10.0, 20.0, 40.0]), "VAE": np.array([5.0, 20.0, 10.0])}
    assert text.rows(rates, {})[1]["times plain Keras' time"] == 2.0


@pytest.mark.parametrize("count", [1, 7])
def test_the_sentences_are_whole(count):
    tokens = text.sentences(TINY, count)
    rows = tokens.rows(np.arange(count))
    assert len(tokens) == count
    assert tokens.lengths.max() <= 6
    for row, length in zip(rows, tokens.lengths, strict=True):
        assert row[length - 1] == text.EOS
        assert (row[: length - 1] > text.UNK).all()


def memories(sizes):
    """The memory of a step for vocabularies of these sizes, measured in this process and in this order."""
    options = dataclasses.replace(TINY, memory_batch_size=800, memory_length=4)
    return [text._training_memory("VAE", dataclasses.replace(options, memory_vocabulary_size=size)) for size in sizes]


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux alone tells")
def test_a_step_s_memory_grows_with_its_logits():
    few, many = text.in_new_process(memories, (20, 5000))  # one for both: its start takes longest
    logits = 800 * 4 * 5000 * 4 / 2**20  # MiB
    assert many - few > 0.5 * logits
