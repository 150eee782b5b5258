"""Records and directories of runs under earlier names."""

import dataclasses
import pathlib
from collections.abc import Hashable, Mapping
from typing import TypeVar

from rme_tf.core.files import read_json
from rme_tf.experiments.recipes.base import Recipe
from rme_tf.experiments.runs.run_folder import CONFIG, describes_run, read_config

Key = TypeVar("Key", bound=Hashable)
Cells = dict[pathlib.Path, tuple[str, Recipe]]  # method and recipe by the path of the record


def as_recorded(cells: Cells, results: pathlib.Path) -> Cells:
    """Returns cells by the paths of existing records of the same configurations.

    Raises:
        ValueError: for a file of `results` that is not a record.
    """
    sought = {path for path, (_, recipe) in cells.items() if not (path.exists() or recipe.overwrite)}
    others = sorted(set(results.glob("*.json")) - cells.keys()) if sought else []
    kinds = {type(recipe) for _, recipe in cells.values()}
    recorded = [(path, [kind.of_config(config_in(path)).identity for kind in kinds]) for path in others]
    by_record: Cells = {}
    for path, (method, recipe) in cells.items():
        identity = recipe.resolved().identity if path in sought else None
        by_record[next((other for other, theirs in recorded if identity in theirs), path)] = method, recipe
    return by_record


def as_begun(recipes: Mapping[Key, Recipe], out: pathlib.Path) -> dict[Key, Recipe]:
    """Returns recipes with the directories of runs that have begun.

    The directory has a run of the same configuration, whatever its name.

    Args:
        recipes: recipes by any key. Those whose own directory has a run, or that overwrite it, stay as they are.
        out: directory of the directories of runs.
    """
    sought = {key for key, recipe in recipes.items() if not (_has_run(recipe.out) or recipe.overwrite)}
    named = {pathlib.Path(recipe.out) for recipe in recipes.values()}
    folders = [folder for folder in sorted(out.glob("*")) if folder not in named and _has_run(folder)] if sought else []
    kinds = {type(recipe) for recipe in recipes.values()}
    theirs = [(folder, [_identity(kind, read_config(folder)) for kind in kinds]) for folder in folders]
    begun = dict(recipes)
    for key in sought:
        recipe, identity = recipes[key], recipes[key].resolved().identity
        there = next((folder for folder, identities in theirs if identity in identities), recipe.out)
        begun[key] = dataclasses.replace(recipe, out=str(there))
    return begun


def _has_run(folder) -> bool:
    return (pathlib.Path(folder) / CONFIG).exists()


def _identity(kind: type[Recipe], config) -> dict | None:
    """Returns the identity of a configuration; None for one that is not of this kind of recipe."""
    try:
        return kind.of_config(config).identity if describes_run(config) else None
    except ValueError:
        return None


def config_in(path) -> dict:
    """Returns the configuration in a record.

    Raises:
        ValueError: if the file is not a record.
    """
    try:
        record = read_json(path)
        return dict(record["config"]) if record["method"] else {}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"Expected the record of a run. Received: {path}, which is none. Choose another directory of results."
        ) from error
