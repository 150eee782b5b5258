"""The training of tokenizers: SentencePiece models fitted to lines."""

import functools
import io
import random
import re

import sentencepiece

from rme_tf.core.registry import lookup
from rme_tf.core.types import BOS, EOS, PAD, UNK
from rme_tf.data.text.corpus import str_lines
from rme_tf.data.text.kinds import TOKENIZERS, Kind, marked
from rme_tf.data.text.tokenizer import SPACE, Tokenizer

_UNKNOWN_WORDS = ("<unk>", "_UNK")  # as corpora are published that have been cut to a vocabulary
_LEAST_COVERAGE = 0.98  # that SentencePiece trains for
_LONGEST = 1 << 30  # bytes of a line; SentencePiece would skip those over 4,192
_SIZE_TOO_HIGH = re.compile(r"size too high .*<= (\d+)")
_SIZE_TOO_LOW = re.compile(r"smaller than required_chars. \d+ vs (\d+)")


class VocabularySizeError(ValueError):
    """A vocabulary of a size that the lines do not allow for.

    Attributes:
        largest: V at most; None where it was too small.
    """

    def __init__(self, received: int, expected: str, largest: int | None = None):
        super().__init__(
            f"The lines do not allow for that `vocabulary_size`. Expected: {expected}. Received: {received}."
        )
        self.largest = largest


def train_tokenizer(lines, *, kind="unigram", vocabulary_size, lowercase=False, coverage=0.9995, limit=None, seed=0):
    """Returns a tokenizer fitted to the lines; the same lines and arguments give the same one.

    Text is brought to Unicode's normal form NFKC. A tokenizer by words keeps the V - 4 most frequent and has UNK for
    the others; `decode` then leaves a space between any two of them. "word" tells words from punctuation first,
    "whitespace" takes the corpus's own words, `<unk>` for an unknown one: so the Penn Treebank is published.

    Args:
        lines: `Lines`, the path of a file of lines, or str to iterate over.
        kind: one of `TOKENIZERS`.
        vocabulary_size: V, the four that are no text among them.
        lowercase: whether to fold upper case into lower.
        coverage: the share of the text's characters that must be in the vocabulary, 0.98 or more; the rarest are UNK.
        limit: the most lines to look at, drawn at random; None is all, which are then held in memory.
        seed: of that draw.

    Raises:
        ValueError: if they are no lines, or do not allow for that V; the message says what they allow for.
    """
    options = {"lowercase": lowercase, "coverage": coverage, "limit": limit, "seed": seed}
    chosen = lookup(TOKENIZERS, kind, "kind of tokenizer")
    model = _fitted(lines, chosen, vocabulary_size, words=functools.partial(_words, normalise=True), **options)
    tokenizer = Tokenizer(marked(model, kind))
    if tokenizer.vocabulary_size != vocabulary_size:
        most = tokenizer.vocabulary_size
        remedy = "" if chosen.word is not None else ", or more `coverage`"
        raise VocabularySizeError(vocabulary_size, f"at most {most}{remedy}", most)
    return tokenizer


def earlier_model(lines, *, kind, vocabulary_size, **options) -> bytes:
    """Returns the model of words that this library once trained, which does not say of which kind it is.

    Args:
        lines: as of `train_tokenizer`.
        kind: "word" or "whitespace".
        vocabulary_size: V.
        **options: the others of `train_tokenizer`, all of them.
    """
    words = functools.partial(_words, normalise=False)
    return _fitted(lines, TOKENIZERS[kind], vocabulary_size, words=words, **options)


def check_training(vocabulary_size: int, coverage: float) -> None:
    """Raises ValueError for arguments of `train_tokenizer` that no lines allow for."""
    if vocabulary_size <= UNK + 1:
        raise ValueError(f"`vocabulary_size` must be at least {UNK + 2}. Received: {vocabulary_size}.")
    if not _LEAST_COVERAGE <= coverage <= 1.0:
        raise ValueError(f"`coverage` must be from {_LEAST_COVERAGE} to 1. Received: {coverage}.")


def _fitted(lines, kind: Kind, vocabulary_size, *, words, lowercase, coverage, limit, seed) -> bytes:
    """Returns the bytes of a model; `words` is a function that returns lines of words, of lines and a pattern."""
    check_training(vocabulary_size, coverage)
    if limit is not None and limit < 1:
        raise ValueError(f"`limit` must be at least 1. Received: {limit}.")
    lines, rule = str_lines(lines), "nmt_nfkc_cf" if lowercase else "nmt_nfkc"
    if limit is not None:
        lines = _sample(lines, limit, seed)
    if kind.word is not None:
        lines, coverage = words(lines, kind.word, rule), 1.0
    return _train(
        lines,
        {
            "model_type": kind.model_type,
            "unk_surface": kind.unknown,
            "vocab_size": vocabulary_size,
            "character_coverage": coverage,
            "normalization_rule_name": rule,
        },
    )


def _train(lines, options):
    """Returns the bytes of a SentencePiece model."""
    file, source = io.BytesIO(), _Source(lines)
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(source),
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
        if source.error is not None:
            raise source.error from None
        if source.is_empty:
            raise ValueError("Expected at least one line of text to train a tokenizer on. Received: none.") from error
        received = options["vocab_size"]
        if found := _SIZE_TOO_HIGH.search(str(error)):
            raise VocabularySizeError(received, f"at most {found[1]}", int(found[1])) from error
        if found := _SIZE_TOO_LOW.search(str(error)):
            raise VocabularySizeError(received, f"at least {found[1]}, or less `coverage`") from error
        raise
    return file.getvalue()


class _Source:
    """Lines for SentencePiece, which does not say what went wrong while they were read."""

    def __init__(self, lines):
        self._lines = lines
        self.error: Exception | None = None
        self.is_empty = True

    def __iter__(self):
        try:
            for line in self._lines:
                self.is_empty = self.is_empty and not line.strip()
                yield line
        except Exception as error:
            self.error = error
            raise


def _sample(lines, limit, seed):
    """Returns `limit` of the lines in memory, each with the same chance, after one pass (Vitter's algorithm R)."""
    generator = random.Random(seed)
    sample: list[str] = []
    for index, line in enumerate(lines):
        place = index if index < limit else generator.randrange(index + 1)
        if place < limit:
            sample[place : place + 1] = [line]
    return sample


def _words(lines, pattern, rule, *, normalise):
    """Yields lines of words with spaces between them, but for those that stand for unknown ones.

    The words of a line are those of its normal form, which `Tokenizer.encode` looks for: "..." is one character, or
    three. Models of before had the words of the line itself.
    """
    normaliser = sentencepiece.SentencePieceNormalizer(rule_name=rule)
    unknown = {*_UNKNOWN_WORDS}
    if normalise:
        unknown |= {normaliser.normalize(word).removeprefix(SPACE) for word in _UNKNOWN_WORDS}
    for line in lines:
        line = normaliser.normalize(line).replace(SPACE, " ") if normalise else line
        yield " ".join(word for word in pattern.findall(line) if word not in unknown)
