"""Sweeps: methods with other values of some fields."""

import dataclasses
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rme_tf.experiments.parts.fields import Path, choice_at, parts_of, slots_of, takes, with_option
from rme_tf.experiments.recipes.base import Recipe
from rme_tf.experiments.reports.records import DATA
from rme_tf.experiments.reports.run_names import method_name
from rme_tf.experiments.runs.epoch_shares import in_epochs
from rme_tf.experiments.runs.sweep_values import swept_paths, value_of, word_of

Sweeps = dict[str, tuple[str, ...]]  # values, as words, by the names of fields
# Fields without effect for M = 1.
OF_MIXTURES = {"components_per_step", "mixing", "trunk", "later_width", "warm_start_epochs", "warm_start_noise"}
SAME_FOR_ALL = (*DATA, "seed", "smoke", "train_size", "test_size")  # what the methods of a study share


def names_in(words: Iterable[str]) -> list[str]:
    """Returns the names of methods, separated by commas outside of brackets."""
    return [name for name in re.split(r",(?![^\[\]]*\])", ",".join(words)) if name]


def split_name(name: str) -> tuple[str, Sweeps]:
    """Returns the base of a method and the values in brackets.

    Raises:
        ValueError: for brackets without fields and values.
    """
    base, bracket, inside = name.partition("[")
    if bracket and not inside.endswith("]"):
        raise ValueError(f"Expected a method such as rme[kl_bound=5]. Received: {name!r}.")
    return base, read_sweeps(inside.removesuffix("]").split(",")) if bracket else {}


def read_sweeps(words: Iterable[str]) -> Sweeps:
    """Returns the values of sweeps.

    Args:
        words: "kl_bound=1,5,500", one for each field.

    Raises:
        ValueError: for a word without a field or without values, or a field that comes twice.
    """
    sweeps: Sweeps = {}
    for word in words:
        name, _, values = word.partition("=")
        name = name.strip().replace("-", "_")
        if not name or not all(value.strip() for value in values.split(",")):
            raise ValueError(f"Expected a field and its values, such as kl_bound=1,5,500. Received: {word!r}.")
        if name in sweeps:
            raise ValueError(f"Expected each field once, with all its values. Received: {name!r} twice.")
        sweeps[name] = tuple(value.strip() for value in values.split(","))
    return sweeps


