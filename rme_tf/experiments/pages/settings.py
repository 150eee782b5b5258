"""The configuration of a run as rows, with defaults."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from rme_tf.experiments.recipes.base import Recipe
from rme_tf.experiments.recipes.image_settings import IMAGE_RECIPES
from rme_tf.experiments.recipes.named import NamedRecipes
from rme_tf.experiments.recipes.table_settings import TABLE_RECIPES
from rme_tf.experiments.recipes.text_settings import TEXT_RECIPES
from rme_tf.experiments.reports.configuration import fields

NAMED: tuple[NamedRecipes, ...] = (IMAGE_RECIPES, TABLE_RECIPES, TEXT_RECIPES)

SIZES = {"train_size": "train", "test_size": "test"}  # limit of observations -> split


class Setting(NamedTuple):
    """A field of a configuration, as text."""

    name: str  # dotted
    value: str
    default: str | None  # None if the recipe has no such field by default
    is_place: bool = False  # such as the directory of the run, which does not identify it
    by_size: bool = False  # whether the value follows from the size of the data

    @property
    def changed(self) -> bool:
        """Whether the value is another than the default, and identifies the run."""
        return self.value != self.default and not self.is_place


def settings_of(recipe: Recipe) -> list[Setting]:
    """Returns the settings of a recipe, in the order of its fields.

    The defaults are of the settings that the recipe was made from.

    Args:
        recipe: recipe of a run.
    """
    kind = type(recipe)
    defaults = flat(default_config(recipe))
    of_choices = tuple(name.removesuffix("name") for name in recipe.by_size if name.endswith(".name"))
    settings = []
    for name, value in flat(recipe.config).items():
        default = defaults.get(name)
        by_size = name in recipe.by_size or (default is None and name.startswith(of_choices))
        replacing = [field for field in kind.REPLACED.get(name, ()) if getattr(recipe, field) is not None]
        if replacing:
            value = default = f"without effect: `{replacing[0]}` is set"
        settings.append(Setting(name, value, default, name in kind.ELSEWHERE, by_size))
    return settings


def default_config(recipe: Recipe) -> dict[str, Any]:
    """Returns the configuration without changes.

    It is the one of the settings that the recipe was made from, or else of its class. The result is empty for a class
    with required fields.

    Args:
        recipe: recipe of a run.
    """
    for recipes in NAMED:
        if isinstance(recipe, recipes.kind) and recipe.made_from in recipes:
            return recipes[recipe.made_from].config
    try:
        return type(recipe)().config
    except (TypeError, ValueError):
        return {}


def flat(config: Mapping[str, Any]) -> dict[str, str]:
    """Returns the fields of a configuration as text, by dotted name."""
    return {".".join(path): value_text(value) for path, value in fields(config)}


def value_text(value: Any) -> str:
    """Returns a value of a configuration as text."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(value_text, value))
    return str(value)


def with_found(setting: Setting, data: Mapping[str, Any]) -> Setting:
    """Returns a setting, with the size found where a limit was larger.

    Args:
        setting: setting of a run, such as `train_size`.
        data: facts about the data, with the sizes of the splits.
    """
    split = data.get(SIZES.get(setting.name, ""))
    count = split.get("num_rows") if isinstance(split, Mapping) else split
    if not isinstance(count, int) or not setting.value.isdecimal() or int(setting.value) <= count:
        return setting
    return setting._replace(value=f"{setting.value} at most, {count} found")


class Difference(NamedTuple):
    """A field whose value differs between runs."""

    name: str
    values: tuple[str, ...]  # by run, "-" where it is missing


def differing(configs: Sequence[Mapping[str, Any]]) -> list[Difference]:
    """Returns the fields whose values are not the same in all configurations.

    Args:
        configs: configurations of the runs.
    """
    rows = [flat(config) for config in configs]
    names = dict.fromkeys(name for row in rows for name in row)
    values = {name: tuple(row.get(name, "-") for row in rows) for name in names}
    return [Difference(name, row) for name, row in values.items() if len(set(row)) > 1]
