"""The tokenizer of a run on sentences: trained on its corpus or loaded, and kept with the run."""

import os
import pathlib
import warnings
from typing import Any

from rme_tf.core.types import UNK
from rme_tf.data import text
from rme_tf.data.text.tokenizer_training import earlier_model

KEPT = "tokenizer.model"


def make_tokenizer(recipe: Any, lines) -> text.Tokenizer:
    """Returns the tokenizer, trained on the lines or loaded.

    Warns of a vocabulary that the lines are too few for, and takes the largest that they allow for.

    Raises:
        ValueError: as the training does for anything else, or if there is no such file.
    """
    if recipe.tokenizer not in text.TOKENIZERS:
        if not os.path.isfile(recipe.tokenizer):
            kinds = ", ".join(repr(kind) for kind in text.TOKENIZERS)
            raise ValueError(
                f"`tokenizer` must be one of {kinds}, or a SentencePiece model. Received: {recipe.tokenizer!r}, which "
                "is no file."
            )
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
    if size < recipe.vocabulary_size:
        warnings.warn(
            f"The training sentences allow for a vocabulary of {size:,} by the tokenizer {recipe.tokenizer!r}: "
            f"the run has that in place of {recipe.vocabulary_size:,}.",
            stacklevel=4,
        )
    return tokenizer


def tokenizer_of_run(recipe: Any, lines) -> text.Tokenizer:
    """Returns the tokenizer of a run on the lines: of one that began before models of words had marks, that model."""
    tokenizer = make_tokenizer(recipe, lines)
    kept = pathlib.Path(recipe.out) / KEPT
    if recipe.overwrite or recipe.tokenizer not in text.TOKENIZERS or tokenizer.words is None or not kept.is_file():
        return tokenizer
    model = kept.read_bytes()
    if model == tokenizer.model:
        return tokenizer
    earlier = earlier_model(lines, vocabulary_size=tokenizer.vocabulary_size, seed=0, **_options(recipe))
    return text.Tokenizer(model) if model == earlier else tokenizer


def keep_tokenizer(tokenizer: text.Tokenizer, out: pathlib.Path) -> None:
    """Writes the tokenizer, or checks that it is the one that is there: else the ids would mean other words."""
    path = out / KEPT
    if path.exists() and path.read_bytes() != tokenizer.model:
        raise ValueError(f"The corpus gives another tokenizer than {path}. Choose another `out`, or pass `overwrite`.")
    tokenizer.save(path)


def _options(recipe: Any) -> dict[str, Any]:
    """Returns the arguments of the training, but for the size."""
    return {
        "kind": recipe.tokenizer,
        "lowercase": recipe.lowercase,
        "coverage": recipe.coverage,
        "limit": recipe.tokenizer_lines,
    }
