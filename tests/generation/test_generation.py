import itertools

import numpy as np
import pytest
import tensorflow as tf

from rme_tf.core.types import UNK
from rme_tf.generation.sequences import Generation, filtered_logits, generate
from test_lstm import D, V, build_text_model


@pytest.fixture(scope="module")
def model():
    built = build_text_model(decoder_options={"skip": True})
    for variable in built.trainable_variables:  # sharper than at the start, and far from uniform
        variable.assign(tf.random.stateless_normal(variable.shape, seed=(3, len(variable.shape))))
    return built


def codes(number=4):
    return tf.random.stateless_normal([number, D], seed=(4, 4))


def log_prob(model, z, rows):
    """The model's log-likelihood of token rows, without PAD and BOS among the choices of a next token."""
    params = model.likelihood_params(z, tf.constant(rows))
    logits = np.array(model.likelihood.logits(params), float)
    logits[..., :2] = -np.inf
    log_probs = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    chosen = np.take_along_axis(log_probs, np.asarray(rows)[..., None], axis=-1)[..., 0]
    return np.where(np.asarray(rows) == 0, 0.0, chosen).sum(axis=-1)


def check_rows(tokens, max_length):
    """Ends with EOS, then PAD alone; neither PAD nor BOS before."""
    assert tokens.shape[1] == max_length
    for row in np.asarray(tokens):
        end = list(row).index(2)
        assert (row[:end] > 2).all()
        assert (row[end + 1 :] == 0).all()


@pytest.mark.parametrize("strategy", ["greedy", "sample", "beam"])
def test_sequences_end_once(model, strategy):
    tokens = generate(model, codes(6), strategy=strategy, max_length=5, seed=(1, 2))
    assert tokens.dtype == tf.int32
    check_rows(tokens, 5)
    compiled = tf.function(lambda z: generate(model, z, strategy=strategy, max_length=5, seed=(1, 2)))
    np.testing.assert_array_equal(compiled(codes(6)), tokens)


