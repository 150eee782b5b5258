"""A VAE of sentences, served on strings; and on token ids, with sentencepiece alone."""

import sys
import textwrap

import numpy as np
import pytest
import tensorflow as tf

import rme_tf
from conftest import build_tiny_model
from processes import in_each, with_tensorflow_alone
from rme_tf.data import text
from rme_tf.serving import strings as serving_text
from suited_lines import suited
from test_lstm import build_text_model
from test_text_tokenizer import foreign, trained

LENGTH = 8  # max_length
IDS = {"pad_id": 0, "bos_id": 1, "eos_id": 2, "unk_id": 3}
ODD = [
    "",
    " \t ",
    "the cat",
    "The CAT sat,on the mat!!",
    "zebras eat lions , zebras",
    "Don't stop - well-kept dogs' mats; o\u2019clock 'quoted' a--b a-'b",
    "\u0939\u093f\u0928\u094d\u0926\u0940 \u092d\u093e\u0937\u093e\u0964",
    "\u4e2d\u6587\u3002\u65e5\u672c \u0440\u0443\u0441 \u05d0\u05d1",
    "\uff34\uff48\uff45\u3000\uff43\uff41\uff54\uff01 \ufb01ne e\u0301 \u00e9 \u2460 \u1e9e \u0130",
    "the\u00a0cat\u2003sat\u2028on\u0085a\u001cmat\u200bthe\u200dcat\ufeff",
    "<s> the </s> <unk> <pad> \u2581the\u2581 cat \u2581\u2581",
    "\U0001f600\U0001f600 the\U0001f600cat \u2603\u2603 \u2603",
    "line\nbreak\r\nthe\x00cat \x0b\x0c mat",
    "a very long line of the cat and the dog " * 20,
]


@pytest.fixture(scope="module")
def _tensorflow_text():
    pytest.importorskip("tensorflow_text")


strings = pytest.mark.usefixtures("_tensorflow_text")


# The tokenizer in graph code.


def in_graph(tokenizer, **options):
    return serving_text.GraphTokenizer(tokenizer, **{"max_length": 1000, **options})


@pytest.fixture(scope="module")
def docs():
    return text.load_docs()


@strings
@pytest.mark.parametrize("lowercase", [False, True], ids=["cased", "lowercase"])
@pytest.mark.parametrize("kind", sorted(text.TOKENIZERS))
def test_the_graph_makes_the_ids_and_the_text_of_the_tokenizer(kind, lowercase, docs):
    size = 30 if kind == "char" else 600
    options = {"vocabulary_size": size, "lowercase": lowercase, "coverage": 0.99}
    tokenizer = text.train_tokenizer(suited(kind, docs.train), kind=kind, **options)
    questions = ODD + suited(kind, list(docs.validation)[:300])
    graph = in_graph(tokenizer)
    expected = tokenizer.encode(questions)
    rows = graph.encode(tf.constant(questions))
    for line, row, answer in zip(questions, expected, rows, strict=True):
        np.testing.assert_array_equal(answer, row, err_msg=repr(line))
    assert [line.decode() for line in graph.detokenize(rows.to_tensor()).numpy()] == tokenizer.decode(expected)


@strings
@pytest.mark.parametrize("model_type", ["unigram", "bpe", "word"])
def test_a_model_with_other_ids_is_met_with_ours(model_type):
    tokenizer = text.Tokenizer(foreign(vocab_size=15 if model_type == "word" else 35, model_type=model_type))
    graph, expected = in_graph(tokenizer), tokenizer.encode(ODD)
    rows = graph.encode(tf.constant(ODD))
    for row, answer in zip(expected, rows, strict=True):
        np.testing.assert_array_equal(answer, row)
    assert [line.decode() for line in graph.detokenize(rows.to_tensor()).numpy()] == tokenizer.decode(expected)


@strings
def test_unknown_words_in_a_row_are_as_many_unks():
    graph = in_graph(trained("word", ["a a a b b c d"], vocabulary_size=6))
    assert graph.tokenize(tf.constant(["c d a c", "b"])).numpy().tolist() == [[3, 3, 4, 3, 2], [5, 2, 0, 0, 0]]
    assert graph.detokenize(tf.constant([[3, 3, 4, 3, 2]])).numpy().tolist() == [b"<unk> <unk> a <unk>"]


