"""Tokenizers: from lines of text to rows of ids and back, all of them SentencePiece models.

V entries of the vocabulary, of which four are no text: PAD, BOS, EOS and UNK, ids 0 to 3.
"""

import io
import random
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
import sentencepiece
from sentencepiece import sentencepiece_model_pb2

from rme_tf.data.text.special_ids import KINDS, special_ids, with_special_ids
from rme_tf.registry import lookup
from rme_tf.types import BOS, EOS, PAD, UNK

_PUNCTUATION = "!-/:-@\\[-^`{-~\u00a1-\u00bf\u0964\u0965\u2010-\u2027\u2030-\u205e\u3001-\u303f\uff01-\uff0f"
# A word keeps its apostrophes and hyphens; it is told by what it lacks, for \w lacks the vowel signs of Indic scripts.
# Both patterns are RE2's as well, for graph code.
_WORDS = re.compile(f"[^\\s{_PUNCTUATION}]+(?:['\u2019-][^\\s{_PUNCTUATION}]+)*|[{_PUNCTUATION}]")
_BETWEEN_SPACES = re.compile(r"[^\s]+")
_SPACE = "\u2581"  # SentencePiece's sign for a space
_UNKNOWN_WORDS = ("<unk>", "_UNK")  # as corpora are published that have been cut to a vocabulary
_LEAST_COVERAGE = 0.98  # that SentencePiece trains for
_LONGEST = 1 << 30  # bytes of a line; SentencePiece would skip those over 4,192
_SIZE_TOO_HIGH = re.compile(r"size too high .*<= (\d+)")
_SIZE_TOO_LOW = re.compile(r"smaller than required_chars. \d+ vs (\d+)")


class Kind(NamedTuple):
    """A kind of tokenizer, in SentencePiece's terms."""

    model_type: str
    unknown: str  # how `decode` writes UNK
    word: re.Pattern | None = None  # a word, which is never cut; None leaves that to the model


TOKENIZERS = {
    "bpe": Kind("bpe", "<unk>"),
    "char": Kind("char", "<unk>"),
    "unigram": Kind("unigram", "<unk>"),
    "whitespace": Kind("word", " <unk>", _BETWEEN_SPACES),
    "word": Kind("word", " <unk>", _WORDS),
}


class Tokenizer:
    """Turns lines into ids and ids into lines, by a SentencePiece model.

    Args:
        model: the bytes of a SentencePiece model. Where its ids of PAD, BOS, EOS and UNK are not 0, 1, 2 and 3, as by
            SentencePiece's own defaults, its pieces are put into another order, and a missing one is added.

    Attributes:
        model: the bytes of the model with these ids.
        pieces: what each id stands for, V str; a leading low line (U+2581) is a space.
        vocabulary_size: V.
        words: of a tokenizer by words, the id of each; None of the others.
        word_pattern: of a tokenizer by words, the regular expression of a word in normalised text.

    Raises:
        ValueError: if it is no such model.
    """

    def __init__(self, model):
        try:
            processor = sentencepiece.SentencePieceProcessor(model_proto=model)
            proto = sentencepiece_model_pb2.ModelProto.FromString(model)  # type: ignore[attr-defined]
        except Exception as error:  # of protobuf, or of SentencePiece's C++
            raise ValueError(
                f"Expected a SentencePiece model. Received: {len(model)} bytes of something else."
            ) from error
        ids = special_ids(processor)
        if ids != KINDS:
            model = with_special_ids(proto, ids)
            processor = sentencepiece.SentencePieceProcessor(model_proto=model)
        self._processor = processor
        self.model = model
        self.vocabulary_size = processor.get_piece_size()
        self.pieces = processor.id_to_piece(list(range(self.vocabulary_size)))
        self.words: dict[str, int] | None = None
        self.word_pattern = _WORDS
        if proto.trainer_spec.model_type == proto.trainer_spec.WORD:
            self.words = {piece.removeprefix(_SPACE): index for index, piece in enumerate(self.pieces) if index > UNK}
            # A model from elsewhere may know words that have punctuation in them: it is met as it was trained.
            if any(len(_WORDS.findall(word)) != 1 for word in self.words):
                self.word_pattern = _BETWEEN_SPACES

    def encode(self, lines):
        """Returns the ids of each line, int32 arrays without BOS and EOS.

        Args:
            lines: str, N of them.
        """
        lines = list(lines)
        if self.words is None:
            rows = self._processor.encode(lines)
        else:  # by hand: SentencePiece makes one UNK of several unknown words in a row
            rows = [[self.words.get(word, UNK) for word in row] for row in self._words_of(lines)]
        return [np.array(row, np.int32) for row in rows]

    def unknown_characters(self, lines):
        """Returns how many characters, spaces aside, UNK stands for in each normalised line.

        Args:
            lines: str, N of them.

        Returns:
            counts: int, N of them.
        """
        lines = list(lines)
        if self.words is not None:
            return [sum(len(word) for word in row if word not in self.words) for row in self._words_of(lines)]
        pieces, ids = self._processor.encode(lines, out_type=str), self._processor.encode(lines)
        rows = (zip(*pair, strict=True) for pair in zip(pieces, ids, strict=True))  # of UNK, what it stands for
        return [sum(len(piece.replace(_SPACE, "")) for piece, index in row if index == UNK) for row in rows]

    def decode(self, ids):
        """Returns the text of each row up to its first EOS, without PAD and BOS.

        Args:
            ids: Shape [N, T], or N rows of any length.

        Returns:
            lines: str, N of them.

        Raises:
            ValueError: if an id is not in the vocabulary.
        """
        lines = self._processor.decode([self._text_ids(row) for row in ids]) if len(ids) else []
        return lines if self.words is None else [line.strip() for line in lines]

    def save(self, path):
        """Writes the model to a file, which `load_tokenizer` reads."""
        Path(path).write_bytes(self.model)

    def _words_of(self, lines):
        """Yields the words of each normalised line."""
        for line in self._processor.normalize(lines):
            yield self.word_pattern.findall(line.replace(_SPACE, " "))

    def _text_ids(self, row):
        """Returns the ids of a row that stand for text, as a list."""
        row = np.asarray(row)
        if row.ndim != 1:
            raise ValueError(f"Expected rows of ids, shape [N, T]. Received: a row of shape {list(row.shape)}.")
        if row.size and not 0 <= row.min() <= row.max() < self.vocabulary_size:
            raise ValueError(
                f"Expected ids from 0 to {self.vocabulary_size - 1}. Received: {row.min()} to {row.max()}."
            )
        ends = np.flatnonzero(row == EOS)
        row = row[: ends[0]] if ends.size else row
        return row[(row != PAD) & (row != BOS)].tolist()


