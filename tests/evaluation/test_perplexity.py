"""The perplexity of a language model against an LSTM written out in NumPy, token by token."""

import math

import numpy as np
import pytest

import rme_tf
from rme_tf.data import text
from rme_tf.evaluation.units import perplexity
from rme_tf.posteriors import DiagNormal
from test_lstm import D, V, build_text_model

LINES = ["a b c", "b a", "c c a b a", "d"]


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def log_prob_by_hand(model, row):
    """Returns log p(row), the sum over its tokens and EOS, each given those before it; float64."""
    kernel, recurrent, bias = (np.asarray(weight, float) for weight in model.decoder.lstm.get_weights())
    embeddings = np.asarray(model.decoder.embedding.get_weights()[0], float)
    table, offset = np.asarray(model.likelihood.table, float), np.asarray(model.likelihood.bias, float)
    hidden = cell = np.zeros(len(recurrent))
    previous, total = 1, 0.0  # BOS
    for token in row:
        entry, forget, candidate, output = np.split(embeddings[previous] @ kernel + hidden @ recurrent + bias, 4)
        cell = sigmoid(forget) * cell + sigmoid(entry) * np.tanh(candidate)
        hidden = sigmoid(output) * np.tanh(cell)
        logits = table @ hidden + offset
        total += logits[token] - np.log(np.exp(logits).sum())
        previous = token
        if token == 2:  # EOS, which counts; PAD after it does not
            break
    return total


@pytest.fixture(scope="module")
def language_model():
    choices = {"encoder": "constant", "posterior": DiagNormal(D, initial_scale=1.0)}
    return build_text_model(decoder_options={"use_latent": False, "embedding_size": 4}, **choices)


@pytest.mark.slow
def test_the_perplexity_of_a_language_model_is_that_by_hand(language_model):
    tokenizer = text.train_tokenizer(LINES, kind="word", vocabulary_size=8)
    tokens = text.tokenize(LINES, tokenizer)
    dataset, _ = text.evaluation_dataset(tokens, batch_size=3)
    values = rme_tf.bounds(language_model, dataset, num_samples=2, batch_size=3, progress=False)
    rows = tokens.rows(np.arange(len(LINES)))
    total = sum(log_prob_by_hand(language_model, row) for row in rows)
    targets = 3 + 2 + 5 + 1 + len(LINES)  # words, and an EOS each
    assert tokens.num_tokens == tokens.num_words == targets
    expected = math.exp(-total / targets)
    assert perplexity(values.log_likelihood, tokens.num_tokens) == pytest.approx(expected, rel=1e-4)
    assert perplexity(values.elbo, tokens.num_tokens) == pytest.approx(expected, rel=1e-4)  # exact: z says nothing
    assert tokenizer.vocabulary_size <= V


@pytest.mark.slow
def test_the_bounds_of_a_data_set_are_those_of_its_rows_in_its_order(language_model):
    tokens = text.tokenize(LINES, text.train_tokenizer(LINES, kind="word", vocabulary_size=8))
    dataset, order = text.evaluation_dataset(tokens, batch_size=2)
    values = rme_tf.bounds(language_model, dataset, num_samples=1, batch_size=2, progress=False).log_likelihood
    by_hand = [log_prob_by_hand(language_model, row) for row in tokens.rows(np.arange(len(LINES)))]
    np.testing.assert_allclose(values[np.argsort(order)], by_hand, rtol=1e-4)


def test_a_uniform_model_has_the_perplexity_of_its_choices():
    assert perplexity(np.log([0.25**3, 0.25**2]), 5) == pytest.approx(4.0)