@pytest.mark.parametrize("strategy", ["greedy", "sample", "beam"])
def test_generation_is_compiled(model, strategy, monkeypatch):
    steps, step = [], type(model.decoder).step
    monkeypatch.setattr(
        type(model.decoder), "step", lambda self, *given: (steps.append(tf.executing_eagerly()), step(self, *given))[1]
    )
    choices = {"strategy": strategy, "max_length": 7}
    first, second = (np.asarray(generate(model, codes(6), **choices)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert steps == [False]  # once, while it was traced


def test_greedy_takes_the_likeliest_token_each_time(model):
    tokens = np.asarray(generate(model, codes(), max_length=6))
    for row, z in zip(tokens, codes(), strict=True):
        prefix = []
        while 2 not in prefix and len(prefix) < 5:
            observed = tf.constant([[*prefix, 3]], tf.int32)
            logits = np.array(model.likelihood.logits(model.likelihood_params(z[None], observed)))[0, -1]
            logits[:2] = -np.inf
            prefix.append(int(logits.argmax()))
        prefix += [2] if 2 not in prefix else []
        np.testing.assert_array_equal(row, prefix + [0] * (6 - len(prefix)))


def test_a_wide_beam_finds_the_best_of_all_sequences(model):
    length = 3
    words = range(3, V)
    sequences = [(2, 0, 0)] + [(a, 2, 0) for a in words] + [(a, b, 2) for a, b in itertools.product(words, words)]
    rows = np.array(sequences, np.int32)
    found = np.asarray(generate(model, codes(), strategy="beam", num_beams=V * V, max_length=length))
    greedy = np.asarray(generate(model, codes(), max_length=length))
    gains = []
    for n, z in enumerate(codes()):
        scores = log_prob(model, tf.repeat(z[None], len(rows), axis=0), rows)
        # At the last place only EOS may stand, at no cost to the order: all rows of full length share it.
        np.testing.assert_array_equal(found[n], rows[scores.argmax()])
        gains.append(scores.max() - log_prob(model, z[None], greedy[n : n + 1])[0])
    assert min(gains) >= -1e-5


def test_one_beam_is_greedy(model):
    beam = generate(model, codes(), strategy="beam", num_beams=1, max_length=6)
    np.testing.assert_array_equal(beam, generate(model, codes(), max_length=6))


def test_the_probability_of_the_unknown_token_goes_to_the_others(model):
    """The likeliest token is chosen, the best beam found, and samples drawn among the others."""
    bias = model.likelihood.bias
    before = np.asarray(bias.value)
    bias.assign(before + 40.0 * np.eye(V)[UNK])
    choices = [{"strategy": "greedy"}, {"strategy": "beam", "num_beams": 3}, {"strategy": "sample"}]
    allowed = [np.asarray(generate(model, codes(), max_length=6, **each)) for each in choices]
    others = [np.asarray(generate(model, codes(), max_length=6, unknown=False, **each)) for each in choices]
    bias.assign(before - 40.0 * np.eye(V)[UNK])  # a model that never generates it
    expected = [np.asarray(generate(model, codes(), max_length=6, **each)) for each in choices]
    bias.assign(before)
    assert all(np.mean(tokens == UNK) > 0.5 for tokens in allowed)
    for tokens, never in zip(others, expected, strict=True):
        np.testing.assert_array_equal(tokens, never)


def test_the_length_penalty_favours_longer_sequences(model):
    bias = model.likelihood.bias
    before = np.asarray(bias.value)
    bias.assign(before + 6.0 * np.eye(V)[2])  # EOS, which is rare otherwise

    def length(penalty):
        return np.count_nonzero(generate(model, codes(20), strategy="beam", max_length=8, length_penalty=penalty))

    lengths = [length(0.0), length(3.0)]
    bias.assign(before)
    assert lengths[1] > lengths[0]


def test_sampling_follows_the_model(model):
    """The share of each first token among many draws is its probability."""
    draws = 4000
    z = tf.repeat(codes(1), draws, axis=0)
    first = np.asarray(generate(model, z, strategy="sample", max_length=2, seed=(5, 6)))[:, 0]
    logits = np.array(model.likelihood.logits(model.likelihood_params(codes(1), tf.constant([[3]]))))[0, 0]
    logits[:2] = -np.inf
    expected = np.exp(logits) / np.exp(logits).sum()
    shares = np.bincount(first, minlength=V) / draws
    np.testing.assert_allclose(shares, expected, atol=5 * 0.5 / np.sqrt(draws))  # five standard errors


def test_one_choice_leaves_no_chance(model):
    greedy = generate(model, codes(), max_length=6)
    for choices in ({"top_k": 1}, {"top_p": 1e-6}, {"temperature": 1e-4}):
        sampled = generate(model, codes(), strategy="sample", max_length=6, **choices)
        np.testing.assert_array_equal(sampled, greedy)


def test_seeds_reproduce_samples(model):
    first, second, other = (
        np.asarray(generate(model, codes(9), strategy="sample", max_length=6, seed=seed))
        for seed in [(0, 1), (0, 1), (0, 2)]
    )
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()


def test_filters_leave_out_what_they_should():
    probabilities = np.array([0.5, 0.3, 0.15, 0.05])
    logits = tf.constant(np.log(probabilities), tf.float32)

    def kept(**choices):
        return [int(i) for i in np.flatnonzero(np.asarray(filtered_logits(logits, **choices)) > -1e8)]

    assert kept() == [0, 1, 2, 3]
    assert kept(top_k=2) == [0, 1]
    assert kept(top_k=9) == [0, 1, 2, 3]
    assert kept(top_p=0.45) == [0]
    assert kept(top_p=0.7) == [0, 1]  # the least set of at least 0.7
    assert kept(top_p=0.9) == [0, 1, 2]
    np.testing.assert_allclose(filtered_logits(logits, temperature=2.0), logits / 2.0)


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"strategy": "best"}, "Unknown strategy of generation"),
        ({"max_length": 0}, "`max_length`"),
        ({"num_beams": 0}, "`num_beams`"),
        ({"unknown": "no"}, "`unknown`"),
        ({"top_k": 0}, "`top_k`"),
        ({"temperature": 0.0}, "`temperature`"),
        ({"top_p": 0.0}, "`top_p`"),
        ({"top_p": 1.5}, "`top_p`"),
    ],
)
def test_options_out_of_range_raise(choices, message):
    with pytest.raises(ValueError, match=message):
        Generation(**choices)


def test_what_is_no_option_is_refused_with_those_there_are(model):
    with pytest.raises(ValueError, match="Unknown options of generation. .*'strategy', .*Received: .'top_q'.*'top_"):
        model.sample(2, top_q=0.9)
    options = Generation(max_length=4, strategy="sample")
    rows = generate(model, codes(), options=options, seed=(1, 2))
    np.testing.assert_array_equal(rows, generate(model, codes(), strategy="sample", max_length=4, seed=(1, 2)))
    assert generate(model, codes(), options=options, max_length=3).shape == (4, 3)  # which wins


@pytest.mark.parametrize("shape", [(4, D + 1), (D,), (2, 4, D), ()], ids=str)
def test_what_is_no_code_is_refused(model, shape):
    with pytest.raises(ValueError, match=rf"`z` must be latent codes of shape \[N, {D}\]. Received: ") as caught:
        generate(model, tf.zeros(shape))
    assert str(shape) in str(caught.value)


def test_an_image_decoder_does_not_go_token_by_token(tiny_model):
    with pytest.raises(ValueError, match="token by token"):
        generate(tiny_model(), tf.zeros([1, 2]))


def test_the_model_renders_reconstructs_and_samples_sequences(model):
    np.testing.assert_array_equal(model.render(codes(), max_length=6), generate(model, codes(), max_length=6))
    x = tf.constant([[4, 5, 2, 0]], tf.int32)
    check_rows(model.reconstruct(x, max_length=6), 6)
    check_rows(model.sample(3, max_length=6), 6)
