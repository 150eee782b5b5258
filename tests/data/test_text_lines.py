"""Wherever lines are wanted a str is the path of a file, and text in another encoding is named."""

import codecs
import inspect
import os
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from rme_tf.data import text
from rme_tf.data.text import Lines, Report, Tokenizer, read_file, tokenize, train_tokenizer
from rme_tf.serving.strings import GraphTokenizer
from suited_lines import suited
from test_text_tokens import LINES

TOKENIZER = train_tokenizer(LINES, kind="word", vocabulary_size=8)
# What more a function is to be given.
MORE = {
    "Lines": {},
    "tokenize": {"tokenizer": TOKENIZER},
    "train_tokenizer": {"kind": "word", "vocabulary_size": 8},
    "evaluation_dataset": {"batch_size": 2},
    "sample_order": {"num_rows": 2},
    "sample_rows": {"num_rows": 2},
    "steps_per_epoch": {"batch_size": 2},
    "training_dataset": {"batch_size": 2},
}
NO_INPUT = {"Kind", "Report", "TextSplits", "Tokens", "VocabularySizeError", "load_docs", "read_tfds"}


def first_parameters():
    """The public functions and classes by what they want first: lines, tokens, a path, or bytes."""
    wanted = {}
    for name in text.__all__:
        part = getattr(text, name)
        if callable(part) and name not in NO_INPUT:
            wanted.setdefault(next(iter(inspect.signature(part).parameters)), set()).add(name)
    return wanted


WANTED = first_parameters()
LINE_FUNCTIONS = {
    **{name: getattr(text, name) for name in WANTED["lines"] | WANTED["source"]},
    "Tokenizer.encode": TOKENIZER.encode,
    "Tokenizer.unknown_characters": TOKENIZER.unknown_characters,
}
every_taker_of_lines = pytest.mark.parametrize("name", sorted(LINE_FUNCTIONS))


def given(name, lines):
    answer = LINE_FUNCTIONS[name](lines, **MORE.get(name, {}))
    return list(answer) if isinstance(answer, Lines) else answer


def comparable(answer):
    if isinstance(answer, Tokenizer):
        return answer.model
    if isinstance(answer, text.Tokens):
        return answer.rows(range(len(answer))).tolist()
    return [row.tolist() if isinstance(row, np.ndarray) else row for row in answer]


def test_every_function_is_known_by_what_it_wants():
    assert {
        "lines": {"integer_rows", "integer_tokenizer", "tokenize", "train_tokenizer"},
        "model": {"Tokenizer"},
        "path": {"load_tokenizer", "read_file", "read_folder"},
        "rows": {"integer_lines"},
        "source": {"Lines"},
        "tokens": {"evaluation_dataset", "sample_order", "sample_rows", "steps_per_epoch", "training_dataset"},
        "train": {"read_files"},
    } == WANTED


@every_taker_of_lines
def test_a_str_and_a_path_are_read_and_are_as_good_as_their_lines(name, tmp_path):
    path, lines = tmp_path / "a.txt", suited("integers" if name.startswith("integer") else "word", LINES)
    path.write_text("\n".join(lines), encoding="utf-8")
    kept = [line for line in lines if line.strip()]
    expected = comparable(given(name, kept))
    assert comparable(given(name, str(path))) == comparable(given(name, path)) == expected
    assert comparable(given(name, Lines(path))) == expected


@every_taker_of_lines
@pytest.mark.parametrize("line", ["the cat sat", pathlib.Path("missing.txt"), np.str_("the cat"), "", "the cat " * 99])
def test_a_line_alone_is_no_list_of_characters(name, line):
    with pytest.raises(ValueError, match=r"Expected a text file.*no file. A str stands for the path.*\[line\]"):
        given(name, line)


@every_taker_of_lines
@pytest.mark.parametrize("lines", [b"the cat", 5, None, [3, 4], [None], [["a"]], [tf.constant("a")]], ids=str)
def test_what_is_no_line_is_refused_in_words(name, lines):
    with pytest.raises(ValueError, match=r"Expected lines.* Received: "):
        given(name, lines)


@every_taker_of_lines
def test_a_table_of_lines_is_refused_and_names_no_lines(name):
    for table in ({"text": LINES}, FrameLike()):
        with pytest.raises(ValueError, match=r"Expected lines.*Pass one column: x\['text'\]"):
            given(name, table)


class FrameLike:
    """Like a data frame: iterating gives the names of its columns."""

    columns = ("text", "label")

    def __iter__(self):
        return iter(self.columns)


@pytest.mark.parametrize("line", ["the cat sat", b"the cat", tf.constant("a b"), [3], [["a"]]], ids=str)
def test_graph_code_refuses_a_line_alone_too(line):
    pytest.importorskip("tensorflow_text")
    graph = GraphTokenizer(TOKENIZER, max_length=8)
    for function in (graph.encode, graph.tokenize):
        with pytest.raises(ValueError, match=r"Expected lines, strings of shape \[B\].*in a list, \[line\]"):
            function(line)


