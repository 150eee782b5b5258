"""Checks of the types of a recipe's fields."""

import dataclasses
import functools
import typing
from collections.abc import Container, Mapping
from typing import Any

from rme_tf.experiments.parts.hints import check, plain


def check_fields(recipe, without: Container[str]) -> None:
    """Checks that the fields of a recipe are of their types.

    Paths become text, and numbers of NumPy become numbers of Python.

    Args:
        recipe: dataclass with annotated fields.
        without: names of fields that are choices.

    Raises:
        ValueError: for a value of another type; None is a value where the type has it.
    """
    kind: type = type(recipe)
    for name, hint in _hints(kind).items():
        if name not in without:
            value = plain(getattr(recipe, name))
            check(name, value, hint)
            object.__setattr__(recipe, name, value)


@functools.cache
def _hints(kind: type) -> Mapping[str, Any]:
    """Returns the types of a dataclass's fields."""
    hints = typing.get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}
