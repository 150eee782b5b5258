"""Types of fields and options: alternatives, nouns and values."""

import inspect
import os
import types
import typing
from typing import Any

import numpy as np

from rme_tf.core.registry import suggestion
from rme_tf.core.validation import is_count, is_number, require
from rme_tf.experiments.parts.words import is_plain, plain_value

NOUNS = {int: "an integer", float: "a number", str: "text", bool: "True or False", type(None): "None"}


def alternatives(hint) -> list[Any]:
    """Returns the types of a union without annotations, or a single type."""
    while typing.get_origin(hint) is typing.Annotated:
        hint = typing.get_args(hint)[0]
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return [kind for part in typing.get_args(hint) for kind in alternatives(part)]
    return [hint]


def may_be_none(hint) -> bool:
    """Returns whether None is a value of a type."""
    return type(None) in alternatives(hint)


def may_be_text(hint) -> bool:
    """Returns whether text is a value of a type."""
    return any(kind is str or typing.get_origin(kind) is typing.Literal for kind in alternatives(hint))


def may_be_list(hint) -> bool:
    """Returns whether a list is a value of a type."""
    return any(typing.get_origin(kind) is tuple for kind in alternatives(hint))


def is_list(hint) -> bool:
    """Returns whether all values of a type but None are lists."""
    return all(typing.get_origin(kind) is tuple for kind in alternatives(hint) if kind is not type(None))


def noun(hint) -> str:
    """Returns the noun for a type, for messages."""
    nouns = []
    for kind in alternatives(hint):
        if typing.get_origin(kind) is tuple:
            nouns.append(f"a list, each {noun(typing.get_args(kind)[0])}")
        elif typing.get_origin(kind) is typing.Literal:
            nouns += map(repr, typing.get_args(kind))
        else:
            nouns.append(NOUNS.get(kind, getattr(kind, "__name__", str(kind))))
    return " or ".join(dict.fromkeys(nouns))


def fits(value, hint) -> bool:
    """Returns whether a value is of a type.

    Integers are numbers, and truth values are not.
    """
    return any(_fits(value, kind) for kind in alternatives(hint))


def _fits(value, kind) -> bool:
    checks = {int: is_count, float: is_number, type(None): lambda value: value is None, Any: lambda value: True}
    if kind in checks:
        return checks[kind](value)
    if typing.get_origin(kind) is typing.Literal:
        return any(type(value) is type(choice) and value == choice for choice in typing.get_args(kind))
    if typing.get_origin(kind) is tuple:
        return isinstance(value, list | tuple) and all(fits(entry, typing.get_args(kind)[0]) for entry in value)
    return not inspect.isclass(kind) or isinstance(value, kind)


def plain(value) -> Any:
    """Returns paths as text, and numbers of NumPy as numbers of Python."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return value.item() if isinstance(value, np.generic) else value


def read(value, hint) -> Any:
    """Returns the value of a type for a value of YAML.

    Where text is no value of the type, words are truth values, None or numbers: YAML takes 1e-3 for text. Lists are
    tuples, and integers are floats where the type has no integers.
    """
    if isinstance(value, list | tuple):
        entries = [typing.get_args(kind)[0] for kind in alternatives(hint) if typing.get_origin(kind) is tuple]
        return tuple(read(part, entries[0]) for part in value) if entries else value
    if may_be_text(hint):
        return value
    if is_plain(value):
        return plain_value(value)
    numbers = isinstance(value, str) or (is_count(value) and int not in alternatives(hint))
    return _as_float(value) if numbers and float in alternatives(hint) else value


def _as_float(value):
    """Returns a number or its text as float, and anything else unchanged."""
    try:
        return float(value)
    except (OverflowError, ValueError):
        return value


def check(name: str, value, hint) -> None:
    """Raises ValueError for a value of another type."""
    require(fits(value, hint), name, f"be {noun(hint)}", repr(value))


def check_words(flag: str, words: list[str], hint) -> None:
    """Checks the words after a flag.

    Args:
        flag: flag, for messages.
        words: words that are values of the flag.
        hint: type of the flag's value.

    Raises:
        ValueError: for a word of another type, or without any word, except for a truth value.
    """
    if not words and not may_be_list(hint):
        require(bool in alternatives(hint), flag, f"be followed by {noun(hint)}", "nothing")
    for word in words:
        choices = [str(choice) for kind in alternatives(hint) for choice in typing.get_args(kind) if is_literal(kind)]
        require(is_word_of(word, hint), flag, f"be {noun(hint)}", repr(word), suggestion([word], choices).strip())


def is_literal(kind) -> bool:
    """Returns whether a type is a list of choices."""
    return typing.get_origin(kind) is typing.Literal


def is_word_of(word: str, hint) -> bool:
    """Returns whether a word stands for a value of a type."""
    return any(_is_word_of(word, kind) for kind in alternatives(hint))


def _is_word_of(word: str, kind) -> bool:
    if kind in (int, float):
        return _is_number(word, kind)
    if kind in (bool, type(None)):
        return is_plain(word) and isinstance(plain_value(word), kind)
    if is_literal(kind):
        return word in map(str, typing.get_args(kind))
    return typing.get_origin(kind) is not tuple or is_word_of(word, typing.get_args(kind)[0])


def _is_number(word: str, kind: type) -> bool:
    """Returns whether a word is a number of a type."""
    try:
        kind(word)
    except ValueError:
        return False
    return True
