"""Fields and values of sweeps, as words of a command line."""

import re
import typing
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from rme_tf.experiments.parts.fields import Path, choice_at, option_paths, paths_of, slots_of, takes
from rme_tf.experiments.parts.hints import alternatives, may_be_list, noun
from rme_tf.experiments.parts.part import Part
from rme_tf.experiments.parts.slots import Slot
from rme_tf.experiments.parts.words import is_plain, plain_value


def swept_paths(kind: type, parts: Mapping[str, Part], name: str) -> list[Path]:
    """Returns the paths of a field.

    An option of the present choices precedes the name of a field of earlier versions.

    Raises:
        ValueError: for an unknown name, and for one that several choices have.
    """
    leaves = [path for path in option_paths(slots_of(kind)) if path[-1] == name]
    taken = [path for path in leaves if takes(kind, parts, path)]
    unique = next((paths for paths in (taken, leaves) if len(paths) == 1), None)
    return unique or paths_of(kind, parts, name)


def value_of(kind: type, parts: Mapping[str, Part], path: Path, word: str) -> Any:
    """Returns the value of a word, by the type of a field.

    Args:
        kind: class of the recipe.
        parts: present choices.
        path: path of the field.
        word: name of a choice; number, True, False, None or text; for several numbers or names "200-200"; for the
            number of an epoch also a share of the epochs, such as "2/3".

    Raises:
        ValueError: for a word of another type, or no choice in the table.
    """
    slot, dotted = choice_at(kind, path), ".".join(path)
    if slot is not None:
        return _choice(slot, dotted, word)
    hint = _hint(kind, parts, path)
    if path[-1].endswith(("_epoch", "_epochs")) and re.fullmatch(r"\d+/[1-9]\d*", word):
        return Fraction(word)
    for one in _in_order(hint):
        try:
            return _read(one, word)
        except ValueError:
            continue
    divided = ", divided by hyphens, such as 200-200" if may_be_list(hint) else ""
    raise ValueError(f"Expected {noun(hint)}{divided} for the field `{dotted}`. Received: {word!r}.")


def word_of(value, slot: Slot | None = None) -> str:
    """Returns the word for a value of a configuration.

    A choice has its name, or the number that stands for it.
    """
    if isinstance(value, dict):
        required = [] if slot is None or not slot.is_switch else slot.required(slot.only)
        return word_of(value[required[0]]) if len(required) == 1 else str(value.get("name", True))
    if isinstance(value, list | tuple):
        return "-".join(map(word_of, value))
    return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)


def _choice(slot: Slot, dotted: str, word: str) -> Any:
    """Returns the choice of a word: a name, None, a truth value, or a number where one stands for a choice."""
    value = plain_value(word) if word not in slot.table else word
    if value is None or isinstance(value, bool):
        known = slot.optional if value is None else slot.is_switch
    else:
        known = word in slot.table and not slot.is_switch
    if known:
        return value
    try:
        slot.read(float(word), Part(None))
    except ValueError:
        names = ["True", "False"] if slot.is_switch else [*(["None"] if slot.optional else []), *sorted(slot.table)]
        raise ValueError(f"Expected one of {', '.join(names)} for `{dotted}`. Received: {word!r}.") from None
    return float(word)


def _hint(kind: type, parts: Mapping[str, Part], path: Path) -> Any:
    """Returns the type of the field at a path."""
    slot, part = slots_of(kind).get(path[0]), parts.get(path[0])
    if slot is None or part is None:
        return typing.get_type_hints(kind)[path[0]]
    for key in path[1:-1]:
        slot, part = slot.inner(key) or slot, part.options.get(key, Part(None))
    return {**slot.all_options, **slot.options_at(part.name)}[path[-1]].hint


def _in_order(hint) -> list:
    """Returns the types of a union, numbers and None before text."""
    order = [type(None), bool, int, float]
    return sorted(alternatives(hint), key=lambda one: order.index(one) if one in order else len(order) + (one is str))


def _read(hint, word: str) -> Any:
    """Returns the value of one type that a word is; raises ValueError if it is none."""
    if hint in (bool, type(None)):
        if is_plain(word) and isinstance(plain_value(word), hint):
            return plain_value(word)
    elif hint in (int, float, str):
        return hint(word)
    elif typing.get_origin(hint) is typing.Literal:
        return next(value for value in (*typing.get_args(hint), _no_value(word)) if str(value) == word)
    elif typing.get_origin(hint) is tuple:
        return tuple(_read(typing.get_args(hint)[0], part) for part in word.split("-"))
    return _no_value(word)


def _no_value(word: str):
    raise ValueError(f"No value: {word!r}.")
