"""Fields of a recipe by dotted names, such as `algorithm.kl_weight.steps`."""

import dataclasses
import difflib
import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

from rme_tf.experiments.parts.part import Part
from rme_tf.experiments.parts.slots import Slot

AnyOptions = TypeVar("AnyOptions")
Path = tuple[str, ...]


def slots_of(kind: type) -> Mapping[str, Slot]:
    """Returns the places for choices in `PARTS`, by field."""
    return getattr(kind, "PARTS", {})


def default_part(kind: type, name: str) -> Part:
    """Returns the default choice of a class, completed by its bases."""
    return _default_part(kind, name)


@functools.cache
def _default_part(kind: type, name: str) -> Part:  # mypy takes a `type` for hashable, and a `type[Recipe]` for not
    part = None
    for base in reversed(kind.__mro__):
        if name in vars(base):
            part = slots_of(base)[name].part(vars(base)[name], part, lenient=True)
    return Part(None) if part is None else part


def option_paths(slots: Mapping[str, Slot]) -> Iterator[Path]:
    """Returns the paths of all options of all choices."""
    for name, slot in slots.items():
        for option in slot.all_options:
            yield name, option
            inner = slot.inner(option)
            if inner is not None:
                yield from ((name, *path) for path in option_paths({option: inner}))


def parts_of(recipe) -> dict[str, Part]:
    """Returns the present choices of a recipe, by field."""
    return {name: getattr(recipe, name) for name in slots_of(type(recipe))}


def takes(kind: type, parts: Mapping[str, Part], path: Path) -> bool:
    """Returns whether the present choices have and honor a field."""
    slot, part = slots_of(kind).get(path[0]), parts.get(path[0])
    for key in path[1:]:
        if slot is None or part is None:
            return False
        if key == "name":
            return True
        if key not in slot.options_at(part.name) or key in slot.refused_by(part.name):
            return False
        slot, part = slot.inner(key), part.options.get(key, Part(None))
    return True


def paths_of(kind: type, parts: Mapping[str, Part], name: str) -> list[Path]:
    """Returns the paths for a name, several for some earlier names.

    Args:
        kind: class of the recipe.
        parts: present choices, which decide between options of the same name.
        name: field, dotted name, name of an earlier version, or name of an option that only one choice has.

    Raises:
        ValueError: for an unknown name, and for one that several choices have.
    """
    slots = slots_of(kind)
    path = tuple(name.split("."))
    plain = {field.name for field in dataclasses.fields(kind)}
    everywhere = list(option_paths(slots))
    if name in plain or path in everywhere or (path[-1] == "name" and choice_at(kind, path) is not None):
        return [path]
    if name in aliases_of(kind):
        return _targets(kind, parts, aliases_of(kind)[name])
    fitting = [other for other in everywhere if other[-1] == name]
    if len(fitting) > 1:
        fitting = [other for other in fitting if takes(kind, parts, other)] or fitting
    if len(fitting) > 1:
        several = ", ".join(".".join(other) for other in fitting)
        raise ValueError(f"Expected the name of one field. Received: {name!r}, which may be any of {several}.")
    if not fitting:
        check_names(kind, [name])
    return fitting


def check_names(kind: type, names: Iterable[str]) -> None:
    """Raises ValueError for an unknown field, with close names."""
    plain = {field.name for field in dataclasses.fields(kind)}
    for name in names:
        if name not in plain:
            near = _near(str(name), plain, list(option_paths(slots_of(kind))))
            raise ValueError(f"Unknown field of {kind.__name__}. Received: {name!r}.{near}")


def _near(name: str, plain: set[str], everywhere: list[Path]) -> str:
    """Returns names like an unknown one, for its message."""
    known = sorted({*plain, *(".".join(path) for path in everywhere)})
    leaves = {dotted.rpartition(".")[2]: dotted for dotted in known}
    close = [leaves.get(word, word) for word in difflib.get_close_matches(name, [*known, *leaves], cutoff=0.5)]
    return f" Did you mean {' or '.join(map(repr, dict.fromkeys(close)))}?" if close else ""


def aliases_of(kind: type) -> Mapping[str, tuple[str, ...]]:
    """Returns the dotted names that other names stand for."""
    return getattr(kind, "ALIASES", {})


