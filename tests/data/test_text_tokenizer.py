import io
import re

import numpy as np
import pytest
import sentencepiece

from rme_tf.data.text import BOS, EOS, PAD, TOKENIZERS, UNK, Lines, load_docs, load_tokenizer, train_tokenizer
from rme_tf.data.text.tokenizer import Tokenizer
from suited_lines import suited

LINES = ["The cat sat on the mat.", "A dog ran, fast!", "Don't the dogs sit on a well-kept mat?"] * 5
SIZES = {"bpe": 40, "char": 20, "integers": 15, "unigram": 35, "whitespace": 15, "word": 15}  # which LINES allow for

every_kind = pytest.mark.parametrize("kind", sorted(TOKENIZERS))


def trained(kind="bpe", lines=LINES, **options):
    lines = suited(kind, lines)
    return train_tokenizer(lines, **{"kind": kind, "vocabulary_size": SIZES[kind], "coverage": 1.0, **options})


def test_the_first_ids_are_no_text():
    assert (PAD, BOS, EOS, UNK) == (0, 1, 2, 3)


@pytest.fixture(scope="module")
def docs():
    return load_docs()


def largest(kind, lines):
    """The largest vocabulary that the lines allow for, by what the error says."""
    with pytest.raises(ValueError, match=r"Expected: at most \d+[.,]") as caught:
        trained(kind, lines, vocabulary_size=100_000)
    return int(re.search(r"at most (\d+)", str(caught.value))[1])


@every_kind
def test_decoding_undoes_encoding(kind, docs):
    size = largest("char", docs.train) if kind == "char" else 600
    lines = suited(kind, docs.train)
    tokenizer = train_tokenizer(lines, kind=kind, vocabulary_size=size, coverage=1.0)
    assert tokenizer.vocabulary_size == len(tokenizer.pieces) == size
    for line, row in zip(lines, tokenizer.encode(lines), strict=True):
        assert row.dtype == np.int32
        assert not set(row.tolist()) & {PAD, BOS, EOS}
        if TOKENIZERS[kind].word is None:
            assert tokenizer.decode([row]) == [line]
        elif UNK not in row:
            assert tokenizer.decode([row])[0].replace(" ", "") == line.replace(" ", "")


@every_kind
def test_training_twice_gives_the_same_model(kind):
    first, second = (trained(kind, Lines(LINES)) for _ in range(2))
    assert first.model == second.model
    assert first.vocabulary_size == SIZES[kind]


@every_kind
def test_a_model_survives_its_file(kind, tmp_path):
    tokenizer = trained(kind, lowercase=True)
    tokenizer.save(tmp_path / "a.model")
    loaded = load_tokenizer(str(tmp_path / "a.model"))
    assert loaded.pieces == tokenizer.pieces
    for row, other in zip(tokenizer.encode(LINES), loaded.encode(LINES), strict=True):
        np.testing.assert_array_equal(row, other)


def test_words_and_punctuation_are_told_apart():
    tokenizer = trained("word", ["Don't stop, well-kept dogs!", "Don't , the dogs"] * 2, vocabulary_size=11)
    assert tokenizer.decode(tokenizer.encode(["Don't, dogs!the  well-kept"])) == ["Don't , dogs ! the well-kept"]


def test_words_between_spaces_are_the_corpus_s_own_but_for_its_unknown_ones():
    tokenizer = trained("whitespace", ["the u.s. is n't <unk> in N", "_UNK n't <unk>"] * 2, vocabulary_size=10)
    assert set(tokenizer.pieces[4:]) == {f"\u2581{word}" for word in ("the", "u.s.", "is", "n't", "in", "N")}
    (row,) = tokenizer.encode(["the u.s. <unk> n't _UNK ,"])
    assert [index == UNK for index in row] == [False, False, True, False, True, True]


def test_the_most_frequent_words_are_kept_and_each_other_one_is_an_unk():
    tokenizer = trained("word", ["a a a b b c d"], vocabulary_size=6)
    assert tokenizer.pieces[4:] == ["\u2581a", "\u2581b"]
    assert [row.tolist() for row in tokenizer.encode(["c d a c", "b"])] == [[3, 3, 4, 3], [5]]
    assert tokenizer.decode([[3, 3, 4, 3, EOS]]) == ["<unk> <unk> a <unk>"]


def test_vowel_signs_stay_in_their_words():
    line = "\u0939\u093f\u0928\u094d\u0926\u0940 \u092d\u093e\u0937\u093e\u0964"
    tokenizer = trained("word", [line], vocabulary_size=7)
    assert tokenizer.decode(tokenizer.encode([line])) == [line.replace("\u0964", " \u0964")]


@pytest.mark.parametrize("kind", sorted(TOKENIZERS.keys() - {"integers"}))
def test_lower_case_is_part_of_the_model(kind):
    tokenizer = trained(
        kind, ["The CAT the cat"] * 9, lowercase=True, vocabulary_size=10 if TOKENIZERS[kind].word is None else 6
    )
    assert tokenizer.decode(tokenizer.encode(["THE Cat"])) == ["the cat"]


def test_decoding_stops_at_eos_and_drops_what_is_no_text():
    tokenizer = trained()
    (row,) = tokenizer.encode(["the cat"])
    padded = np.full((2, len(row) + 5), PAD)
    padded[:, 0], padded[:, 1 : len(row) + 1], padded[0, len(row) + 1] = BOS, row, EOS
    padded[0, len(row) + 2] = row[0]
    assert tokenizer.decode(padded) == ["the cat", "the cat"]
    assert tokenizer.decode([]) == []
    assert tokenizer.decode([[EOS], []]) == ["", ""]


