"""Recipes by name, each made at its first use."""

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from rme_tf.experiments.recipes.base import Recipe

AnyRecipe = TypeVar("AnyRecipe", bound=Recipe)


class NamedRecipes(Mapping[str, AnyRecipe]):
    """Recipes of one class by name, each made at its first use.

    A recipe checks its parts when it is made, which starts TensorFlow. An import must not: processes that are forked
    after it would hang.

    Args:
        kind: class of the recipes.
        settings: fields of each recipe, by its name.

    Attributes:
        kind: class of the recipes.
    """

    def __init__(self, kind: type[AnyRecipe], settings: Mapping[str, Mapping[str, Any]]):
        self.kind, self._settings = kind, settings
        self._made: dict[str, AnyRecipe] = {}

    def __getitem__(self, name: str) -> AnyRecipe:
        """Returns a recipe, the same one each time."""
        if name not in self._made:
            self._made[name] = self.kind(**self._settings[name], made_from=name)
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        """Returns the names."""
        return iter(self._settings)

    def __len__(self) -> int:
        """Returns the number of recipes."""
        return len(self._settings)
