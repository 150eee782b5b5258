"""The configuration of a run as rows, with defaults."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from rme_tf.experiments.recipes.base import Recipe
from rme_tf.experiments.reports.configuration import fields

SIZES = {"train_size": "train", "test_size": "test"}  # limit of observations -> split


class Setting(NamedTuple):
    """A field of a configuration, as text."""

    name: str  # dotted
    value: str
    default: str | None  # None if the recipe has no such field by default
    is_place: bool = False  # such as the directory of the run, which does not identify it

    @property
    def changed(self) -> bool:
        """Whether the value is another than the default, and identifies the run."""
        return self.value != self.default and not self.is_place


def settings_of(recipe: Recipe) -> list[Setting]:
    """Returns the settings of a recipe, in the order of its fields."""
    defaults = flat(default_config(type(recipe)))
    places = type(recipe).ELSEWHERE
    return [Setting(name, value, defaults.get(name), name in places) for name, value in flat(recipe.config).items()]


def default_config(kind: type[Recipe]) -> dict[str, Any]:
    """Returns the configuration of a recipe without changes.

    The result is empty for a recipe with required fields.
    """
    try:
        return kind().config
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
