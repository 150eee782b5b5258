import json
import os
from pathlib import Path

import numpy as np
import pytest

from rme_tf.data.text import EOS, PAD, UNK, Lines, sample_rows, tokenize, train_tokenizer, training_dataset
from rme_tf.data.text import tokens as tokens_module

LINES = ["a b c", "a, b", "c c c c c zebra!", "b"]
CAPTIONS = Path(__file__).parents[3] / "shared" / "data" / "text" / "captions" / "train.txt"


@pytest.fixture(scope="module")
def tokenizer():
    """By words: a, b, c, comma and exclamation mark."""
    return train_tokenizer(["a b c , !"], kind="word", vocabulary_size=9)


@pytest.fixture(scope="module")
def pieces():
    """By pieces of words."""
    return train_tokenizer(["abacus cab", "back a cab, a bus!"] * 3, kind="bpe", vocabulary_size=20, coverage=1.0)


# Tokens


def test_a_row_is_its_ids_then_eos_then_pad(tokenizer):
    tokens = tokenize(LINES, tokenizer)
    (expected,) = tokenizer.encode(["c c c c c"])
    rows = tokens.rows([3, 2])
    assert rows.dtype == np.int32
    np.testing.assert_array_equal(rows[1], [*expected, UNK, *tokenizer.encode(["!"])[0], EOS])
    np.testing.assert_array_equal(rows[0], [*tokenizer.encode(["b"])[0], EOS, *[PAD] * 6])
    assert tokens.rows([3], pad_multiple=4).shape == (1, 4)
    assert tokens.rows(np.arange(4), pad_multiple=4).shape == (4, 8)


def test_the_counts_are_those_of_the_lines(tokenizer):
    tokens = tokenize([*LINES, " "], tokenizer)
    assert len(tokens) == 4
    np.testing.assert_array_equal(tokens.lengths, [4, 4, 8, 2])
    assert tokens.num_tokens == 18
    assert tokens.num_words == (3 + 2 + 6 + 1) + 4
    assert tokens.unknown_rate == 1 / 14
    assert tokens.truncated_share == 0.0
    assert tokens.report == {
        "num_rows": 4,
        "num_tokens": 18,
        "num_words": 16,
        "longest": 8,
        "unknown_rate": 1 / 14,
        "character_coverage": 1 - 5 / 18,
        "truncated_share": 0.0,
        "lines": {"lines": 5, "kept": 4, "empty": 1, "not_utf8": 0, "too_long": 0, "nul": 0},
    }


@pytest.mark.parametrize("kind", ["bpe", "char", "unigram"])
def test_the_characters_that_are_covered_are_those_that_were_asked_for(kind):
    lines = ["abacus cab"] * 30 + ["\u2603\u2603 bus \u2603"]
    few, all_of_them = (
        tokenize([*lines, "\u2602"], train_tokenizer(lines, kind=kind, vocabulary_size=size, coverage=coverage))
        for size, coverage in ((10, 0.98), (11, 1.0))
    )
    assert few.character_coverage == 1 - 4 / 277
    assert all_of_them.character_coverage == 1 - 1 / 277


def test_a_character_that_becomes_several_counts_once(tokenizer):
    assert tokenize(["\ufdfa"], tokenizer).character_coverage == 0.0  # 18 letters in the normal form


def test_the_number_of_words_does_not_depend_on_the_tokenizer(tokenizer, pieces):
    assert tokenize(LINES, tokenizer).num_words == tokenize(LINES, pieces).num_words == 16


def test_a_longer_line_keeps_its_first_tokens_and_eos(tokenizer):
    whole, cut = tokenize(LINES, tokenizer), tokenize(LINES, tokenizer, max_length=4)
    np.testing.assert_array_equal(cut.lengths, [4, 4, 4, 2])
    np.testing.assert_array_equal(cut.rows([0, 1, 3]), whole.rows([0, 1, 3]))
    np.testing.assert_array_equal(cut.rows([2])[0], [*whole.rows([2])[0, :3], EOS])
    assert cut.truncated_share == 0.25
    assert cut.num_words == (3 + 2 + 3 + 1) + 4
    assert cut.unknown_rate == 0.0
    assert cut.character_coverage == whole.character_coverage
    assert tokenize(LINES, tokenizer, max_length=8).report == whole.report


@pytest.mark.parametrize("max_length", range(2, 14))
def test_of_a_line_cut_short_the_words_begun_count(pieces, max_length):
    lines = ["abacus cab, a bus!", "a cab"]
    cut = tokenize(lines, pieces, max_length=max_length)
    begun = [pieces.pieces[index].startswith("\u2581") for index in cut.rows([0, 1]).ravel()]
    assert cut.num_words == sum(begun) + 2


@pytest.mark.parametrize("max_length", [-1, 0, 1])
def test_a_row_has_room_for_a_token(tokenizer, max_length):
    with pytest.raises(ValueError, match="`max_length` must be an integer of at least 2"):
        tokenize(LINES, tokenizer, max_length=max_length)


def test_no_line_is_no_split(tokenizer):
    with pytest.raises(ValueError, match="0 of 1 lines kept"):
        tokenize([" "], tokenizer)


def test_a_line_without_a_token_is_a_row_of_eos(tokenizer):
    tokens = tokenize(["\u200b", "a"], tokenizer)
    np.testing.assert_array_equal(tokens.lengths, [1, 2])


