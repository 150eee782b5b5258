"""Training of tokenizers: SentencePiece models fitted to lines."""

import functools
import io
import random
import re

import sentencepiece

from rme_tf.core.registry import lookup
from rme_tf.core.types import BOS, EOS, PAD, UNK
from rme_tf.core.validation import check_count, check_number, optional
from rme_tf.data.text.corpus import str_lines
from rme_tf.data.text.kinds import TOKENIZERS, Kind, marked
from rme_tf.data.text.tokenizer import SPACE, Tokenizer

_UNKNOWN_WORDS = ("<unk>", "_UNK")  # in published corpora with a limited vocabulary
_LEAST_COVERAGE = 0.98  # smallest coverage that SentencePiece accepts
_LONGEST = 1 << 30  # bytes of a line; by default, SentencePiece skips lines over 4,192
_SIZE_TOO_HIGH = re.compile(r"size too high .*<= (\d+)")
_SIZE_TOO_LOW = re.compile(r"smaller than required_chars. \d+ vs (\d+)")


class VocabularySizeError(ValueError):
    """A vocabulary size that the lines do not allow.

    Attributes:
        largest: largest possible V; None if the requested size was too small.
    """

    def __init__(self, received: int, expected: str, largest: int | None = None):
        super().__init__(
            f"The lines do not allow for that `vocabulary_size`. Expected: {expected}. Received: {received}."
        )
        self.largest = largest


def train_tokenizer(lines, *, kind="unigram", vocabulary_size, lowercase=False, coverage=0.9995, limit=None, seed=0):
    """Returns a tokenizer fitted to the lines, deterministically.

    Text is normalized to the Unicode form NFKC. A word tokenizer has the V - 4 most frequent words and UNK for all
    others; `decode` then puts a space between any two words. The kind "word" separates words from punctuation. The
    kind "whitespace" splits at white space, with `<unk>` for an unknown word, as the Penn Treebank is published. The
    kind "integers" is for lines of integers, and does not split them either.

    Args:
        lines: `Lines`, the path of a file of lines, or an iterable of str.
        kind: one of `TOKENIZERS`.
        vocabulary_size: number of ids V, the four special ids included.
        lowercase: whether to convert text to lower case.
        coverage: fraction of the characters of the text that must be in the vocabulary, at least 0.98; the rarest
            characters become UNK.
        limit: largest number of lines, drawn at random; None is all lines, which are then held in memory.
        seed: seed of the draw of lines.

    Raises:
        ValueError: if `lines` is not lines, or does not allow the vocabulary size; the message has the limit.
    """
    options = {"lowercase": lowercase, "coverage": coverage, "limit": limit, "seed": seed}
    chosen = lookup(TOKENIZERS, kind, "kind of tokenizer")
    model = _fitted(lines, chosen, vocabulary_size, words=functools.partial(_words, normalize=True), **options)
    tokenizer = Tokenizer(marked(model, kind))
    if tokenizer.vocabulary_size != vocabulary_size:
        most = tokenizer.vocabulary_size
        remedy = "" if chosen.word is not None else ", or more `coverage`"
        raise VocabularySizeError(vocabulary_size, f"at most {most}{remedy}", most)
    return tokenizer


def earlier_model(lines, *, kind, vocabulary_size, **options) -> bytes:
    """Returns an unmarked word model, as trained by earlier versions.

    Args:
        lines: `Lines`, the path of a file of lines, or an iterable of str.
        kind: "word" or "whitespace".
        vocabulary_size: number of ids V.
        **options: all other arguments of `train_tokenizer`.
    """
    words = functools.partial(_words, normalize=False)
    return _fitted(lines, TOKENIZERS[kind], vocabulary_size, words=words, **options)


def check_training(vocabulary_size: int, coverage: float) -> None:
    """Checks the arguments of `train_tokenizer` that do not depend on lines.

    Args:
        vocabulary_size: number of ids V.
        coverage: fraction of the characters that must be in the vocabulary.

    Raises:
        ValueError: if an argument is out of its range.
    """
    check_count("vocabulary_size", vocabulary_size, UNK + 2)
    check_number("coverage", coverage, least=_LEAST_COVERAGE, most=1.0)


def _fitted(lines, kind: Kind, vocabulary_size, *, words, lowercase, coverage, limit, seed) -> bytes:
    """Returns the bytes of a model; `words` is a function (lines, pattern, rule) -> lines of words."""
    check_training(vocabulary_size, coverage)
    optional(check_count, "limit", limit)
    lines, rule = str_lines(lines), "nmt_nfkc_cf" if lowercase else "nmt_nfkc"
    if limit is not None:
        lines = _sample(lines, limit, seed)
    if kind.word is not None:
        lines, coverage = words(lines, kind.word, rule), 1.0
    if kind.form is not None:
        lines = _of_form(lines, kind)
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
            num_threads=1,  # several threads add in any order, which changes the pieces
            minloglevel=3,
            **options,
        )
    except RuntimeError as error:
        if source.error is not None:
            raise source.error from None
        if source.is_empty:
            raise ValueError("Expected at least one line of text to train a tokenizer on. Received: none.") from error
        received = options["vocab_size"]
        if match := _SIZE_TOO_HIGH.search(str(error)):
            raise VocabularySizeError(received, f"at most {match[1]}", int(match[1])) from error
        if match := _SIZE_TOO_LOW.search(str(error)):
            raise VocabularySizeError(received, f"at least {match[1]}, or less `coverage`") from error
        raise
    return file.getvalue()


class _Source:
    """Lines for SentencePiece, which hides errors of its input: they are stored here."""

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
    """Returns a uniform sample of `limit` lines, after one pass (Vitter's algorithm R)."""
    generator = random.Random(seed)
    sample: list[str] = []
    for index, line in enumerate(lines):
        place = index if index < limit else generator.randrange(index + 1)
        if place < limit:
            sample[place : place + 1] = [line]
    return sample


def _of_form(lines, kind: Kind):
    """Yields the lines; raises ValueError for a word of another form than the kind has."""
    for line in lines:
        for word in line.split():
            kind.check(word)
        yield line


def _words(lines, pattern, rule, *, normalize):
    """Yields lines of words with spaces between them, without the signs for unknown words.

    Words are searched in the normal form of a line, like in `Tokenizer.encode`: an ellipsis is one character, or
    three. Earlier versions searched in the line itself.
    """
    normalizer = sentencepiece.SentencePieceNormalizer(rule_name=rule)
    unknown = {*_UNKNOWN_WORDS}
    if normalize:
        unknown |= {normalizer.normalize(word).removeprefix(SPACE) for word in _UNKNOWN_WORDS}
    for line in lines:
        line = normalizer.normalize(line).replace(SPACE, " ") if normalize else line
        yield " ".join(word for word in pattern.findall(line) if word not in unknown)
