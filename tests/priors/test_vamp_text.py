"""A prior made of the posterior of sentences: its pseudo-inputs are embeddings."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from rme_tf import RecursiveMixture
from rme_tf.models.pseudo_inputs import read_embeddings
from rme_tf.networks import LSTMEncoder, lstm_encoder, with_normalized_means
from test_lstm import ROWS, D, V, build_text_model

MODELS = {
    "single": {},
    "shared": {"num_components": 3, "mixing": "learned", "trunk": "shared"},
    "normalized": {"encoder_options": {"mean_scale": 0.5}},
    "bidirectional": {"encoder_options": {"bidirectional": True, "dropout": 0.3}},
}
SEED = (1, 2)


def build(length=6, num_pseudo_inputs=3, **choices):
    return build_text_model(
        prior="vamp", prior_options={"num_components": num_pseudo_inputs, "length": length}, **choices
    )


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("options", [{}, {"bidirectional": True}], ids=str)
def test_an_encoder_makes_of_embeddings_what_it_makes_of_their_tokens(options, wrapped):
    encoder = lstm_encoder((None,), 2 * D, vocabulary_size=V, units=4, embedding_size=3, **options)
    network = with_normalized_means(encoder, D) if wrapped else encoder
    expected = network(ROWS)
    lengths = np.sum(ROWS > 0, axis=-1).astype("float32")
    result = read_embeddings(network, encoder.embed(ROWS), lengths)
    np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-6)  # float32
    longer = read_embeddings(network, encoder.embed(ROWS), np.full(3, 6, "float32"))
    assert np.abs(longer - expected).max() > 1e-3  # padding counts for nothing because it is masked


def test_an_encoder_survives_its_configuration(tmp_path):
    encoder = LSTMEncoder((None,), 4, vocabulary_size=V, units=3, embedding_size=2, bidirectional=True, name="mine")
    encoder.save(tmp_path / "encoder.keras")
    loaded = keras.saving.load_model(tmp_path / "encoder.keras")
    assert (loaded.name, loaded.config) == ("mine", encoder.config)
    assert len(loaded.weights) == len(encoder.weights)
    np.testing.assert_array_equal(loaded(ROWS), encoder(ROWS))


def test_an_encoder_keeps_its_precision(tmp_path):
    encoder = LSTMEncoder((None,), 4, vocabulary_size=V, units=3, embedding_size=2, dtype="mixed_bfloat16")
    assert encoder(ROWS).dtype == tf.bfloat16
    encoder.save(tmp_path / "encoder.keras")
    np.testing.assert_array_equal(keras.saving.load_model(tmp_path / "encoder.keras")(ROWS), encoder(ROWS))


@pytest.mark.slow
@pytest.mark.parametrize("choice", sorted(MODELS))
def test_from_observations_it_is_the_aggregate_posterior_of_these(choice):
    model = build(**MODELS[choice])
    model.prior.initialize(ROWS)
    z = tf.random.stateless_normal([5, D], SEED)
    table = np.stack([model.posterior(ROWS).log_prob(tf.tile(row[None], [3, 1])) for row in z])
    expected = np.logaddexp.reduce(table, axis=-1) - np.log(3)
    np.testing.assert_allclose(model.prior.distribution().log_prob(z), expected, rtol=1e-5, atol=1e-5)  # float32


@pytest.mark.slow
def test_sentences_that_are_too_long_are_cut_and_short_ones_padded():
    model, cut = build(length=9), ROWS[:, :2].copy()
    model.prior.initialize(ROWS)
    short = build(length=2)
    short.prior.initialize(ROWS)
    z = tf.random.stateless_normal([5, D], SEED)
    tables = [
        np.stack([model.posterior(rows).log_prob(tf.tile(row[None], [3, 1])) for row in z]) for rows in (ROWS, cut)
    ]
    for one, table in zip((model, short), tables, strict=True):
        expected = np.logaddexp.reduce(table, axis=-1) - np.log(3)
        np.testing.assert_allclose(one.prior.distribution().log_prob(z), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("options", [{"num_components": 2}, {"num_components": 2, "trunk": "shared"}], ids=str)
def test_training_moves_it_and_disk_keeps_it(options, tmp_path):
    model = build(**options, mixing="learned")
    model.prior.initialize(ROWS)
    model.compile("sgd", RecursiveMixture(warm_start_epochs=1), run_eagerly=True)
    before = model.prior.pseudo_inputs().numpy()
    assert np.isfinite(model.fit(ROWS, epochs=2, verbose=0).history["loss"]).all()
    assert np.abs(model.prior.pseudo_inputs() - before).max() > 1e-4
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    z = tf.random.stateless_normal([5, D], SEED)
    np.testing.assert_array_equal(loaded.prior.distribution().log_prob(z), model.prior.distribution().log_prob(z))
    np.testing.assert_array_equal(loaded.prior.lengths, model.prior.lengths)


@pytest.mark.parametrize(
    ("encoders", "message"),
    [
        ([lambda: keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(2 * D)])], "with `embed`, `read` and"),
        (
            [
                lambda size=size: lstm_encoder((None,), 2 * D, vocabulary_size=V, units=3, embedding_size=size)
                for size in (3, 4)
            ],
            r"embeddings of one size. Received: \[3, 4\]",
        ),
    ],
)
def test_encoders_that_cannot_read_pseudo_inputs_are_refused(encoders, message):
    import rme_tf

    choices = {"likelihood": "categorical_sequence", "input_shape": (4,), "latent_dim": D}
    with pytest.raises(ValueError, match=message):
        rme_tf.VAE.from_names(
            encoder=[make() for make in encoders],
            decoder="lstm",
            prior="vamp",
            likelihood_options={"vocabulary_size": V, "features": 6},
            **choices,
        )
