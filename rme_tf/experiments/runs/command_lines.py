"""Recipes of command lines, and the folders of their runs."""

import dataclasses
import pathlib
import sys
from collections.abc import Sequence
from typing import TypeVar, cast

from rme_tf.experiments.cli import parse
from rme_tf.experiments.recipes.base import Recipe
from rme_tf.experiments.recipes.data_sizes import parse_by_size
from rme_tf.experiments.runs.usable_folder import OtherRunError, refuse_unusable

AnyRecipe = TypeVar("AnyRecipe", bound=Recipe)
SMOKE = "_smoke"  # of the folder of a run of seconds


def recipe_of_words(
    defaults: AnyRecipe, description: str | None = None, args: Sequence[str] | None = None, *, by_size: bool = False
) -> AnyRecipe:
    """Returns the recipe of a command line.

    By default a run of seconds has a folder of its own, so that the real run can follow.

    Args:
        defaults: recipe without flags.
        description: text at the top of `--help`.
        args: words of the command line; None for `sys.argv`.
        by_size: whether few observations have defaults of their own, see `data_sizes`.
    """
    if parse(defaults, description, args).smoke:
        defaults = dataclasses.replace(defaults, out=f"{defaults.out}{SMOKE}")
    return cast(AnyRecipe, (parse_by_size if by_size else parse)(defaults, description, args))


def refuse_folder(recipe: Recipe, args: Sequence[str] | None = None) -> None:
    """Checks that a run can use its folder.

    Args:
        recipe: recipe of a command line.
        args: words of the command line; None for `sys.argv`.

    Raises:
        ValueError: if the folder cannot be written, or has other files or a run with another configuration; the message
            names flags.
    """
    try:
        refuse_unusable(recipe.resolved(), pathlib.Path(recipe.out))
    except OtherRunError as error:
        raise ValueError(error.in_flags(sys.argv[1:] if args is None else args)) from error