@pytest.mark.parametrize("ids", [[[-1]], [[40]], [3, 4], [[[3]]]])
def test_ids_outside_the_vocabulary_are_refused(ids):
    with pytest.raises(ValueError, match=r"Expected .*ids.* Received"):
        trained().decode(ids)


@every_kind
def test_a_vocabulary_too_large_is_refused_with_the_largest(kind):
    most = largest(kind, LINES)
    assert trained(kind, vocabulary_size=most).vocabulary_size == most
    with pytest.raises(ValueError, match=rf"Expected: at most {most}\b.*Received: {most + 1}."):
        trained(kind, vocabulary_size=most + 1)


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_a_vocabulary_too_small_is_refused_with_the_smallest(kind):
    with pytest.raises(ValueError, match=r"Expected: at least \d+, or less `coverage`. Received: 10."):
        trained(kind, vocabulary_size=10)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "morse"}, "Unknown kind of tokenizer"),
        ({"vocabulary_size": 4}, "`vocabulary_size` must be an integer of at least 5"),
        ({"limit": 0}, "`limit` must be an integer of at least 1"),
        ({"coverage": 0.0}, "`coverage` must be"),
        ({"coverage": 1.1}, "`coverage` must be"),
    ],
)
def test_arguments_are_checked(options, message):
    with pytest.raises(ValueError, match=message):
        train_tokenizer(LINES, **{"vocabulary_size": 30, **options})


def test_a_limit_draws_lines_by_its_seed():
    lines = [f"{letter} {letter}" for letter in "abcdefghijklmnopqrstuvwxyz"]
    pieces = [trained("word", lines, vocabulary_size=9, limit=5, seed=seed).pieces[4:] for seed in (0, 0, 1)]
    assert pieces[0] == pieces[1]
    assert pieces[0] != pieces[2]
    assert len({*pieces[0]}) == 5
    everything = trained("word", lines, vocabulary_size=30, limit=100).pieces
    assert everything == trained("word", lines, vocabulary_size=30).pieces


def test_long_lines_are_trained_on():
    tokenizer = trained("word", ["a b c " * 2000], vocabulary_size=7)
    assert len(tokenizer.encode(["a b c"])[0]) == 3


# Models from elsewhere


def foreign(**options):
    file = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(LINES), model_writer=file, minloglevel=3, **options)
    return file.getvalue()


FOREIGN_IDS = [
    {},  # SentencePiece's own: unk, bos, eos, no pad
    {"pad_id": 0, "eos_id": 1, "unk_id": 2, "bos_id": -1},  # of T5
    {"pad_id": 0, "eos_id": 1, "bos_id": 2, "unk_id": 3},
    {"unk_id": 5, "pad_id": 3},
    {"user_defined_symbols": ["<pad>", "<<pad>>"]},  # which are text there
]


@pytest.mark.parametrize("options", FOREIGN_IDS, ids=str)
@pytest.mark.parametrize("model_type", ["unigram", "bpe", "char"])
def test_a_model_with_other_ids_cuts_and_joins_as_it_did(model_type, options, tmp_path):
    path = tmp_path / "a.model"
    path.write_bytes(foreign(vocab_size=33 if model_type != "char" else 25, model_type=model_type, **options))
    theirs = sentencepiece.SentencePieceProcessor(model_file=str(path))
    ours = load_tokenizer(path)
    assert ours.vocabulary_size == theirs.get_piece_size() + (theirs.pad_id() < 0) + (theirs.bos_id() < 0)
    lines = [*LINES, "zebras \u2603\u2603 <pad> on THE mat", "", "<s> the </s>"]
    for line, row, other in zip(lines, ours.encode(lines), theirs.encode(lines), strict=True):
        assert [ours.pieces[index] for index in row] == [theirs.id_to_piece(index) for index in other], line
        assert not set(row.tolist()) & {PAD, BOS, EOS}
        assert [index == UNK for index in row] == [index == theirs.unk_id() for index in other]
        assert ours.decode([[BOS, *row, EOS, PAD, *row]]) == [theirs.decode(other)]
    ours.save(path)
    assert load_tokenizer(path).model == ours.model  # whose ids are ours by now


def test_a_model_of_words_with_other_ids_knows_its_words():
    tokenizer = Tokenizer(foreign(vocab_size=15, model_type="word"))
    (row,) = tokenizer.encode(["the zebra mat."])
    assert [tokenizer.pieces[index] for index in row] == ["\u2581the", "<unk>", "\u2581mat."]
    assert tokenizer.pieces[:4] == ["<pad>", "<s>", "</s>", "<unk>"]


def test_what_is_no_model_is_refused(tmp_path):
    with pytest.raises(ValueError, match="which is no file"):
        load_tokenizer(tmp_path / "missing.model")
    with pytest.raises(ValueError, match="4 bytes of something else"):
        Tokenizer(b"junk")


def test_a_model_of_words_with_punctuation_in_them_is_met_as_it_was_trained():
    ids = {"pad_id": 0, "bos_id": 1, "eos_id": 2, "unk_id": 3}
    tokenizer = Tokenizer(foreign(vocab_size=15, model_type="word", **ids))
    assert UNK not in tokenizer.encode(["the mat."])[0]
