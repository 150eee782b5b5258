"""A tokenizer of every kind cuts lines as it did, after every path that it takes."""

import copy
import io
import pickle

import numpy as np
import pytest
import sentencepiece
import tensorflow as tf
from sentencepiece import sentencepiece_model_pb2

import rme_tf
from rme_tf.data.text import TOKENIZERS, UNK, Lines, Tokenizer, load_tokenizer, tokenize, train_tokenizer
from rme_tf.data.text.special_ids import special_ids, with_special_ids
from rme_tf.data.text.tokenizer_training import earlier_model
from rme_tf.experiments.recipes.tokenizers import keep_tokenizer
from rme_tf.serving.strings import GraphTokenizer
from small_recipes import text_recipe
from suited_lines import suited
from test_export_strings import ODD
from test_lstm import build_text_model

PLAIN = ["the cat sat on the mat .", "a dog ran in the park ."] * 5  # no word with punctuation in it
COMPOUND = ["the e.g. cat's well-kept @-@ mat", "don't"] * 5
COMPATIBLE = ["wait\u2026 a \u00bd of the cat \u2460 \u33c2 , ok", "the \ufb01ne cat \u2026"] * 5  # "..." and "a.m."
CORPORA = {"plain": PLAIN, "compound": COMPOUND, "compatible": COMPATIBLE}
NASTY = [
    *ODD,
    "the cat, sat",
    "u.s.a. @-@ <num> dog",
    "e.g. wait... wait\u2026 1\u20442 \u00bd a.m.",
    "_UNK <unk> <UNK>",
]
QUESTIONS = [*NASTY, *suited("integers", PLAIN)]
OPTIONS = {"lowercase": False, "coverage": 1.0, "limit": None, "seed": 0}

every_corpus = pytest.mark.parametrize("corpus", sorted(CORPORA))
every_kind = pytest.mark.parametrize("kind", sorted(TOKENIZERS))
words = pytest.mark.parametrize("kind", ["whitespace", "word"])


def trained(kind, corpus):
    """The tokenizer of the largest vocabulary that the lines allow for."""
    lines = suited(kind, CORPORA[corpus])
    with pytest.raises(ValueError, match="at most") as error:
        train_tokenizer(lines, kind=kind, vocabulary_size=10_000, coverage=1.0)
    return train_tokenizer(lines, kind=kind, vocabulary_size=error.value.largest, coverage=1.0)


def ids(tokenizer, lines=None):
    return [row.tolist() for row in tokenizer.encode(QUESTIONS if lines is None else lines)]


@every_corpus
@every_kind
def test_every_path_keeps_the_kind(kind, corpus, tmp_path):
    tokenizer = trained(kind, corpus)
    tokenizer.save(tmp_path / "a.model")
    keep_tokenizer(tokenizer, tmp_path)
    paths = {
        "file": load_tokenizer(tmp_path / "a.model"),
        "run's folder": load_tokenizer(str(tmp_path / "tokenizer.model")),
        "bytes": Tokenizer(tokenizer.model),
        "pickle": pickle.loads(pickle.dumps(tokenizer)),
        "copy": copy.deepcopy(tokenizer),
        "recipe": text_recipe(tokenizer=str(tmp_path / "a.model")).make_tokenizer(PLAIN),
    }
    for name, other in paths.items():
        assert (other.kind, other.model) == (kind, tokenizer.model), name
        assert ids(other) == ids(tokenizer), name
        assert other.decode(other.encode(NASTY)) == tokenizer.decode(tokenizer.encode(NASTY)), name


@every_corpus
@every_kind
def test_the_graph_is_of_that_kind_too(kind, corpus):
    pytest.importorskip("tensorflow_text")
    tokenizer = trained(kind, corpus)
    rows = GraphTokenizer(tokenizer, max_length=1000).encode(tf.constant(QUESTIONS))
    assert rows.to_list() == ids(tokenizer)