def test_sampled_rows_are_unrelated_and_come_once(tokenizer):
    tokens = tokenize([" ".join("a" * n) for n in range(1, 61)], tokenizer)
    rows = sample_rows(tokens, 20, seed=3)
    lengths = (rows != PAD).sum(axis=-1)
    assert rows.shape == (20, lengths.max())
    assert len(set(lengths)) == 20
    assert lengths.min() < 10  # from all of the corpus, not from its start
    assert lengths.max() > 50
    assert list(lengths) != sorted(lengths)
    np.testing.assert_array_equal(rows, sample_rows(tokens, 20, seed=3))
    assert not np.array_equal(lengths, (sample_rows(tokens, 20, seed=4) != PAD).sum(axis=-1))
    assert sorted((sample_rows(tokens, 100) != PAD).sum(axis=-1)) == list(range(2, 62))


@pytest.mark.parametrize("given", [{"num_rows": 0}, {"num_rows": 1, "seed": -1}])
def test_rows_to_sample_are_checked(tokenizer, given):
    with pytest.raises(ValueError, match=rf"`{list(given)[-1]}` must be an integer of at least"):
        sample_rows(tokenize(LINES, tokenizer), **given)


# Files


@pytest.mark.parametrize("max_length", [None, 4])
def test_files_hold_what_memory_does(tokenizer, tmp_path, max_length, monkeypatch):
    memory = tokenize(LINES, tokenizer, max_length=max_length)
    monkeypatch.setattr(tokens_module, "_CHUNK", 3)  # more than one chunk
    files = tokenize(LINES, tokenizer, max_length=max_length, directory=tmp_path / "new" / "train")
    np.testing.assert_array_equal(files.rows([0, 1, 2, 3]), memory.rows([0, 1, 2, 3]))
    assert isinstance(files._ids, np.memmap)
    assert files.report == memory.report
    assert sorted(path.name for path in (tmp_path / "new" / "train").iterdir()) == [
        "ids.int32",
        "offsets.int64",
        "tokens.json",
    ]


@pytest.fixture
def passes(monkeypatch):
    """Counts the passes over the lines."""
    made, encode = [], tokens_module._encode
    monkeypatch.setattr(tokens_module, "_encode", lambda *given: (made.append(1), encode(*given))[1])
    return made


def test_files_that_fit_are_used_again(tokenizer, tmp_path, passes):
    first, second = (tokenize(Lines(LINES), tokenizer, directory=tmp_path) for _ in range(2))
    assert len(passes) == 1
    assert second.report == first.report
    np.testing.assert_array_equal(second.rows([0, 3]), first.rows([0, 3]))


def test_files_that_do_not_fit_are_written_again(tokenizer, pieces, tmp_path, passes):
    for given in (
        {},
        {"max_length": 4},
        {"tokenizer": pieces},
        {"lines": LINES[:2]},
        {"lines": ["a b c", "a, c"]},
    ):
        arguments = {"lines": LINES, "tokenizer": tokenizer, **given}
        stored = tokenize(**arguments, directory=tmp_path)
        fresh = tokenize(**arguments)
        np.testing.assert_array_equal(stored.rows(range(len(stored))), fresh.rows(range(len(fresh))))
    assert len(passes) == 2 * 5


@pytest.mark.parametrize("name", ["ids.int32", "offsets.int64", "tokens.json"])
@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(b"[1]")])
def test_damaged_files_are_written_again(tokenizer, tmp_path, passes, name, damage):
    first = tokenize(LINES, tokenizer, directory=tmp_path).rows(range(4))
    damage(tmp_path / name)
    np.testing.assert_array_equal(tokenize(LINES, tokenizer, directory=tmp_path).rows(range(4)), first)
    assert len(passes) == 2


def test_a_file_of_another_program_is_not_replaced(tokenizer, tmp_path):
    path = tmp_path / "tokens.json"
    path.write_text('{"my_token": "secret"}', encoding="utf-8")
    with pytest.raises(ValueError, match=r"whose tokens.json is of something else"):
        tokenize(LINES, tokenizer, directory=tmp_path)
    assert path.read_text(encoding="utf-8") == '{"my_token": "secret"}'
    assert [entry.name for entry in tmp_path.iterdir()] == ["tokens.json"]


def test_a_changed_file_is_read_again(tokenizer, tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("a b\n")
    tokenize(Lines(path), tokenizer, directory=tmp_path / "tokens")
    path.write_text("b a\n")
    os.utime(path, ns=(1, 1))  # same size, another time
    tokens = tokenize(Lines(path), tokenizer, directory=tmp_path / "tokens")
    assert tokenizer.decode(tokens.rows([0])) == ["b a"]


def test_a_pass_cut_short_leaves_the_old_files(tokenizer, tmp_path, monkeypatch):
    tokenize(LINES, tokenizer, directory=tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(tokens_module, "_encode", interrupted)
    with pytest.raises(KeyboardInterrupt):
        tokenize(LINES[:1], tokenizer, directory=tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert json.loads(before["tokens.json"])["counts"]["num_words"] == 16


@pytest.mark.slow
@pytest.mark.skipif(not CAPTIONS.is_file(), reason="no corpus beside the repository")
def test_a_whole_corpus_of_captions(tmp_path):
    lines = Lines(CAPTIONS)
    tokenizer = train_tokenizer(lines, vocabulary_size=4000, limit=20_000)
    tokens = tokenize(lines, tokenizer, max_length=40, directory=tmp_path)
    assert len(tokens) == lines.report.kept > 100_000
    assert tokens.unknown_rate < 0.01
    assert tokens.truncated_share < 0.05
    batch = next(iter(training_dataset(tokens, batch_size=32))).numpy()
    assert np.all((batch == EOS).sum(-1) == 1)
