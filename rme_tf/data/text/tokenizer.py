"""Tokenizers between lines of text and rows of ids, based on SentencePiece.

V entries of the vocabulary. Four of them are special ids without text: PAD, BOS, EOS and UNK, 0 to 3.
"""

import numpy as np
import sentencepiece
from sentencepiece import sentencepiece_model_pb2

from rme_tf.core.files import as_path
from rme_tf.core.types import BOS, EOS, PAD, UNK
from rme_tf.core.validation import check_instance
from rme_tf.data.text.corpus import str_lines
from rme_tf.data.text.kinds import BETWEEN_SPACES, TOKENIZERS, kind_of
from rme_tf.data.text.sources import is_file, shortened
from rme_tf.data.text.special_ids import KINDS, special_ids, with_special_ids

SPACE = "\u2581"  # SentencePiece's sign for a space


class Tokenizer:
    """A tokenizer with a SentencePiece model.

    Args:
        model: bytes of a SentencePiece model. If its ids of PAD, BOS, EOS and UNK are not 0, 1, 2 and 3 (SentencePiece
            has other defaults), its pieces are reordered and missing special pieces are added.

    Attributes:
        model: bytes of the model with these ids.
        pieces: text of each id, V str; a leading U+2581 is a space.
        vocabulary_size: number of ids V.
        kind: one of `TOKENIZERS`, read from the model; a word model that SentencePiece trained by itself has the kind
            "whitespace".
        words: dict from words to ids of a word tokenizer; None for other tokenizers.
        word_pattern: regular expression of a word in normalized text, for a word tokenizer.

    Raises:
        ValueError: if the bytes are not a SentencePiece model.
    """

    def __init__(self, model):
        check_instance("model", model, bytes, "the bytes of a SentencePiece model")
        try:
            processor = sentencepiece.SentencePieceProcessor(model_proto=model)
            proto = sentencepiece_model_pb2.ModelProto.FromString(model)  # type: ignore[attr-defined]
            ids = special_ids(processor)
            if ids != KINDS:
                model = with_special_ids(proto, ids)
                processor = sentencepiece.SentencePieceProcessor(model_proto=model)
            pieces = processor.id_to_piece(list(range(processor.get_piece_size())))
        except Exception as error:  # raised by protobuf, or by SentencePiece's C++
            raise ValueError(
                f"Expected a SentencePiece model. Received: {len(model)} bytes of something else, or damaged ones."
            ) from error
        self._processor = processor
        self.model = model
        self.vocabulary_size = len(pieces)
        self.pieces = pieces
        words = {piece.removeprefix(SPACE): index for index, piece in enumerate(self.pieces) if index > UNK}
        self.kind = kind_of(proto, words)
        pattern = TOKENIZERS[self.kind].word
        self.words: dict[str, int] | None = None if pattern is None else words
        self.word_pattern = pattern or BETWEEN_SPACES  # unused without words

    def __reduce__(self):
        return type(self), (self.model,)  # pickled and copied in its saved form

    def encode(self, lines):
        """Returns the ids of each line, int32 arrays without BOS and EOS.

        Args:
            lines: N str, or the path of a file of lines. A single line is passed in a list.

        Raises:
            ValueError: if `lines` is neither lines nor the path of a file.
        """
        lines = list(str_lines(lines))
        if self.words is None:
            rows = self._processor.encode(lines)
        else:  # not by SentencePiece, which merges consecutive unknown words into one UNK
            rows = [[self.words.get(word, UNK) for word in row] for row in self._words_of(lines)]
        return [np.array(row, np.int32) for row in rows]

    def unknown_characters(self, lines):
        """Returns the number of non-space characters that become UNK, by normalized line.

        Args:
            lines: N str, or the path of a file of lines.

        Returns:
            counts: list of N integers.
        """
        lines = list(str_lines(lines))
        if self.words is not None:
            return [sum(len(word) for word in row if word not in self.words) for row in self._words_of(lines)]
        pieces, ids = self._processor.encode(lines, out_type=str), self._processor.encode(lines)
        rows = (zip(*pair, strict=True) for pair in zip(pieces, ids, strict=True))  # the piece of an UNK is its text
        return [sum(len(piece.replace(SPACE, "")) for piece, index in row if index == UNK) for row in rows]

    def decode(self, ids):
        """Returns the text of each row.

        The text ends at the first EOS of a row; PAD and BOS are left out.

        Args:
            ids: array of shape [N, T], or N rows of any length.

        Returns:
            lines: list of N str.

        Raises:
            ValueError: if `ids` is not rows of ids, or an id is outside of the vocabulary.
        """
        if isinstance(ids, str | bytes) or not hasattr(ids, "__iter__") or getattr(ids, "shape", None) == ():
            raise ValueError(f"Expected rows of ids, shape [N, T]. Received: {ids!r}.")
        lines = self._processor.decode([self._text_ids(row) for row in ids]) if len(ids) else []
        return lines if self.words is None else [line.strip() for line in lines]

    def save(self, path):
        """Writes the model to a file for `load_tokenizer`."""
        as_path(path).write_bytes(self.model)

    def _words_of(self, lines):
        """Yields the words of each normalized line."""
        for line in self._processor.normalize(lines):
            yield self.word_pattern.findall(line.replace(SPACE, " "))

    def _text_ids(self, row):
        """Returns the ids of a row that stand for text, as a list."""
        row = np.asarray(row)
        if row.ndim != 1:
            raise ValueError(
                f"Expected rows of ids, shape [N, T]. Received: a row of shape {list(row.shape)}. "
                "Pass one row in a list, [row]."
            )
        if row.size and row.dtype.kind not in "iu":
            raise ValueError(f"Expected ids, integers. Received: {row.dtype}.")
        if row.size and not 0 <= row.min() <= row.max() < self.vocabulary_size:
            raise ValueError(
                f"Expected ids from 0 to {self.vocabulary_size - 1}. Received: {row.min()} to {row.max()}."
            )
        ends = np.flatnonzero(row == EOS)
        row = row[: ends[0]] if ends.size else row
        return row[(row != PAD) & (row != BOS)].tolist()


def load_tokenizer(path):
    """Returns the tokenizer of a SentencePiece model file.

    Args:
        path: path of the file.

    Raises:
        ValueError: if the file does not exist, or is not a SentencePiece model.
    """
    path = as_path(path)
    if not is_file(path):
        raise ValueError(f"Expected a SentencePiece model. Received: {shortened(path)}, which is no file.")
    return Tokenizer(path.read_bytes())
