"""Looks names up in the literal tables that each folder of choices keeps, and options in what the names stand for."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

_OF_KERAS = {"dtype", "kwargs", "name", "trainable"}  # which every network takes


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


def check_options(build: Callable, options: Iterable[str], kind: str, also: tuple[str, ...] = ()) -> None:
    """Checks that the builder of a network knows the options it is given.

    Args:
        build: function of two arguments, by position, and options; its `**options` stand for the arguments of the
            class that it says it returns.
        options: names.
        kind: what is being built, for the error message ("encoder 'lstm'", say).
        also: further names that are known.

    Raises:
        ValueError: for a name that is not known; the message lists those that are.
    """
    signature = inspect.signature(build)
    known = [*list(signature.parameters)[2:], *also]
    if "options" in known:
        if signature.return_annotation is signature.empty:
            return
        known += list(inspect.signature(signature.return_annotation.__init__).parameters)[3:]
    unknown = sorted(set(options) - set(known) - _OF_KERAS)
    if unknown:
        choices = ", ".join(repr(name) for name in sorted(set(known) - _OF_KERAS - {"options"}))
        raise ValueError(f"Unknown options of the {kind}. Expected some of: {choices}. Received: {unknown}.")
