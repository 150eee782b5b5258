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
    """Returns `choice` itself if it is an instance, else `table[choice](**options)`."""
    if isinstance(choice, tuple(table.values())) or not isinstance(choice, (str, type(None))):
        return choice
    return lookup(table, choice, kind)(**options)
