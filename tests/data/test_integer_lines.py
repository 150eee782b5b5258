"""Sequences of integers: lists, arrays and files of them are the same corpus."""

import numpy as np
import pytest
import tensorflow as tf

from rme_tf.data import text
from rme_tf.data.text import EOS, PAD, UNK
from small_recipes import text_recipe

ROWS = [[3, 1, 4], [1, 5], [-9, 2, 6, 1]]
LINES = ["3 1 4", "1 5", "-9 2 6 1"]


@pytest.mark.parametrize(
    ("rows", "lines"),
    [
        (ROWS, LINES),
        ([np.array(row, np.int64) for row in ROWS], LINES),
        (tf.ragged.constant(ROWS), LINES),
        (np.arange(6, dtype=np.uint8).reshape(2, 3), ["0 1 2", "3 4 5"]),
        ((row for row in ROWS), LINES),
    ],
    ids=["lists", "arrays", "ragged", "array", "generator"],
)
def test_rows_of_any_container_are_lines(rows, lines):
    assert text.integer_lines(rows) == lines


@pytest.mark.parametrize(
    "rows",
    [[[1], []], [[1.0]], [[True]], [["1"]], [3, 4], [[[1]]]],
    ids=["empty", "float", "bool", "str", "flat", "deep"],
)
def test_rows_of_anything_else_are_refused(rows):
    with pytest.raises(ValueError, match="Expected rows of integers, at least one in each. Received: row "):
        text.integer_lines(rows)


def test_integers_come_back_from_their_ids():
    tokenizer = text.integer_tokenizer(LINES)
    assert tokenizer.kind == "integers"
    assert tokenizer.vocabulary_size == 4 + 7
    tokens = text.tokenize(LINES, tokenizer)
    rows = tokens.rows(range(3))
    assert rows.shape == (3, 5)
    assert (rows[:, -1] == [PAD, PAD, EOS]).all()
    assert text.integer_rows(tokenizer.decode(rows)) == ROWS
    assert text.integer_rows(tokenizer.decode([[*tokenizer.encode(["5 77 5"])[0], EOS]])) == [[5, -1, 5]]
    assert text.integer_rows(["<unk> 2"], unknown=0) == [[0, 2]]


def test_the_most_frequent_integers_are_kept():
    tokenizer = text.integer_tokenizer(["7 7 7 2 2 9"], vocabulary_size=6)
    assert [row.tolist().count(UNK) for row in tokenizer.encode(["7 2", "9 7 9"])] == [0, 2]
    assert text.integer_tokenizer(LINES, vocabulary_size=1000).vocabulary_size == 11


@pytest.mark.parametrize("word", ["a", "1.5", "+3", "007", "-0", "1,2", "1_0", "--1"])
def test_other_words_are_refused_where_a_tokenizer_is_trained(word):
    with pytest.raises(ValueError, match="Expected integers separated by white space.*Received: .*'whitespace'"):
        text.integer_tokenizer(["1 2", f"3 {word}"])
    with pytest.raises(ValueError, match="Expected integers"):
        text.integer_rows([f"3 {word}"])


def test_a_recipe_reads_files_of_integers(tmp_path):
    generator = np.random.default_rng(0)
    for name, count in (("train", 40), ("validation", 8), ("test", 8)):
        rows = [generator.integers(0, 20, generator.integers(1, 9)) for _ in range(count)]
        (tmp_path / f"{name}.txt").write_text("\n".join(text.integer_lines(rows)), encoding="utf-8")
    task = text_recipe(corpus=str(tmp_path), tokenizer="integers", data_dir=None, diagnosed=8, batch_size=8).load()
    assert task.facts["vocabulary_size"] == 24
    shown = text.integer_rows(task.export_options["tokenizer"].decode(task.example))
    read = [list(map(int, line.split())) for line in text.Lines(tmp_path / "test.txt")]
    assert sorted(shown) == sorted(read)
