"""Defaults of recipes that follow from the size of the data.

A recipe's defaults are for many observations. With fewer than `FEW` training observations, an epoch would be a handful
of steps, the warm start and the annealing would end too early or never, and large networks would overfit unnoticed.
"""

import dataclasses
from typing import Any, NamedTuple

import numpy as np

from rme_tf.experiments.cli import parse, refusals
from rme_tf.experiments.parts.fields import with_fields
from rme_tf.experiments.recipes.base import Recipe
from rme_tf.experiments.recipes.images import ImageRecipe
from rme_tf.experiments.recipes.text import TextRecipe

FEW = 5_000  # training observations; with more, the defaults stay
FEW_SENTENCES = 1_000  # training sentences; with fewer, the decoder hardly learned to use z: docs/training.md
SO_FEW = (
    "{:,} training sentences will hardly teach the decoder to use z: most reconstructions will be alike, and codes of "
    "no use. Take 1,000 sentences or more."
)
LEAST_BATCH = 8
BATCHES = 16  # steps of an epoch at least, as far as `LEAST_BATCH` allows
STEPS = 1_500  # of training, at least
MOST_EPOCHS = 60
LEAST_VOCABULARY = 100
IMPORTANCE_SAMPLES = 100  # of an image: 500 would take longer than the training
SMALL = 32  # pixels on a side
RESIDUAL: dict[str, Any] = {
    f"{part}.{name}": value
    for part in ("encoder", "decoder")
    for name, value in (("name", "resnet"), ("filters", (32, 64)))
}
WORD_KINDS = ("whitespace", "word")
WORDS_PER_ENTRY = 8  # running words for each entry of the vocabulary: rarer words are unknown, in training too


class DataSize(NamedTuple):
    """Numbers of training observations and of their words, and color."""

    num_train: int
    num_words: int | None = None  # of sentences, for a tokenizer of words
    in_color: bool = False  # most images, if they are few


def parse_by_size(defaults: Recipe, description: str | None = None, args=None) -> Recipe:
    """Returns the recipe of a command line, with defaults by data size.

    Flags and `--config` win over these defaults, which are printed as far as they apply: a run of seconds, `smoke`, has
    epochs of its own.

    Args:
        defaults: recipe without flags, for many observations.
        description: text at the top of `--help`.
        args: words of the command line; None for `sys.argv`.
    """

    def read(fields: dict[str, Any]) -> Recipe:
        """Returns the recipe of the command line, with other defaults."""
        return parse(with_fields(defaults, fields), description, args)

    recipe = read({})
    with refusals():
        size = size_of(recipe)
        chosen = sizes_for(size, defaults)
        networks = networks_for(size, read(chosen))
        both = (chosen, chosen | networks)
        if networks and all(_same_networks(with_fields(defaults, fields), read(fields)) for fields in both):
            chosen |= networks
        chosen |= lengths_for(size, read(chosen))  # which follow from sizes that flags may have set
        recipe = read(chosen)
    applied = {name: value for name, value in chosen.items() if recipe.resolved().option(name) == value}
    if applied:
        values = ", ".join(f"{name.removesuffix('.name')} {value}" for name, value in applied.items())
        print(f"For {size.num_train:,} training observations: {values}.")
    if isinstance(recipe, TextRecipe) and size.num_train < FEW_SENTENCES and not recipe.language_model:
        print(SO_FEW.format(size.num_train))
    return dataclasses.replace(recipe, by_size=tuple(applied))


def sized_fields(defaults: Recipe) -> set[str]:
    """Returns the dotted names of fields that depend on the data's size.

    Args:
        defaults: recipe for many observations.
    """
    size = DataSize(num_train=1, num_words=1, in_color=True)
    fields = sizes_for(size, defaults)
    recipe = with_fields(defaults, fields)
    return {*fields, *networks_for(size, recipe), *lengths_for(size, recipe)}