@pytest.mark.parametrize(
    "ids", ["the cat", b"ab", 5, None, [3, 4], np.array([3, 4]), np.array(3), [[3.0, 4.5]], [["a"]], [[[3]]]], ids=str
)
def test_ids_that_are_no_rows_are_refused(ids):
    with pytest.raises(ValueError, match=r"Expected (rows of )?ids.* Received: "):
        TOKENIZER.decode(ids)


@pytest.mark.parametrize("name", sorted(WANTED["tokens"]))
@pytest.mark.parametrize(
    "tokens",
    ["a.txt", ["the cat"], Lines(["the cat"]), np.zeros([2, 3], np.int32)],
    ids=["a path", "a list", "Lines", "an array"],
)
def test_lines_are_no_tokens(name, tokens):
    with pytest.raises(ValueError, match="Expected `Tokens`, which `tokenize` makes of lines"):
        getattr(text, name)(tokens, **MORE[name])


@pytest.mark.parametrize("name", sorted(WANTED["path"] | WANTED["train"]))
def test_a_path_is_a_str_or_a_path(name):
    function = getattr(text, name)
    count = 3 if name == "read_files" else 1
    for path in (5, None, b"a.txt", *([["the cat"]] if count == 1 else [])):
        with pytest.raises(ValueError, match="Expected .*Received: "):
            function(*[path] * count)
    for path in ("missing.txt", pathlib.Path("missing.txt"), 99 * "missing.txt"):
        with pytest.raises(ValueError, match="Expected .*missing.txt|Expected train.txt in missing.txt"):
            function(*[path] * count)


# Encodings.

SENTENCES = "\n".join(f"{base} number {index}" for index in range(60) for base in ("the cat", "a dog", "two birds"))


def written(path, encoding, mark=b""):
    path.write_bytes(mark + SENTENCES.replace("\n", os.linesep).encode(encoding))
    return path


@pytest.mark.parametrize(
    ("encoding", "mark", "message"),
    [
        ("utf-16-le", codecs.BOM_UTF16_LE, "is UTF-16 by its byte order mark. Convert it: iconv -f UTF-16 -t UTF-8"),
        ("utf-16-be", codecs.BOM_UTF16_BE, "is UTF-16 by its byte order mark"),
        ("utf-32-le", codecs.BOM_UTF32_LE, "is UTF-32 by its byte order mark. Convert it: iconv -f UTF-32 -t UTF-8"),
        ("utf-32-be", codecs.BOM_UTF32_BE, "is UTF-32 by its byte order mark"),
        ("utf-16-le", b"", r"0 of 180 lines kept; skipped: 180 with NUL. NUL characters are of UTF-16"),
        ("utf-16-be", b"", "180 with NUL. NUL characters are of UTF-16"),
        ("utf-32-le", b"", "with NUL"),
        ("cp037", b"", "not UTF-8. Text in another encoding is to be converted"),
    ],
)
@every_taker_of_lines
def test_text_in_another_encoding_is_named(name, encoding, mark, message, tmp_path):
    path = written(tmp_path / "a.txt", encoding, mark)
    with pytest.raises(ValueError, match=message):
        given(name, path)
    with pytest.raises(ValueError, match=r"UTF-16|UTF-32|not UTF-8|with NUL|too small|Such a small"):
        read_file(path)


def test_a_byte_order_mark_of_utf_8_is_no_text(tmp_path):
    path = written(tmp_path / "a.txt", "utf-8", codecs.BOM_UTF8)
    assert next(iter(Lines(path))) == "the cat number 0"


def test_some_lines_of_latin_1_are_left_out_and_what_to_do_is_said(tmp_path):
    (tmp_path / "a.txt").write_bytes("a cat\nna\u00efve\nfa\u00e7ade".encode("latin-1"))
    with pytest.warns(UserWarning, match="2 not UTF-8. Text in another encoding is to be converted: iconv -f LATIN1"):
        assert list(Lines(tmp_path / "a.txt")) == ["a cat"]


@pytest.mark.parametrize("lines", [["a\0b", "c", "\0"], [b"a\0b", b"c", b"\0"]])
def test_lines_with_nul_are_left_out_and_counted(lines):
    source = Lines(lines)
    with pytest.warns(UserWarning, match="1 of 3 lines kept; skipped: 2 with NUL."):
        assert list(source) == ["c"]
    assert source.report == Report(lines=3, kept=1, empty=0, not_utf8=0, too_long=0, nul=2)


def test_a_report_of_before_there_was_a_count_of_nul_is_read():
    assert str(Report(lines=2, kept=1, empty=1, not_utf8=0, too_long=0)) == "1 of 2 lines kept; skipped: 1 empty."


def test_a_tokenizer_says_what_is_wrong_with_its_lines(tmp_path):
    def broken():
        yield "1 2"
        raise OSError("the disk is gone")

    for kind in text.TOKENIZERS:
        with pytest.raises(OSError, match="the disk is gone"):
            train_tokenizer(broken(), kind=kind, vocabulary_size=8)
        for empty in ([], [""], [" ", ""]):
            with pytest.raises(ValueError, match="at least one line of text to train a tokenizer on"):
                train_tokenizer(empty, kind=kind, vocabulary_size=8)
    assert len(tokenize(["a"], TOKENIZER)) == 1