@strings
def test_a_model_of_words_with_punctuation_in_them_is_met_as_it_was_trained():
    tokenizer = text.Tokenizer(foreign(vocab_size=15, model_type="word", **IDS))
    lines = ["the mat. zzz zzz", *ODD]
    for row, answer in zip(tokenizer.encode(lines), in_graph(tokenizer).encode(tf.constant(lines)), strict=True):
        np.testing.assert_array_equal(answer, row)


@strings
def test_words_that_fall_back_to_bytes_are_refused():
    tokenizer = text.Tokenizer(foreign(vocab_size=276, model_type="word", byte_fallback=True, **IDS))
    with pytest.raises(ValueError, match="falls back to bytes"):
        in_graph(tokenizer)


@strings
@pytest.mark.parametrize("kind", ["bpe", "word"])
def test_rows_are_those_of_a_tokenized_split(kind):
    tokenizer = trained(kind)
    lines = [line for line in ODD if line.strip() and "\0" not in line]  # which `Lines` leave out
    tokens = text.tokenize(lines, tokenizer, max_length=LENGTH)
    rows = in_graph(tokenizer, max_length=LENGTH).tokenize(tf.constant(lines))
    assert rows.dtype == tf.int32
    np.testing.assert_array_equal(rows, tokens.rows(np.arange(len(lines))))
    fixed = in_graph(tokenizer, max_length=LENGTH, row_length=5).tokenize(tf.constant(["", *lines])).numpy()
    assert fixed.shape == (len(lines) + 1, 5)
    assert fixed[0].tolist() == [text.EOS, 0, 0, 0, 0]
    assert fixed[-1, -1] == text.EOS
    assert in_graph(tokenizer).tokenize(tf.constant([], tf.string)).shape == (0, 1)


@strings
def test_text_ends_at_eos_and_leaves_out_what_is_no_text():
    tokenizer = trained()
    (row,) = tokenizer.encode(["the cat"])
    rows = np.array([[1, *row, 2, *row, 2], [2, *row, *row, 0, 0], [*row, 0, 0, *row, 2]], np.int32)
    assert [line.decode() for line in in_graph(tokenizer).detokenize(rows).numpy()] == tokenizer.decode(rows)


# What is refused, before anything is written.


def test_a_tokenizer_must_fit_the_model(tmp_path):
    model = build_text_model()
    for wrong, message in ((trained("bpe"), "11 ids. Received: Tokenizer with 40"), ("a.model", "str with none")):
        with pytest.raises(ValueError, match=message):
            rme_tf.export_saved_model(model, tmp_path / "saved_model", tokenizer=wrong)
    word = trained("word", vocabulary_size=11)
    with pytest.raises(ValueError, match="`max_length` must be an integer of at least 2"):
        rme_tf.export_saved_model(model, tmp_path / "saved_model", tokenizer=word, max_length=1)
    with pytest.raises(ValueError, match="model of sequences.* Received: .*Bernoulli"):
        rme_tf.export_saved_model(build_tiny_model(), tmp_path / "saved_model", tokenizer=word)
    assert not list(tmp_path.iterdir())


def test_strings_need_tensorflow_text(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "tensorflow_text", None)
    with pytest.raises(ValueError, match=r"pip install tensorflow-text.*strings=False"):
        rme_tf.export_saved_model(
            build_text_model(), tmp_path / "saved_model", tokenizer=trained("word", vocabulary_size=11)
        )
    assert not list(tmp_path.iterdir())


# Other processes.


def sentences(kind):
    """Returns a tokenizer and a model on its ids that says long and differing things."""
    tokenizer = text.Tokenizer(foreign(vocab_size=35)) if kind == "elsewhere" else trained(kind)
    model = build_text_model(2, vocabulary_size=tokenizer.vocabulary_size, decoder_options={"skip": True})
    rng = np.random.default_rng(0)
    for variable in model.trainable_variables:
        variable.assign(variable + rng.normal(size=variable.shape))
    return tokenizer, model