@pytest.mark.slow
def test_an_export_is_of_that_kind_in_its_graph_and_beside_it(tmp_path):
    pytest.importorskip("tensorflow_text")
    tokenizer = trained("whitespace", "plain")
    model = build_text_model(vocabulary_size=tokenizer.vocabulary_size)
    rme_tf.export_saved_model(model, tmp_path / "served", tokenizer=tokenizer, max_length=8)
    beside = load_tokenizer(tmp_path / "served" / "assets.extra" / "tokenizer.model")
    assert (beside.kind, ids(beside)) == ("whitespace", ids(tokenizer))
    served = tf.saved_model.load(str(tmp_path / "served"))
    lines = ["the cat, sat", "the.cat"]
    rows = np.asarray(tokenize(lines, tokenizer, max_length=8).rows([0, 1]))
    expected = served.encode(tf.constant(rows, tf.int32))
    for name, value in served.encode_text(tf.constant(lines)).items():
        np.testing.assert_array_equal(value, expected[name])


@every_corpus
@words
def test_a_word_is_a_token_whatever_the_vocabulary(kind, corpus):
    tokenizer = trained(kind, corpus)
    for index, word in list(enumerate(tokenizer.pieces))[UNK + 1 :]:  # each word of it is a word
        assert [index] in ids(tokenizer, [word.removeprefix("\u2581")]), word
    if kind == "whitespace":
        lines = ["the cat, sat u.s.a. @-@ <num> dog", "e.g. a,b"]
        assert [len(row) for row in ids(tokenizer, lines)] == [len(line.split()) for line in lines]
        tokens = tokenize(lines, tokenizer)
        assert tokens.num_tokens == tokens.num_words


@every_corpus
@words
def test_nothing_but_the_kind_is_marked(kind, corpus):
    """Of corpora with no characters that become several, the pieces are those that there were before marks."""
    tokenizer = trained(kind, corpus)
    if corpus == "compatible":
        return
    before = earlier_model(CORPORA[corpus], kind=kind, vocabulary_size=tokenizer.vocabulary_size, **OPTIONS)
    assert tokenizer.model.startswith(before)
    theirs, ours = (sentencepiece.SentencePieceProcessor(model_proto=model) for model in (before, tokenizer.model))
    assert ours.encode(NASTY) == theirs.encode(NASTY)


@pytest.mark.parametrize(
    ("kind", "corpus", "guessed"),
    [("word", "plain", "word"), ("whitespace", "plain", "word"), ("whitespace", "compound", "whitespace")],
)
def test_a_tokenizer_saved_before_there_were_marks_is_what_it_was(kind, corpus, guessed, tmp_path):
    size = trained(kind, corpus).vocabulary_size
    (tmp_path / "a.model").write_bytes(earlier_model(CORPORA[corpus], kind=kind, vocabulary_size=size, **OPTIONS))
    tokenizer = load_tokenizer(tmp_path / "a.model")
    assert tokenizer.kind == guessed
    cat = [tokenizer.pieces[index] for index in tokenizer.encode(["the cat, sat"])[0]][:2]
    assert cat == ["\u2581the", "\u2581cat" if guessed == "word" and corpus == "plain" else "<unk>"]
    tokenizer.save(tmp_path / "b.model")
    assert load_tokenizer(tmp_path / "b.model").kind == guessed


def test_what_sentencepiece_calls_words_lies_between_spaces():
    file = io.BytesIO()
    options = {"model_type": "word", "vocab_size": 14, "minloglevel": 3}
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(PLAIN), model_writer=file, **options)
    tokenizer = Tokenizer(file.getvalue())
    assert tokenizer.kind == "whitespace"
    assert [tokenizer.pieces[index] for index in tokenizer.encode(["the cat, sat"])[0]][1] == "<unk>"


def test_a_mark_survives_another_order_of_the_pieces():
    model = trained("whitespace", "plain").model
    proto = sentencepiece_model_pb2.ModelProto.FromString(model)
    again = with_special_ids(proto, special_ids(sentencepiece.SentencePieceProcessor(model_proto=model)))
    assert Tokenizer(again).kind == "whitespace"


@words
def test_lowercase_words_are_lowercase_when_they_are_cut(kind):
    tokenizer = train_tokenizer(["The CAT _UNK The"] * 2, kind=kind, vocabulary_size=6, lowercase=True)
    assert tokenizer.pieces[UNK + 1 :] == ["\u2581the", "\u2581cat"]


def test_lines_of_a_file_are_cut_as_those_of_a_list(tmp_path):
    (tmp_path / "a.txt").write_text("\n".join(PLAIN), encoding="utf-8")
    one, other = (train_tokenizer(lines, vocabulary_size=22) for lines in (tmp_path / "a.txt", Lines(PLAIN)))
    assert one.model == other.model