def size_of(recipe: Recipe) -> DataSize:
    """Returns the size of the training split of a recipe.

    Raises:
        ValueError: if the data are unavailable.
    """
    if isinstance(recipe, TextRecipe):
        lengths = [len(line.split()) for line in recipe.read().train][: recipe.train_size]
        return DataSize(len(lengths), sum(lengths) if recipe.tokenizer in WORD_KINDS else None)
    if isinstance(recipe, ImageRecipe):
        images = recipe.splits()[0].train[: recipe.train_size]
        return DataSize(len(images), in_color=len(images) < FEW // 5 and _in_color(images))
    raise ValueError(f"Expected a recipe of images or of sentences. Received: {type(recipe).__name__}.")


def sizes_for(size: DataSize, recipe: Recipe) -> dict[str, Any]:
    """Returns the fields that follow from the size of the data alone.

    They have dotted names. There are none for many observations.

    Args:
        size: size of the training split.
        recipe: recipe with the defaults for many observations.
    """
    count = size.num_train
    if count >= FEW:
        return {}
    batch_size = max(1, min(recipe.batch_size, count, max(LEAST_BATCH, power_of_two(count // BATCHES))))
    epochs = max(recipe.epochs, min(MOST_EPOCHS, -(-STEPS // max(1, count // batch_size))))
    fields: dict[str, Any] = {"batch_size": batch_size, "epochs": epochs}
    if isinstance(recipe, TextRecipe):
        fields["held_out"] = 10
        if size.num_words is not None:
            entries = max(LEAST_VOCABULARY, size.num_words // WORDS_PER_ENTRY)
            fields["vocabulary_size"] = min(recipe.vocabulary_size, entries)
        width = 64 if count < FEW // 5 else 128
        for part in ("encoder", "decoder"):
            fields |= {f"{part}.{name}": width for name in ("units", "embedding_size")}
        fields["decoder.word_dropout"] = 0.3
        return fields
    few = count < FEW // 5
    fields |= {"latent_dim": 16 if few else 32, "components": 3, **({"size": 32} if few else {})}
    fields["importance_samples"] = min(recipe.importance_samples, IMPORTANCE_SAMPLES)
    return fields | dict.fromkeys(("encoder.filters", "decoder.filters"), 16 if few else 32)


def networks_for(size: DataSize, recipe: Recipe) -> dict[str, Any]:
    """Returns residual networks for few small images in color.

    They are for trainings of few steps. A comparison with "dcgan" is in docs/training.md.

    Args:
        size: size of the training split.
        recipe: recipe with the fields of `sizes_for`.
    """
    if not isinstance(recipe, ImageRecipe) or size.num_train >= FEW // 5 or not size.in_color:
        return {}
    plain = recipe.encoder.name == recipe.decoder.name == "dcgan"
    return RESIDUAL if plain and (recipe.size or SMALL) <= SMALL else {}


def lengths_for(size: DataSize, recipe: Recipe) -> dict[str, Any]:
    """Returns the fields that follow from batch size and epochs.

    They are the epochs of the warm start, the steps of the annealing, and the end of a training that has stopped
    improving, with the best weights; none for many observations.

    Args:
        size: size of the training split.
        recipe: recipe with its own batch size and epochs.
    """
    if size.num_train >= FEW:
        return {}
    steps = recipe.epochs * max(1, size.num_train // recipe.batch_size)
    fields: dict[str, Any] = {"algorithm.warm_start_epochs": recipe.epochs // 10}
    if isinstance(recipe, TextRecipe) and recipe.option("algorithm.kl_weight.steps") is not None:
        fields["algorithm.kl_weight.steps"] = max(1, steps // 4)
    if recipe.train_steps is None and recipe.schedule == "constant" and recipe.patience is None:
        fields |= {"patience": max(2, recipe.epochs // 10), "max_halvings": 2, "restore_best": True}
    return fields


def _in_color(images: np.ndarray) -> bool:
    """Returns whether most images [N, H, W, C] are in color."""
    colored = np.any(images[..., :1] != images, axis=(1, 2, 3))
    return float(np.mean(colored)) > 0.5


def _same_networks(recipe: Recipe, other: Recipe) -> bool:
    """Returns whether two recipes have the same encoder and decoder."""
    return recipe.encoder == other.encoder and recipe.decoder == other.decoder


def power_of_two(number: int) -> int:
    """Returns the largest power of two up to a number, or 1."""
    return 1 << max(0, number.bit_length() - 1)
