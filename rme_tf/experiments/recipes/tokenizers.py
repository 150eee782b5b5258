"""Tokenizers of text runs: trained or loaded, and saved with the run."""

import dataclasses
import os
import pathlib
import warnings
from typing import Any

from rme_tf.core.types import UNK
from rme_tf.core.validation import check_count, optional
from rme_tf.data import text
from rme_tf.data.text.kinds import INTEGERS
from rme_tf.data.text.tokenizer_training import check_training, earlier_model

KEPT = "tokenizer.model"


@dataclasses.dataclass(frozen=True, kw_only=True)
class TokenizerFields:
    """Fields of a recipe for its tokenizer.

    Args:
        tokenizer: "word", "whitespace", "unigram", "bpe" or "char", trained on the training split; "integers" for lines
            of integers, such as events or notes; or a SentencePiece .model file.
        vocabulary_size: number of ids V of a trained tokenizer; for a corpus that is too small, the largest possible
            number is used, with a warning except for integers.
        tokenizer_lines: largest number of training sentences for the tokenizer, drawn by a fixed seed and held in
            memory; None for all.
        coverage: fraction of the characters that a tokenizer of pieces or characters must know, at least 0.98.
        lowercase: whether the tokenizer converts text to lower case.
    """

    tokenizer: str = "word"
    vocabulary_size: int = 2000
    tokenizer_lines: int | None = 1_000_000
    coverage: float = 0.9995
    lowercase: bool = False

    def check_tokenizer(self) -> None:
        """Raises ValueError for an invalid number or an unknown kind."""
        is_path = pathlib.PurePath(self.tokenizer).suffix or len(pathlib.PurePath(self.tokenizer).parts) > 1
        if self.tokenizer not in text.TOKENIZERS and not is_path:
            _check_file(self.tokenizer)
        optional(check_count, "tokenizer_lines", self.tokenizer_lines)
        check_training(self.vocabulary_size, self.coverage)


def make_tokenizer(recipe: TokenizerFields, lines) -> text.Tokenizer:
    """Returns the tokenizer of a recipe, trained on the lines or loaded.

    If the lines are too few for the vocabulary size, the largest possible size is used, with a warning.

    Args:
        recipe: fields of the tokenizer.
        lines: training lines.

    Raises:
        ValueError: if the training refuses an option or the lines, or the file of the tokenizer does not exist.
    """
    if recipe.tokenizer not in text.TOKENIZERS:
        _check_file(recipe.tokenizer)
        return text.load_tokenizer(recipe.tokenizer)
    size = recipe.vocabulary_size
    while True:
        try:
            tokenizer = text.train_tokenizer(lines, vocabulary_size=size, **_options(recipe))
            break
        except text.VocabularySizeError as error:
            if error.largest is None or not UNK + 1 < error.largest < size:
                raise
            size = error.largest
    if size < recipe.vocabulary_size and recipe.tokenizer != INTEGERS:
        warnings.warn(
            f"The training sentences allow for a vocabulary of {size:,} by the tokenizer {recipe.tokenizer!r}: "
            f"the run has that in place of {recipe.vocabulary_size:,}.",
            stacklevel=4,
        )
    return tokenizer


def _check_file(tokenizer: str) -> None:
    """Raises ValueError for a tokenizer that is neither a kind nor a file."""
    if not os.path.isfile(tokenizer):
        kinds = ", ".join(repr(kind) for kind in text.TOKENIZERS)
        raise ValueError(
            f"`tokenizer` must be one of {kinds}, or a SentencePiece model. Received: {tokenizer!r}, which is no file."
        )


def tokenizer_of_run(recipe: TokenizerFields, lines, out: pathlib.Path | None) -> text.Tokenizer:
    """Returns the tokenizer of a run, which may have an earlier format.

    A run that started before word models had marks keeps its unmarked model.

    Args:
        recipe: fields of the tokenizer.
        lines: training lines.
        out: directory of a run that may have started; None for a run from the start.
    """
    tokenizer = make_tokenizer(recipe, lines)
    if out is None or recipe.tokenizer not in text.TOKENIZERS or tokenizer.words is None or not (out / KEPT).is_file():
        return tokenizer
    model = (out / KEPT).read_bytes()
    if model == tokenizer.model:
        return tokenizer
    earlier = earlier_model(lines, vocabulary_size=tokenizer.vocabulary_size, seed=0, **_options(recipe))
    return text.Tokenizer(model) if model == earlier else tokenizer


def keep_tokenizer(tokenizer: text.Tokenizer, out: pathlib.Path) -> None:
    """Saves the tokenizer of a run, or checks the saved one.

    Args:
        tokenizer: tokenizer of the run.
        out: directory of the run.

    Raises:
        ValueError: if the directory has another tokenizer, whose ids stand for other text.
    """
    path = out / KEPT
    if path.exists() and path.read_bytes() != tokenizer.model:
        raise ValueError(f"The corpus gives another tokenizer than {path}. Choose another `out`, or pass `overwrite`.")
    tokenizer.save(path)


def _options(recipe: TokenizerFields) -> dict[str, Any]:
    """Returns the arguments of the training, without the size."""
    return {
        "kind": recipe.tokenizer,
        "lowercase": recipe.lowercase,
        "coverage": recipe.coverage,
        "limit": recipe.tokenizer_lines,
    }