def train_tokenizer(lines, *, kind="unigram", vocabulary_size, lowercase=False, coverage=0.9995, limit=None, seed=0):
    """Returns a tokenizer fitted to the lines; the same lines and arguments give the same one.

    Text is brought to Unicode's normal form NFKC. A tokenizer by words keeps the V - 4 most frequent and has UNK for
    the others; `decode` then leaves a space between any two of them. "word" tells words from punctuation first,
    "whitespace" takes the corpus's own words, `<unk>` for an unknown one: so the Penn Treebank is published.

    Args:
        lines: `Lines`, or str to iterate over.
        kind: one of `TOKENIZERS`.
        vocabulary_size: V, the four that are no text among them.
        lowercase: whether to fold upper case into lower.
        coverage: the share of the text's characters that must be in the vocabulary, 0.98 or more; the rarest are UNK.
        limit: the most lines to look at, drawn at random; None is all, which are then held in memory.
        seed: of that draw.

    Raises:
        ValueError: if the lines do not allow for that V; the message says what they allow for.
    """
    kind = lookup(TOKENIZERS, kind, "kind of tokenizer")
    check_training(vocabulary_size, coverage)
    if limit is not None and limit < 1:
        raise ValueError(f"`limit` must be at least 1. Received: {limit}.")
    if limit is not None:
        lines = _sample(lines, limit, seed)
    if kind.word is not None:
        lines, coverage = (_words(line, kind.word) for line in lines), 1.0
    options = {
        "model_type": kind.model_type,
        "unk_surface": kind.unknown,
        "vocab_size": vocabulary_size,
        "character_coverage": coverage,
        "normalization_rule_name": "nmt_nfkc_cf" if lowercase else "nmt_nfkc",
    }
    tokenizer = Tokenizer(_train(lines, options))
    if tokenizer.vocabulary_size != vocabulary_size:
        _refuse(vocabulary_size, f"at most {tokenizer.vocabulary_size}, or more `coverage`")
    return tokenizer


def check_training(vocabulary_size: int, coverage: float) -> None:
    """Raises ValueError for arguments of `train_tokenizer` that no lines allow for."""
    if vocabulary_size <= UNK + 1:
        raise ValueError(f"`vocabulary_size` must be at least {UNK + 2}. Received: {vocabulary_size}.")
    if not _LEAST_COVERAGE <= coverage <= 1.0:
        raise ValueError(f"`coverage` must be from {_LEAST_COVERAGE} to 1. Received: {coverage}.")


def load_tokenizer(path):
    """Returns the tokenizer of a SentencePiece model's file.

    Raises:
        ValueError: if there is no such file, or it is no such model.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"Expected a SentencePiece model. Received: {path}, which is no file.")
    return Tokenizer(path.read_bytes())


def _train(lines, options):
    """Returns the bytes of a SentencePiece model."""
    file = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(lines),
            model_writer=file,
            pad_id=PAD,
            bos_id=BOS,
            eos_id=EOS,
            unk_id=UNK,
            max_sentence_length=_LONGEST,
            num_threads=1,  # more of them add up in an order of their own, and pieces change
            minloglevel=3,
            **options,
        )
    except RuntimeError as error:
        if found := _SIZE_TOO_HIGH.search(str(error)):
            _refuse(options["vocab_size"], f"at most {found[1]}", error)
        if found := _SIZE_TOO_LOW.search(str(error)):
            _refuse(options["vocab_size"], f"at least {found[1]}, or less `coverage`", error)
        raise
    return file.getvalue()


def _refuse(vocabulary_size, expected, error=None):
    raise ValueError(
        f"The lines do not allow for that `vocabulary_size`. Expected: {expected}. Received: {vocabulary_size}."
    ) from error


def _sample(lines, limit, seed):
    """Returns `limit` of the lines in memory, each with the same chance, after one pass (Vitter's algorithm R)."""
    generator = random.Random(seed)
    sample: list[str] = []
    for index, line in enumerate(lines):
        place = index if index < limit else generator.randrange(index + 1)
        if place < limit:
            sample[place : place + 1] = [line]
    return sample


def _words(line, pattern):
    """Returns the words of a line with spaces between them, but for those that stand for unknown ones."""
    return " ".join(word for word in pattern.findall(line) if word not in _UNKNOWN_WORDS)
