"""The kinds of tokenizers, and the mark by which a model of words says of which kind it is."""

import re
from typing import NamedTuple

from sentencepiece import sentencepiece_model_pb2

_PUNCTUATION = "!-/:-@\\[-^`{-~\u00a1-\u00bf\u0964\u0965\u2010-\u2027\u2030-\u205e\u3001-\u303f\uff01-\uff0f"
# A word keeps its apostrophes and hyphens; it is told by what it lacks, for \w lacks the vowel signs of Indic scripts.
# Both patterns are RE2's as well, for graph code.
_WORDS = re.compile(f"[^\\s{_PUNCTUATION}]+(?:['\u2019-][^\\s{_PUNCTUATION}]+)*|[{_PUNCTUATION}]")
BETWEEN_SPACES = re.compile(r"[^\s]+")
_MARK = "rme_tf:"


class Kind(NamedTuple):
    """A kind of tokenizer, in SentencePiece's terms."""

    model_type: str
    unknown: str  # how `decode` writes UNK
    word: re.Pattern | None = None  # a word, which is never cut; None leaves that to the model


TOKENIZERS = {
    "bpe": Kind("bpe", "<unk>"),
    "char": Kind("char", "<unk>"),
    "unigram": Kind("unigram", "<unk>"),
    "whitespace": Kind("word", " <unk>", BETWEEN_SPACES),
    "word": Kind("word", " <unk>", _WORDS),
}


def marked(model: bytes, kind: str) -> bytes:
    """Returns a model that says of which kind it is; of those without words its type says so.

    SentencePiece does not tell what a word is. The name is kept where the name of the model's file would be, which it
    does not read; bytes that follow a serialized message are merged into it, so that nothing else changes.
    """
    if TOKENIZERS[kind].word is None:
        return model
    proto = sentencepiece_model_pb2.ModelProto()  # type: ignore[attr-defined]
    proto.trainer_spec.model_prefix = f"{_MARK}{kind}"
    return model + proto.SerializeToString()


def kind_of(proto, words) -> str:
    """Returns the kind of a model.

    Args:
        proto: its SentencePiece `ModelProto`.
        words: its pieces without the sign for a space, where it is a model of words.
    """
    spec = proto.trainer_spec
    if spec.model_type != spec.WORD:
        return {spec.BPE: "bpe", spec.CHAR: "char"}.get(spec.model_type, "unigram")
    name = spec.model_prefix.removeprefix(_MARK)
    if spec.model_prefix.startswith(_MARK) and name in TOKENIZERS:
        return name
    # Of this library before it marked them: to guess is what it did then.
    earlier = spec.unk_surface == TOKENIZERS["word"].unknown and all(len(_WORDS.findall(word)) == 1 for word in words)
    return "word" if earlier else "whitespace"  # which is what SentencePiece calls words