ON_STRINGS = """
import sys
sys.modules["sentencepiece"] = None  # importing it raises, as of what `with_tensorflow_alone` is without
import importlib.util
import pathlib
import numpy as np
import tensorflow as tf

folder = pathlib.Path(importlib.util.find_spec("tensorflow_text").origin).parent
tf.load_op_library(str(folder / "python/ops/_sentencepiece_tokenizer.so"))

lines = [line.decode() for line in np.load("lines.npy")]
served = tf.saved_model.load("saved_model")
answers = dict(served.encode_text(lines))
answers["alone"] = served.encode_text(lines[:1])["means"]
answers["none"] = served.encode_text(tf.constant([], tf.string))["means"]
answers["drawn"] = served.sample_posterior_text(lines, 5, 7)["z"]
answers["text"] = served.reconstruct_text(lines, 7)["text"]
answers["signature"] = served.signatures["reconstruct_text"](text=tf.constant(lines), seed=tf.constant(7))["text"]
answers["tokens"] = served.reconstruct(np.load("x.npy"), 7)["tokens"]
answers["decoded"] = served.decode_text(answers["means"][:, 0])["text"]
answers["prior"] = served.sample_prior_text(4, 7)["text"]
answers["log_likelihood"] = served.log_likelihood_text(lines, 20, 7)["log_likelihood"]
answers["of_tokens"] = served.log_likelihood(np.load("x.npy"), 20, 7)["log_likelihood"]
np.savez("answers.npz", **{name: np.asarray(value, None) for name, value in answers.items()})
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Returns of each kind: tokenizer, model, token ids, and what a process without sentencepiece answers to lines."""
    lines = ["The cat sat.", "Don't the dogs sit on zebras, lions, a mat and a well-kept dog?", "", "A dog ran"]
    found = {}
    for kind in ("unigram", "word"):
        folder = tmp_path_factory.mktemp(kind)
        tokenizer, model = sentences(kind)
        rows = [[*row[: LENGTH - 1], text.EOS] for row in tokenizer.encode(lines)]
        x = tf.ragged.constant(rows, dtype=tf.int32).to_tensor().numpy()
        np.save(folder / "x.npy", x)
        np.save(folder / "lines.npy", [line.encode() for line in lines])
        rme_tf.export_saved_model(model, folder / "saved_model", max_length=LENGTH, tokenizer=tokenizer)
        found[kind] = tokenizer, model, x, folder / "answers.npz"
    with_tensorflow_alone(in_each([path.parent for *_, path in found.values()], ON_STRINGS))
    return {kind: (*rest, np.load(path, allow_pickle=True)) for kind, (*rest, path) in found.items()}


@strings
@pytest.mark.slow
@pytest.mark.parametrize("kind", ["unigram", "word"])
def test_strings_are_answered_by_strings(kind, served):
    tokenizer, model, x, answers = served[kind]
    expected = {name: value.numpy() for name, value in model(x).items()}
    expected |= {"alone": expected["means"][:1], "drawn": model.posterior(x).sample(5, seed=(7, 0))}
    for name, value in expected.items():
        np.testing.assert_allclose(answers[name], value, atol=1e-5, err_msg=name)
    choices = {"seed": (7, 0), "max_length": LENGTH}
    reconstructed = tokenizer.decode(model.reconstruct(x, **choices))
    assert len(set(reconstructed)) > 1
    means = tf.constant(expected["means"][:, 0])
    for name, value in {
        "text": reconstructed,
        "signature": reconstructed,
        "decoded": tokenizer.decode(model.render(means, max_length=LENGTH)),
        "prior": tokenizer.decode(model.sample(4, **choices)),
    }.items():
        assert [line.decode() for line in answers[name]] == value, name
    assert tokenizer.decode(answers["tokens"]) == reconstructed
    assert answers["none"].shape == (0, *expected["means"].shape[1:])
    np.testing.assert_allclose(answers["log_likelihood"], answers["of_tokens"], rtol=1e-5)


@pytest.mark.slow
def test_the_documented_example_runs_where_sentencepiece_and_tensorflow_are(tmp_path):
    expected = {}
    for kind in ("bpe", "elsewhere"):
        tokenizer, model = sentences(kind)
        rme_tf.export_saved_model(model, tmp_path / kind / "saved_model", tokenizer=tokenizer, strings=False)
        assert (tmp_path / kind / "saved_model" / "assets.extra" / "tokenizer.model").read_bytes() == tokenizer.model
        tokens = text.tokenize(["the cat sat", "dogs ran"], tokenizer, max_length=50).rows([0, 1])
        expected[tmp_path / kind] = repr(tokenizer.decode(model.reconstruct(tokens, max_length=50)))
    example = textwrap.dedent(serving_text.__doc__.split("and back:\n")[1].split("\nFor a word tokenizer")[0])
    program = 'import sys\nsys.modules["tensorflow_text"] = None\n' + example
    assert with_tensorflow_alone(in_each(expected, program)).splitlines() == list(expected.values())
