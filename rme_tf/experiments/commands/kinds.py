"""Kinds of data that `rme train` takes, each with a class of recipes."""

import dataclasses
import pathlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from rme_tf.core.registry import lookup
from rme_tf.experiments.commands.samples import Draws, write_images, write_rows, write_sentences
from rme_tf.experiments.recipes.base import Recipe
from rme_tf.experiments.recipes.image_settings import IMAGE_RECIPES
from rme_tf.experiments.recipes.images import ImageRecipe
from rme_tf.experiments.recipes.table_settings import TABLE_RECIPES
from rme_tf.experiments.recipes.tables import TableRecipe
from rme_tf.experiments.recipes.text import TextRecipe
from rme_tf.experiments.recipes.text_settings import TEXT_RECIPES


class Kind(NamedTuple):
    """A kind of data."""

    title: str  # in the help
    recipe: type[Recipe]
    recipes: Mapping[str, Recipe]  # settings by name
    of_path: str  # name of the settings for a path
    sample: Callable[[Draws], list[pathlib.Path]]  # writes draws from the model of a run
    examples: tuple[str, ...]  # flags
    path: str = "path"  # field that `--path` sets
    dataset: str | None = None  # field of a data set by name, which decides the settings
    elsewhere: tuple[str, ...] = ()  # other fields that name data
    by_size: bool = True  # whether few observations have defaults of their own, with the settings for a path


KINDS: dict[str, Kind] = {
    "images": Kind(
        title="images",
        recipe=ImageRecipe,
        recipes=IMAGE_RECIPES,
        of_path="folder",
        dataset="dataset",
        sample=write_images,
        examples=("--path photos", "--dataset mnist --components 5 --epochs 50", "--recipe fashion_mnist --smoke"),
    ),
    "table": Kind(
        title="the rows of a table, a CSV or Parquet file",
        recipe=TableRecipe,
        recipes=TABLE_RECIPES,
        of_path="table_data",
        dataset="table",
        by_size=False,
        sample=write_rows,
        examples=("--path table.csv --label class", "--table wine --latent-dim 2", "--table iris --smoke"),
    ),
    "text": Kind(
        title="sentences, one a line",
        recipe=TextRecipe,
        recipes=TEXT_RECIPES,
        path="corpus",
        of_path="text",
        elsewhere=("train", "tfds"),
        sample=write_sentences,
        examples=("--path sentences.txt", "--path corpus --components 3 --epochs 20", "--recipe docs_text --smoke"),
    ),
}


def kind_of(config: Mapping[str, Any]) -> Kind:
    """Returns the kind of data of a run.

    Args:
        config: configuration of the run.

    Raises:
        ValueError: if the configuration has fields of no kind.
    """
    shared = {name: _fields_of(kind) & config.keys() for name, kind in KINDS.items()}
    name = max(shared, key=lambda name: len(shared[name]))
    if not shared[name]:
        raise ValueError(f"Expected the configuration of a run on {' or '.join(KINDS)}. Received: {', '.join(config)}.")
    return KINDS[name]


def _fields_of(kind: Kind) -> set[str]:
    """Returns the fields of a kind that not all recipes have."""
    return names_of(kind.recipe) - names_of(Recipe)


def names_of(dataclass) -> set[str]:
    """Returns the names of a dataclass's fields."""
    return {field.name for field in dataclasses.fields(dataclass)}


def named_recipe(kind: str, name: str) -> Recipe:
    """Returns the settings of a name."""
    return lookup(KINDS[kind].recipes, name, "recipe")