class Variant:
    """A method with other values of some fields.

    Args:
        recipe: recipe of the method of the table.
        fixed: dotted fields that make the method what it is: the choices and M that the table sets.
        words: values by the names of fields.
        strict: whether a field that the method does not take is an error, and not left out.

    Attributes:
        recipe: recipe with the values.
        used: names in `words` of fields that the method takes.

    Raises:
        ValueError: for an unknown field, a value of another type, and values that the recipe refuses.
    """

    def __init__(self, recipe: Recipe, fixed: Iterable[str], words: Mapping[str, str], *, strict: bool = False):
        self.base, self.kind, self.words = recipe, type(recipe), words
        self.fixed = {tuple(name.split(".")) for name in fixed}
        self.used: set[str] = set()
        self.paths: dict[Path, str] = {}
        parts = parts_of(recipe)
        plain: dict[str, Any] = {}
        for name in self._ordered(parts):
            for path in swept_paths(self.kind, parts, name):
                self._refuse_shared(name, path)
                if not self._takes(parts, path):
                    continue
                if path in self.paths:
                    raise ValueError(f"Expected each field once. Received: {self.paths[path]!r} and {name!r}.")
                self.used.add(name)
                self.paths[path] = name
                value = in_epochs({path[-1]: value_of(self.kind, parts, path, words[name])}, recipe)[path[-1]]
                if path[0] in parts:
                    parts[path[0]] = with_option(self.kind, parts[path[0]], path, value)
                else:
                    plain[path[0]] = value
        if strict and (missing := words.keys() - self.used):
            raise ValueError(
                f"Expected fields with an effect on the method, and which it does not set. Received: {sorted(missing)}."
            )
        self.recipe: Any = dataclasses.replace(recipe, **{**plain, **parts})

    def differences(self) -> dict[str, str]:
        """Returns the values that change the method, by names of fields."""
        needed = dict(self.words)
        for name in self.words:
            without = {other: word for other, word in needed.items() if other != name}
            if self._is_given_by(without):
                needed = without
        parts = parts_of(self.recipe)
        differences = {}
        order = [field.name for field in dataclasses.fields(self.kind)]  # of names too, so that a run has one
        for path in sorted(self.paths, key=lambda path: (order.index(path[0]), len(path), path)):
            if self.paths[path] not in needed:
                continue
            short = not self._is_plain(path[-1]) and swept_paths_or_none(self.kind, parts, path[-1]) == [path]
            name = path[-1] if short or len(path) == 1 else ".".join(path)
            differences[name] = word_of(self.recipe.option(".".join(path)), choice_at(self.kind, path))
        return differences

    def _is_given_by(self, words: Mapping[str, str]) -> bool:
        """Returns whether other values make the same run."""
        try:
            return Variant(self.base, map(".".join, self.fixed), words).recipe.identity == self.recipe.identity
        except ValueError:
            return False

    def _ordered(self, parts) -> list[str]:
        """Returns the names of fields, outer choices first, on which other fields may depend."""
        depth = {}
        for name in self.words:
            paths = swept_paths_or_none(self.kind, parts, name)
            choices = [len(path) for path in paths or [] if choice_at(self.kind, path) is not None]
            depth[name] = min(choices, default=99)
        return sorted(self.words, key=lambda name: depth[name])

    def _takes(self, parts, path: Path) -> bool:
        """Returns whether a field has an effect on the method, and is not what makes it."""
        if path in self.fixed or (self.base.components == 1 and {path[0], path[-1]} & OF_MIXTURES):
            return False
        return path[0] not in parts or takes(self.kind, parts, path)

    def _is_plain(self, name: str) -> bool:
        return any(field.name == name for field in dataclasses.fields(self.kind))

    def _refuse_shared(self, name: str, path: Path) -> None:
        if path[0] in (*SAME_FOR_ALL, *self.kind.ELSEWHERE):
            raise ValueError(f"`{name}` is the same for all methods of a study, and no sweep. Pass it as a flag.")


def swept_paths_or_none(kind: type, parts, name: str) -> list[Path] | None:
    """Returns the paths of a field, or None if it is unknown."""
    try:
        return swept_paths(kind, parts, name)
    except ValueError:
        return None


def fixed_fields(recipe: Recipe, fields: Iterable[str]) -> list[str]:
    """Returns the fields that define a method: choices, and M."""
    return [name for name in fields if name == "components" or name in slots_of(type(recipe))]


def variants(name: str, recipe: Recipe, fixed: Iterable[str], sweeps: Sweeps) -> Iterator[tuple[str, Any, set[str]]]:
    """Returns the variants of a method for all combinations of values.

    A variant is a name, a recipe, and the names of the sweeps that have an effect on the method.
    A field without effect on the method is left out, so that a run may come several times.

    Args:
        name: name of the method, with brackets for values that differ from the table.
        recipe: recipe of the method of the table.
        fixed: dotted fields that the table sets.
        sweeps: values by the names of fields.

    Raises:
        ValueError: as `Variant` does, with the method and the values.
    """
    base, bracket = split_name(name)
    inside = {field: values[0] for field, values in bracket.items()}
    seen: dict[str, Recipe] = {}
    for values in itertools.product(*sweeps.values()):
        words = dict(zip(sweeps, values, strict=True))
        try:
            start = Variant(recipe, fixed, inside, strict=True)
            swept = Variant(start.recipe, [*fixed, *map(".".join, start.paths)], words)
            both = {**inside, **{field: word for field, word in words.items() if field in swept.used}}
            whole = Variant(recipe, fixed, both)
            full_name = method_name(base, whole.differences())
        except ValueError as error:
            raise ValueError(f"The method {method_name(name, words)!r} is refused: {error}") from error
        if seen.setdefault(full_name, whole.recipe).identity != whole.recipe.identity:
            raise ValueError(f"Expected values that give runs names of their own. Received two for {full_name!r}.")
        yield full_name, whole.recipe, swept.used
