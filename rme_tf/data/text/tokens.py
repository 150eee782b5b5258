"""Tokenized splits: concatenated ids of all lines, in memory or memory-mapped.

N lines of a split, T tokens of a row, EOS included. A row has no BOS, and PAD on the right.
"""

import hashlib
import itertools
import json
import os
from contextlib import ExitStack

import numpy as np

from rme_tf.core.files import as_path, read_json
from rme_tf.core.leftovers import delete_leftovers, owner
from rme_tf.core.types import EOS, PAD, UNK
from rme_tf.core.validation import check_count, optional, require
from rme_tf.data.stored_files import are_unchanged, facts_of, is_sealed, sealed
from rme_tf.data.text.corpus import Lines

_CHUNK = 4096  # lines encoded at a time
_END = np.array([EOS], np.int32)
_IDS, _OFFSETS, _META = "ids.int32", "offsets.int64", "tokens.json"
_VERSION = 2  # of these files


class Tokens:
    """Tokenized rows of a split, the result of `tokenize`.

    Args:
        ids: concatenated ids of all rows, int32. Shape [num_tokens].
        offsets: start of each row, and the end of the last row. Shape [N + 1].
        counts: dict of "num_words", "num_unknown", "num_truncated" and "lines", the fields of a `Report`; and, unless
            every character is known, "num_characters" and "num_unknown_characters".

    Attributes:
        lengths: length T of each row, EOS included, int32. Shape [N].
        num_tokens: number of tokens of all rows, EOS included.
        num_words: number of words of the lines, separated by white space, and one EOS a line. The number does not
            depend on the tokenizer, so perplexities per word compare. In a truncated line, the words with at least
            one remaining token count, where each word is tokenized separately.
        unknown_rate: fraction of UNK among the tokens, EOS excluded.
        character_coverage: fraction of the non-space characters that do not become UNK, before lines are truncated.
            For a word tokenizer, the fraction of the characters in known words.
        truncated_share: fraction of the lines that were truncated.
        report: dict of all these numbers, and the counts of the lines that were read.
    """

    def __init__(self, ids, offsets, counts):
        self._ids, self._offsets = ids, offsets
        self.lengths = np.diff(offsets).astype(np.int32)
        self.num_tokens = int(offsets[-1])
        self.num_words = counts["num_words"]
        self.unknown_rate = counts["num_unknown"] / max(self.num_tokens - len(self), 1)
        uncovered = counts.get("num_unknown_characters", 0) / max(counts.get("num_characters", 0), 1)
        self.character_coverage = 1.0 - uncovered
        self.truncated_share = counts["num_truncated"] / len(self)
        self.report = {
            "num_rows": len(self),
            "num_tokens": self.num_tokens,
            "num_words": self.num_words,
            "longest": int(self.lengths.max()),
            "unknown_rate": self.unknown_rate,
            "character_coverage": self.character_coverage,
            "truncated_share": self.truncated_share,
            "lines": counts["lines"],
        }

    def __len__(self):
        return len(self._offsets) - 1

    def rows(self, indices, *, pad_multiple=1):
        """Returns the selected rows with EOS, padded to the longest of them.

        Args:
            indices: indices of at least one row. Shape [n].
            pad_multiple: divisor of T, which is rounded up to a multiple.

        Returns:
            rows: int32. Shape [n, T].
        """
        indices = np.asarray(indices)
        lengths = self.lengths[indices][:, None]  # [n, 1]
        num_columns = -(-int(lengths.max()) // pad_multiple) * pad_multiple
        columns = np.arange(num_columns)  # [T]
        places = np.minimum(self._offsets[indices][:, None] + columns, self.num_tokens - 1)
        return np.where(columns < lengths, self._ids[places], np.int32(PAD))


def check_tokens(tokens) -> None:
    """Checks that an object is `Tokens`, not lines.

    Args:
        tokens: any object.

    Raises:
        ValueError: if the object is of another type.
    """
    if not isinstance(tokens, Tokens):
        raise ValueError(f"Expected `Tokens`, which `tokenize` makes of lines. Received: {type(tokens).__name__}.")


def sample_order(tokens, num_rows, seed=0):
    """Returns the indices of the rows of `sample_rows`. Shape [n].

    Args:
        tokens: rows of a split, `Tokens`.
        num_rows: number of rows n; if the split has fewer, all of them.
        seed: non-negative seed of the draw.

    Raises:
        ValueError: if `num_rows` is below 1, or `seed` negative.
    """
    check_count("num_rows", num_rows)
    check_count("seed", seed, 0)
    check_tokens(tokens)
    return np.random.default_rng(seed).permutation(len(tokens))[:num_rows]


def sample_rows(tokens, num_rows, seed=0):
    """Returns random rows of a split, drawn without replacement.

    The first rows of a corpus may all come from one page, and the first rows of `evaluation_dataset` are the shortest.

    Args:
        tokens: rows of a split, `Tokens`.
        num_rows: number of rows n; if the split has fewer, all rows are returned, shuffled.
        seed: non-negative seed of the draw.

    Returns:
        rows: int32, padded to the longest row. Shape [n, T].

    Raises:
        ValueError: if `num_rows` is below 1, or `seed` negative.
    """
    chosen = sample_order(tokens, num_rows, seed)
    return tokens.rows(chosen)


def tokenize(lines, tokenizer, *, max_length=None, directory=None):
    """Returns the ids of all lines, after one pass over them.

    With a `directory`, the ids are written there and memory-mapped, so a corpus may exceed the memory. Existing ids in
    the directory are used if tokenizer, `max_length` and source are the same, and replaced otherwise. An interrupted
    pass leaves no valid files.

    Args:
        lines: `Lines`, the path of a file of lines, or a list of str.
        tokenizer: `Tokenizer` of the ids.
        max_length: largest number of tokens of a row, EOS included; longer lines are truncated. None is no limit.
        directory: folder for the ids of this split only; None is memory.

    Returns:
        tokens: rows of the split, `Tokens`.

    Raises:
        ValueError: if `max_length` is below 2, if there is no line, or if another program's tokens.json is in the
            directory.
    """
    optional(check_count, "max_length", max_length, 2, remedy="A row has a token and EOS.")
    fits = all(hasattr(tokenizer, name) for name in ("encode", "unknown_characters", "model"))
    require(fits, "tokenizer", "be a `Tokenizer`", type(tokenizer).__name__)
    lines = lines if isinstance(lines, Lines) else Lines(lines)
    if directory is None:
        return _in_memory(lines, tokenizer, max_length)
    directory = as_path(directory, "directory")
    key = {
        "version": _VERSION,
        "tokenizer": hashlib.sha256(tokenizer.model).hexdigest(),
        "max_length": max_length,
        "source": lines.fingerprint(),
    }
    if not _is_stored(directory, key):
        _refuse_foreign(directory / _META)
        _store(directory, key, lines, tokenizer, max_length)
    counts = read_json(directory / _META, ("counts",))["counts"]
    ids = np.memmap(directory / _IDS, np.int32, mode="r")
    return Tokens(ids, np.memmap(directory / _OFFSETS, np.int64, mode="r"), counts)


def _in_memory(lines, tokenizer, max_length):
    """Returns the tokens, held in memory."""
    chunks = []
    counts = _encode(lines, tokenizer, max_length, lambda *chunk: chunks.append(chunk))
    ids, lengths = (np.concatenate(arrays) for arrays in zip(*chunks, strict=True))
    return Tokens(ids, np.concatenate([[0], np.cumsum(lengths)]), counts)


def _encode(lines, tokenizer, max_length, write):
    """Calls `write` with the ids [num_tokens of the chunk] and lengths [n] of each chunk; returns the counts."""
    names = ("num_words", "num_characters", "num_unknown", "num_unknown_characters", "num_truncated")
    counts = dict.fromkeys(names, 0)
    keep = None if max_length is None else max_length - 1
    stream = iter(lines)
    while chunk := list(itertools.islice(stream, _CHUNK)):
        rows = tokenizer.encode(chunk)
        longer = [index for index, row in enumerate(rows) if keep is not None and len(row) > keep]
        num_words = np.array([len(line.split()) for line in chunk])
        num_characters = np.array([len(line) for line in chunk]) - (num_words - 1)  # a space between any two words
        strange = np.unique(np.repeat(np.arange(len(rows)), [len(row) for row in rows])[np.concatenate(rows) == UNK])
        unknown = tokenizer.unknown_characters([chunk[index] for index in strange])
        num_words[longer] = [_words_begun(chunk[index], tokenizer, keep) for index in longer]
        ids = np.concatenate([part for row in rows for part in (row[:keep], _END)])
        write(ids, np.array([len(row[:keep]) + 1 for row in rows], np.int64))
        counts["num_words"] += int(num_words.sum()) + len(chunk)  # EOS is a word
        counts["num_characters"] += int(num_characters.sum())
        # Normalization may turn one character into several.
        counts["num_unknown_characters"] += int(np.minimum(unknown, num_characters[strange]).sum())
        counts["num_unknown"] += int(np.count_nonzero(ids == UNK))
        counts["num_truncated"] += len(longer)
    return {**counts, "lines": lines.report._asdict()}


def _words_begun(line, tokenizer, keep):
    """Returns the number of words of a line that begin within its first `keep` tokens."""
    words = line.split()[:keep]  # enough, since a word has at least one token
    starts = np.cumsum([0] + [len(row) for row in tokenizer.encode(words)])[:-1]
    return int(np.count_nonzero(starts < keep))


def _is_stored(directory, key):
    """Returns whether the directory has the complete tokens of this pass."""
    try:
        meta = read_json(directory / _META)
        whole = is_sealed(meta) and are_unchanged(directory, meta.get("files", {}))
        sizes = meta["key"] == key and all((directory / name).stat().st_size == size for name, size in meta["sizes"])
        return whole and sizes
    except (OSError, ValueError, KeyError, TypeError):  # missing, damaged or written by another program
        return False


def _refuse_foreign(path):
    """Raises ValueError if another program has written the description, which is then not replaced."""
    try:
        meta = read_json(path)
    except ValueError:  # missing or damaged
        return
    if isinstance(meta, dict) and not {"key", "sizes", "counts"} <= meta.keys():
        raise ValueError(
            f"Expected a `directory` for the tokens of this split alone. Received: {path.parent}, whose {path.name} is "
            "of something else."
        )


def _store(directory, key, lines, tokenizer, max_length):
    """Writes the tokens to temporary files, then replaces the files of the directory, the description last."""
    directory.mkdir(parents=True, exist_ok=True)
    delete_leftovers(path for name in (_IDS, _OFFSETS, _META) for path in directory.glob(f"{name}.*.partial"))
    partial = {name: directory / f"{name}.{owner()}.partial" for name in (_IDS, _OFFSETS, _META)}
    try:
        with ExitStack() as stack:
            ids, offsets = (stack.enter_context(partial[name].open("wb")) for name in (_IDS, _OFFSETS))
            offsets.write(np.zeros(1, np.int64).tobytes())
            end = 0

            def write(chunk, lengths):
                nonlocal end
                ids.write(chunk.tobytes())
                offsets.write((end + np.cumsum(lengths)).tobytes())
                end += len(chunk)

            counts = _encode(lines, tokenizer, max_length, write)
        sizes = [(name, partial[name].stat().st_size) for name in (_IDS, _OFFSETS)]
        files = facts_of(directory, [partial[name].name for name in (_IDS, _OFFSETS)])
        named = dict(zip((_IDS, _OFFSETS), files.values(), strict=True))
        meta = sealed({"key": key, "sizes": sizes, "counts": counts, "files": named})
        partial[_META].write_text(json.dumps(meta), encoding="utf-8")
        (directory / _META).unlink(missing_ok=True)
        for name, path in partial.items():
            os.replace(path, directory / name)
    finally:
        for path in partial.values():
            path.unlink(missing_ok=True)
