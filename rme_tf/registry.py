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


def instantiate(table: Mapping[str, type], choice, kind: str, *, base: type | tuple = (), **options):
    """Returns `choice` itself if it is an instance of `base`, else `table[choice](**options)`.

    Args:
        table: the choices, classes.
        choice: one of the table's keys, or an instance.
        kind: what is being chosen, for the error message.
        base: the class whose instances pass as they are, a user's own among them; unless given, none do.
        **options: arguments of the class that is chosen by name.

    Raises:
        ValueError: if it is neither.
    """
    return choice if isinstance(choice, base) else lookup(table, choice, kind)(**options)
