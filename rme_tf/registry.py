"""Looks names up in the literal tables that each folder of choices keeps."""

from collections.abc import Mapping
from typing import Any


def lookup(table: Mapping[str, Any], name: str | None, kind: str):
    """Returns `table[name]`.

    Args:
        table: the choices.
        name: one of the table's keys.
        kind: what is being chosen, for the error message ("likelihood", say).

    Raises:
        ValueError: if there is no such name; the message lists the choices.
    """
    if not isinstance(name, str) or name not in table:
        choices = ", ".join(repr(choice) for choice in sorted(table))
        raise ValueError(f"Unknown {kind}. Expected one of: {choices}. Received: {name!r}.")
    return table[name]


def instantiate(table: Mapping[str, type], choice, kind: str, **options):
    """Returns `choice` itself if it is an instance of the table's kind, else `table[choice](**options)`.

    An instance is one of the base class that the table's classes share, so a user's own class passes.

    Raises:
        ValueError: if it is neither.
    """
    base = next(iter(table.values())).__mro__[1]
    return choice if isinstance(choice, base) else lookup(table, choice, kind)(**options)
