"""Trainings of `rme`: from flags, and of an interrupted run."""

import dataclasses
from collections.abc import Sequence

from rme_tf.data import cut_photographs
from rme_tf.experiments.commands.finished import recipe_of
from rme_tf.experiments.commands.kinds import KINDS, named_recipe
from rme_tf.experiments.recipes.base import Recipe
from rme_tf.experiments.recipes.images import ImageRecipe
from rme_tf.experiments.runs import side_by_side
from rme_tf.experiments.runs.command_lines import recipe_of_words, refuse_folder


def train(kind: str, words: Sequence[str], *, start: str | None = None, out: str | None = None) -> None:
    """Trains, evaluates and exports a model, as a recipe's script does.

    Args:
        kind: kind of the data, a name in `KINDS`.
        words: flags of the recipe; `--path` is the field of the data's path.
        start: name of the settings that the flags change; None for the defaults of the class.
        out: directory of the run where no flag or file sets one, with "_smoke" for a run of seconds; None for the
            directory of the settings.

    Raises:
        ValueError: as the recipe and its run do.
    """
    chosen = KINDS[kind]
    defaults = chosen.recipe() if start is None else named_recipe(kind, start)
    if out is not None:
        defaults = dataclasses.replace(defaults, out=out)
    words = [_of_field(word, chosen.path) for word in words]
    recipe = recipe_of_words(defaults, args=words, by_size=chosen.by_size and start == chosen.of_path)
    if start == "photos" and isinstance(recipe, ImageRecipe) and recipe.path is None:
        recipe = dataclasses.replace(recipe, path=str(cut_photographs(recipe.data_dir, recipe.size or 32)))
    _run(recipe, words)


def resume(run: str, *, data_dir: str | None = None, path: str | None = None) -> None:
    """Finishes an interrupted run, with the results of an uninterrupted one.

    A finished run is only read, and its figures and export are written again.

    Args:
        run: directory of the run.
        data_dir: directory of data sets; None for the one of the run.
        path: path of the data, if they have been moved; None for the one of the run.

    Raises:
        ValueError: if the directory has no run, or the data are other ones.
    """
    _run(recipe_of(run, data_dir=data_dir, path=path)[1], ())


def _of_field(word: str, field: str) -> str:
    """Returns a word with `--path` as the flag of a field."""
    flag, equals, value = word.partition("=")
    return f"--{field}{equals}{value}" if flag == "--path" else word


def _run(recipe: Recipe, words: Sequence[str]) -> None:
    """Runs a recipe, and prints the commands that its run allows."""
    refuse_folder(recipe, words)
    side_by_side.compare({recipe.model_name: recipe}, out=recipe.out)
    shown = recipe.out if " " not in recipe.out else f"'{recipe.out}'"
    print(f"\nNext: rme sample {shown}, rme evaluate {shown}, rme export {shown}")
