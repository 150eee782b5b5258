"""Sequences of integers as lines of a corpus: events, notes, residues.

    lines = Lines(integer_lines([[3, 1, 4], [1, 5]]))  # of str, "3 1 4" and "1 5"
    tokenizer = integer_tokenizer(lines)
    tokens = tokenize(lines, tokenizer)
    integer_rows(tokenizer.decode(tokens.rows([0, 1])))  # [[3, 1, 4], [1, 5]]

Everything else is the same as for sentences: a token is an integer, EOS ends a row, PAD follows.
"""

from collections.abc import Iterable, Mapping

import numpy as np

from rme_tf.core.types import UNK
from rme_tf.core.validation import check_count, optional
from rme_tf.data.text.corpus import str_lines
from rme_tf.data.text.kinds import INTEGERS, TOKENIZERS
from rme_tf.data.text.tokenizer import Tokenizer
from rme_tf.data.text.tokenizer_training import train_tokenizer


def integer_lines(rows) -> list[str]:
    """Returns a line of integers, separated by spaces, for each row.

    Args:
        rows: N rows of any length, at least one integer each: lists or arrays, an array [N, T], or a
            `tf.RaggedTensor`.

    Raises:
        ValueError: if a row is empty, or holds anything but integers.
    """
    rows = rows.to_list() if hasattr(rows, "to_list") else rows
    if not isinstance(rows, Iterable) or isinstance(rows, str | bytes | Mapping) or getattr(rows, "shape", None) == ():
        raise ValueError(f"Expected rows of integers: lists, or an array [N, T]. Received: {rows!r}.")
    return [_line(np.asarray(row), index) for index, row in enumerate(rows)]


def integer_rows(lines, unknown: int = -1) -> list[list[int]]:
    """Returns the integers of each line.

    Args:
        lines: N str, such as samples of a model after `Tokenizer.decode`.
        unknown: integer for an unknown one, UNK.

    Raises:
        ValueError: if a line holds anything but integers and UNK.
    """
    sign = TOKENIZERS[INTEGERS].unknown.strip()
    rows = [[str(unknown) if word == sign else word for word in line.split()] for line in str_lines(lines)]
    for row in rows:
        for word in row:
            TOKENIZERS[INTEGERS].check(word)
    return [list(map(int, row)) for row in rows]


def integer_tokenizer(lines, vocabulary_size: int | None = None) -> Tokenizer:
    """Returns a tokenizer of integers, fitted to the lines.

    Args:
        lines: `Lines`, the path of a file of lines, or a list of str: integers separated by white space.
        vocabulary_size: largest number of ids V, four of them special; the most frequent integers are kept, and all
            others become UNK. None keeps all.

    Raises:
        ValueError: if a line holds anything but integers.
    """
    optional(check_count, "vocabulary_size", vocabulary_size, UNK + 2)
    distinct = len({word for line in str_lines(lines) for word in line.split()}) + UNK + 1
    size = max(UNK + 2, distinct if vocabulary_size is None else min(vocabulary_size, distinct))
    return train_tokenizer(lines, kind=INTEGERS, vocabulary_size=size)


def _line(row, index: int) -> str:
    """Returns the line of one row, checked."""
    if row.ndim != 1 or row.size == 0 or row.dtype.kind not in "iu":
        raise ValueError(
            f"Expected rows of integers, at least one in each. Received: row {index} of {row.dtype}, shape "
            f"{list(row.shape)}."
        )
    return " ".join(map(str, row.tolist()))