def _targets(kind: type, parts: Mapping[str, Part], targets: tuple[str, ...]) -> list[Path]:
    """Returns the paths of an alias: of several, those that the present choices take, or else all.

    The target "decoder[pixelcnn].filters" is for that choice only.
    """
    conditions = [re.fullmatch(r"(\w+)\[(\w+)\](.*)", target) for target in targets]
    met = [condition is None or parts[condition[1]].name == condition[2] for condition in conditions]
    paths = [unconditional(target) for target, holds in zip(targets, met, strict=True) if holds]
    if not paths:
        chosen = ", ".join(f"{condition[1]} {parts[condition[1]].name!r}" for condition in conditions if condition)
        raise ValueError(f"Expected a choice with {' or '.join(targets)}. Received: {chosen}.")
    return [path for path in paths if takes(kind, parts, path)] or paths


def unconditional(target: str) -> Path:
    """Returns the path of a target of an alias."""
    return tuple(re.sub(r"\[\w+\]", "", target).split("."))


def choice_at(kind: type, path: Path) -> Slot | None:
    """Returns the place for the choice at a path, or None."""
    path = path[:-1] if path[-1] == "name" else path
    slot = slots_of(kind).get(path[0]) if path else None
    for key in path[1:]:
        slot = None if slot is None else slot.inner(key)
    return slot


def with_fields(recipe: AnyOptions, fields: Mapping[str, Any]) -> AnyOptions:
    """Returns a recipe with some fields changed.

    A choice that gets another name keeps the options that the new one takes too.

    Args:
        recipe: recipe, or another dataclass.
        fields: values by dotted name (`algorithm.kl_bound`), or by a name that only one choice has (`kl_bound`).

    Raises:
        ValueError: for an unknown or ambiguous name, and as the recipe does.
    """
    if not dataclasses.is_dataclass(recipe) or isinstance(recipe, type):
        raise ValueError(f"Expected a recipe or another dataclass. Received: {recipe!r}.")
    if not isinstance(fields, Mapping) or not all(isinstance(name, str) for name in fields):
        raise ValueError(f"Expected a dict of values by the names of fields. Received: {fields!r}.")
    kind, parts = type(recipe), parts_of(recipe)
    choices = [name for name in fields if _is_choice(kind, name)]
    plain: dict[str, Any] = {}
    options = [name for name in fields if name not in choices]
    # Outer choices first; a name for several options before the name of one of them.
    names = [*sorted(choices, key=_depth_of(kind)), *sorted(options, key=lambda name: -len(_targets_of(kind, name)))]
    values: dict[str, dict[str, Any]] = {}
    for name in names:
        for path in paths_of(kind, parts, name):
            if path[0] not in parts:
                plain[path[0]] = fields[name]
            elif name in choices:
                parts[path[0]] = with_option(kind, parts[path[0]], path, fields[name])
            else:
                put(values, path, fields[name])
    for name, inside in values.items():
        parts[name] = with_option(kind, parts[name], (name,), inside)
    return dataclasses.replace(recipe, **plain, **parts)


def with_option(kind: type, part: Part, path: Path, value) -> Part:
    """Returns a choice with the value at a path below it."""
    return slots_of(kind)[path[0]].part(within(value, path[1:]), part, any_choice=getattr(kind, "SEVERAL", False))


def within(value, path: Path):
    """Returns a value within mappings, at the end of a path."""
    for key in reversed(path):
        value = {key: value}
    return value


def put(values: dict[str, Any], path: Path, value) -> None:
    """Puts a value into nested dicts, at the end of a path."""
    for key in path[:-1]:
        values = values.setdefault(key, {})
    values[path[-1]] = value


def _is_choice(kind: type, name: str) -> bool:
    """Returns whether a name stands for a choice, on which other names may depend."""
    return any(choice_at(kind, unconditional(target)) for target in _targets_of(kind, name))


def _depth_of(kind: type):
    """Returns the order of choices: outer ones first."""
    return lambda name: _targets_of(kind, name)[0].count(".")


def _targets_of(kind: type, name: str) -> tuple[str, ...]:
    """Returns the dotted names, with their conditions, that a name stands for."""
    return aliases_of(kind).get(name, (name,))


def differing(there, here, prefix: str = "") -> dict[str, tuple]:
    """Returns nested values that differ: dotted name -> (value there, value here).

    Of choices with different names, the options that both take are compared.
    """
    differences: dict[str, tuple] = {}
    for name, value in here.items():
        before, dotted = there.get(name), f"{prefix}{name}"
        if isinstance(value, dict) and isinstance(before, dict):
            differences.update(differing(before, value, f"{dotted}."))
        elif before != value and (name in there or there.get("name") == here.get("name")):
            differences[dotted] = (before, value)
    return differences
