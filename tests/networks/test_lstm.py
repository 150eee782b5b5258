"""LSTM networks alone, and the VAE of sequences that they make."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import rme_tf
from rme_tf.core.keras_compat import layers_of
from rme_tf.likelihoods import CategoricalSequence
from rme_tf.networks import LSTMDecoder, constant_encoder, lstm_encoder
from rme_tf.posteriors import DiagNormal

V, D = 11, 3
ROWS = np.array([[4, 5, 6, 2, 0, 0], [7, 2, 0, 0, 0, 0], [8, 9, 10, 4, 5, 2]], np.int32)
OPTIONS = [{}, {"skip": True}, {"units": 5, "embedding_size": 3}, {"use_latent": False}, {"word_dropout": 0.5}]

every_option = pytest.mark.parametrize("options", OPTIONS, ids=str)


def build_text_model(
    num_components=1, *, vocabulary_size=V, tied=False, encoder_options=None, decoder_options=None, **choices
):
    keras.utils.set_random_seed(0)
    return rme_tf.VAE.from_names(
        **{"encoder": "lstm", **choices},
        decoder="lstm",
        likelihood="categorical_sequence",
        input_shape=(None,),
        latent_dim=D,
        num_components=num_components,
        likelihood_options={"vocabulary_size": vocabulary_size, "features": 6, "tied": tied},
        encoder_options={"units": 4, "embedding_size": 3, **(encoder_options or {})},
        decoder_options=decoder_options or {},
        seed=0,
    )


def log_lik(model, x, **choices):
    return np.asarray(model.log_probs(tf.constant(x), num_samples=2, seed=(0, 1), **choices).log_lik)


# Networks.


@pytest.mark.parametrize("bidirectional", [False, True])
def test_an_encoder_does_not_see_padding(bidirectional):
    encoder = lstm_encoder((None,), 4, vocabulary_size=V, units=5, embedding_size=3, bidirectional=bidirectional)
    outputs = encoder(ROWS)
    assert outputs.shape == (3, 4)
    np.testing.assert_allclose(encoder(np.pad(ROWS, [[0, 0], [0, 3]])), outputs, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(encoder(ROWS[1:2, :2]), outputs[1:2], rtol=1e-5, atol=1e-6)
    assert np.abs(encoder(ROWS[:, :1]) - outputs).max() > 1e-3  # but it sees every token


@every_option
def test_a_decoder_sees_only_what_came_before(options):
    decoder = LSTMDecoder(D, 6, V, **options)
    z = tf.random.stateless_normal([3, D], seed=(0, 1))
    outputs = np.asarray(decoder([z, ROWS]))
    assert outputs.shape == (3, 6, 6)
    for t in range(ROWS.shape[1]):
        changed = ROWS.copy()
        changed[:, t] = 3
        difference = np.abs(np.asarray(decoder([z, changed])) - outputs).max(axis=(0, 2))
        assert (difference[: t + 1] == 0).all()
        if t + 1 < ROWS.shape[1]:
            assert difference[t + 1] > 0


@every_option
def test_steps_equal_the_whole(options):
    decoder = LSTMDecoder(D, 6, V, **options)
    z = tf.random.stateless_normal([3, D], seed=(0, 1))
    whole = decoder([z, ROWS])
    state, previous = decoder.initial_state(z), np.full([3], 1, np.int32)  # BOS
    for t in range(ROWS.shape[1]):
        features, state = decoder.step(tf.constant(previous), state, z)
        np.testing.assert_allclose(features, whole[:, t], rtol=1e-5, atol=1e-6)
        previous = ROWS[:, t]


@every_option
def test_a_decoder_depends_on_z_unless_told_not_to(options):
    decoder = LSTMDecoder(D, 6, V, **options)
    difference = np.abs(decoder([tf.zeros([3, D]), ROWS]) - decoder([tf.ones([3, D]), ROWS])).max()
    assert (difference > 0) == options.get("use_latent", True)


def test_word_dropout_hides_words_in_training_alone():
    decoder = LSTMDecoder(D, 6, V, word_dropout=0.999)
    z = tf.zeros([3, D])
    unknown = np.where(ROWS > 0, 3, 0)  # every word UNK
    np.testing.assert_allclose(decoder([z, ROWS], training=True)[2], decoder([z, unknown])[2], rtol=1e-5)
    assert np.abs(decoder([z, ROWS]) - decoder([z, unknown])).max() > 0


@pytest.mark.parametrize("name", ["word_dropout", "input_dropout", "output_dropout"])
@pytest.mark.parametrize("rate", [-0.1, 1.0, float("nan")])
def test_rates_out_of_range_raise(name, rate):
    with pytest.raises(ValueError, match=rf"`{name}` must be a number in \[0, 1\)"):
        LSTMDecoder(D, 6, V, **{name: rate})


def test_the_constant_encoder_says_zero():
    np.testing.assert_array_equal(constant_encoder((None,), 4)(ROWS), np.zeros((3, 4)))


@pytest.mark.slow
@pytest.mark.parametrize("use_cudnn", [False, "auto"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_every_lstm_is_cudnn_s_or_not_as_it_was_told_and_stays_so(bidirectional, use_cudnn):
    options = {"use_cudnn": use_cudnn}
    model = build_text_model(2, encoder_options={**options, "bidirectional": bidirectional}, decoder_options=options)
    for built in (model, rme_tf.VAE.from_config(model.get_config())):
        flags = [layer.use_cudnn for layer in layers_of(built) if hasattr(layer, "use_cudnn")]
        assert flags == [use_cudnn] * (5 if bidirectional else 3)


@pytest.mark.parametrize("encoder", ["lstm", "constant"])
def test_a_misspelt_option_is_refused_with_those_there_are(encoder):
    for options in ({"bidirectionl": True}, [{"bidirectionl": True}]):
        with pytest.raises(
            ValueError, match=rf"encoder '{encoder}'. Expected some of: 'bidirectional', 'dropout', .*'units'"
        ):
            rme_tf.VAE.from_names(
                encoder=encoder,
                decoder="lstm",
                likelihood="categorical_sequence",
                input_shape=(None,),
                latent_dim=D,
                likelihood_options={"vocabulary_size": V, "features": 6},
                encoder_options=options,
            )
    with pytest.raises(ValueError, match="decoder 'lstm'.*'word_dropout'. Received: .'word_drop'"):
        build_text_model(decoder_options={"word_drop": 0.1})
    with pytest.raises(TypeError, match="bidirectionl"):
        lstm_encoder((None,), 4, vocabulary_size=V, bidirectionl=True)
    with pytest.raises(ValueError, match="'bidirectional'.* Received: .'bidirectionl'"):
        constant_encoder((None,), 4, vocabulary_size=V, bidirectionl=True)


# The model.


@pytest.mark.slow
@pytest.mark.parametrize("mixing", ["uniform", "learned"])
def test_the_log_likelihood_does_not_change_with_padding(mixing):
    model = build_text_model(2, mixing=mixing)
    padded = np.pad(ROWS, [[0, 0], [0, 5]])
    np.testing.assert_allclose(log_lik(model, padded), log_lik(model, ROWS), rtol=1e-5)
    np.testing.assert_allclose(model(padded)["weights"], model(ROWS)["weights"], rtol=1e-5)


def test_the_likelihood_of_all_short_sequences_sums_to_one():
    """Over the first two tokens: every first token, then every second unless the first was EOS."""
    model = build_text_model()
    z = tf.random.stateless_normal([1, D], seed=(0, 1))
    pairs = np.array([[a, b] for a in range(1, V) for b in range(1, V)], np.int32)
    params = model.likelihood_params(tf.repeat(z, len(pairs), axis=0), pairs)
    table, bias = np.asarray(model.likelihood.table), np.asarray(model.likelihood.bias)
    pad_share = tf.nn.softmax(np.asarray(params) @ table.T + bias)[:, :, 0].numpy()  # PAD's own, never used
    total = np.exp(np.asarray(model.likelihood.log_prob(params, pairs), float)).sum()
    first = 1.0 - pad_share[0, 0]
    token = np.exp(np.asarray(model.likelihood.token_log_probs(params, pairs), float))
    kept = sum(token[i, 0] * (1.0 - pad_share[i, 1]) for i in range(0, len(pairs), V - 1))
    assert total == pytest.approx(kept, abs=1e-5)
    assert token[:: V - 1, 0].sum() == pytest.approx(first, abs=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(("update", "warm_start_epochs"), [("joint", 1), ("sequential", 0)])
def test_a_mixture_of_sequences_trains_saves_and_loads(update, warm_start_epochs, tmp_path):
    model = build_text_model(2, decoder_options={"word_dropout": 0.2, "output_dropout": 0.1})
    algorithm = rme_tf.RecursiveMixture(warm_start_epochs=warm_start_epochs, update=update)
    model.compile(keras.optimizers.SGD(0.5), algorithm)
    x = np.repeat(ROWS, 20, axis=0)
    history = model.fit(x, epochs=12, batch_size=20, verbose=0).history
    assert history["elbo"][-1] > history["elbo"][0] + 2.0
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(log_lik(loaded, ROWS), log_lik(model, ROWS), rtol=1e-6)
    result = rme_tf.bounds(model, ROWS, num_samples=30, progress=False)
    assert (result.log_likelihood > result.elbo - 0.5).all()


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_tied_embeddings_train_once_and_survive_saving(tmp_path):
    model = build_text_model(tied=True, encoder="constant")
    assert len({id(variable) for variable in model.trainable_variables}) == len(model.trainable_variables)
    assert build_text_model(encoder="constant").count_params() - model.count_params() == V * 6
    model.compile(keras.optimizers.Adam(0.05), "elbo")
    model.fit(ROWS, epochs=2, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(log_lik(loaded, ROWS), log_lik(model, ROWS), rtol=1e-6)
    loaded.decoder.embedding.embeddings.assign(tf.zeros([V, 6]))
    assert float(tf.reduce_max(tf.abs(loaded.likelihood.logits(tf.ones([1, 6])) - loaded.likelihood.bias))) == 0.0


@pytest.mark.slow
def test_a_language_model_is_a_vae_that_ignores_its_code():
    prior = DiagNormal(D, initial_scale=1.0)  # what zeros mean
    model = build_text_model(encoder="constant", posterior=prior, decoder_options={"use_latent": False})
    model.compile(keras.optimizers.Adam(0.05), "elbo")
    history = model.fit(np.repeat(ROWS, 20, axis=0), epochs=15, batch_size=20, verbose=0).history
    assert abs(history["kl"][-1]) < 1e-4
    assert history["elbo"][-1] > -1.1 - np.log(3)  # three sentences alike: log 3 is the best
    result = rme_tf.bounds(model, ROWS, num_samples=4, progress=False)
    np.testing.assert_allclose(result.log_likelihood, result.elbo, atol=1e-3)


def test_padding_between_words_is_refused_by_fit():
    model = build_text_model()
    model.compile("sgd", "elbo")
    with pytest.raises(ValueError, match="rows of token ids"):
        model.fit(np.array([[4, 0, 5, 2]], np.int32), verbose=0)


def test_a_decoder_of_other_features_is_refused():
    with pytest.raises(ValueError, match=r"decoder must turn .* into outputs of shape \(None, 6\)"):
        rme_tf.VAE(
            [lstm_encoder((None,), 2 * D, vocabulary_size=V, units=3, embedding_size=3)],
            LSTMDecoder(D, 7, V),
            posterior=build_text_model().posterior_family,
            likelihood=CategoricalSequence(vocabulary_size=V, features=6),
        )
