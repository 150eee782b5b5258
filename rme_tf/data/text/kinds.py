"""Kinds of tokenizers, and the mark of a word model's kind."""

import re
from typing import NamedTuple

from sentencepiece import sentencepiece_model_pb2

_PUNCTUATION = "!-/:-@\\[-^`{-~\u00a1-\u00bf\u0964\u0965\u2010-\u2027\u2030-\u205e\u3001-\u303f\uff01-\uff0f"
# A word includes its apostrophes and hyphens. The pattern lists the characters outside of words, since \w lacks the
# vowel signs of Indic scripts. Both patterns are also valid in RE2, for graph code.
_WORDS = re.compile(f"[^\\s{_PUNCTUATION}]+(?:['\u2019-][^\\s{_PUNCTUATION}]+)*|[{_PUNCTUATION}]")
BETWEEN_SPACES = re.compile(r"[^\s]+")
INTEGERS = "integers"
_INTEGER = re.compile("0|-?[1-9][0-9]*")  # in one form, so that equal integers are one token
_MARK = "rme_tf:"


class Kind(NamedTuple):
    """A kind of tokenizer, in SentencePiece's terms."""

    model_type: str
    unknown: str  # text of UNK in `decode`
    word: re.Pattern | None = None  # pattern of a word, which is never split; None leaves the pieces to the model
    form: re.Pattern | None = None  # pattern of the words that a tokenizer is trained on; None is any

    def check(self, word: str) -> None:
        """Raises ValueError for a word of another form."""
        if self.form is not None and not self.form.fullmatch(word):
            raise ValueError(
                "Expected integers separated by white space, such as 12 0 -3, without a plus or leading zeros. "
                f"Received: {word!r}. The kind 'whitespace' takes any words."
            )


TOKENIZERS = {
    "bpe": Kind("bpe", "<unk>"),
    "char": Kind("char", "<unk>"),
    INTEGERS: Kind("word", " <unk>", BETWEEN_SPACES, _INTEGER),
    "unigram": Kind("unigram", "<unk>"),
    "whitespace": Kind("word", " <unk>", BETWEEN_SPACES),
    "word": Kind("word", " <unk>", _WORDS),
}


def marked(model: bytes, kind: str) -> bytes:
    """Returns the bytes of a model with a mark of its kind.

    Only word models are marked: SentencePiece does not store the definition of a word. The mark is stored as the name
    of the model's file, which SentencePiece does not read. Bytes after a serialized message are merged into the
    message, so nothing else changes.

    Args:
        model: bytes of a SentencePiece model.
        kind: one of `TOKENIZERS`.
    """
    if TOKENIZERS[kind].word is None:
        return model
    proto = sentencepiece_model_pb2.ModelProto()  # type: ignore[attr-defined]
    proto.trainer_spec.model_prefix = f"{_MARK}{kind}"
    return model + proto.SerializeToString()


def kind_of(proto, words) -> str:
    """Returns the kind of a model.

    Args:
        proto: SentencePiece `ModelProto` of the model.
        words: pieces of a word model, without the sign for a space.
    """
    spec = proto.trainer_spec
    if spec.model_type != spec.WORD:
        return {spec.BPE: "bpe", spec.CHAR: "char"}.get(spec.model_type, "unigram")
    name = spec.model_prefix.removeprefix(_MARK)
    if spec.model_prefix.startswith(_MARK) and name in TOKENIZERS:
        return name
    # Models of earlier versions of this library have no mark, and the kind was inferred like this.
    earlier = spec.unk_surface == TOKENIZERS["word"].unknown and all(len(_WORDS.findall(word)) == 1 for word in words)
    return "word" if earlier else "whitespace"  # the words of SentencePiece's own word models
