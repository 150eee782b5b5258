"""Look-up of names in literal tables, and checks of argument names."""

import difflib
import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from rme_tf.core.arguments import OF_KERAS, arguments_of

Function = TypeVar("Function", bound=Callable)


def lookup(table: Mapping[str, Any], name: str | None, kind: str, *, base: type | None = None):
    """Return `table[name]`.

    Args:
        table: the choices by name.
        name: one of the table's keys.
        kind: kind of the choices, for the error message ("likelihood", for instance).
        base: class whose instances the caller takes as well, for the error message.

    Raises:
        ValueError: for an unknown name; the message lists the choices.
    """
    if not isinstance(table, Mapping):
        raise ValueError(f"`table` must be a dict of choices by name. Received: {type(table).__name__}.")
    if not isinstance(name, str) or name not in table:
        choices = ", ".join(repr(choice) for choice in sorted(table))
        choices += f", or an instance of {base.__name__}" if base else ""
        raise ValueError(f"Unknown {kind}. Expected one of: {choices}. Received: {name!r}.{suggestion([name], table)}")
    return table[name]


def instantiate(table: Mapping[str, type], choice, kind: str, *, base: type | None = None, **options):
    """Return an instance unchanged, else `table[choice](**options)`.

    Args:
        table: the choices, classes by name.
        choice: one of the table's keys, or an instance.
        kind: kind of the choices, for the error message.
        base: class of the instances that are returned unchanged, including instances of a user's subclasses; None for
            names alone.
        **options: arguments of the class that is chosen by name.

    Raises:
        ValueError: if the choice is neither a name in the table nor an instance.
    """
    if base is not None and isinstance(choice, base):
        return choice
    return lookup(table, choice, kind, base=base)(**options)


def argument_names(build: Callable) -> list[str] | None:
    """Return the argument names of a function or class, in order.

    See `arguments_of`. The result is None if any name is accepted.
    """
    arguments = arguments_of(build)
    return list(arguments.named) if arguments.complete else None


def missing_arguments(build: Callable, names: Iterable[str]) -> list[str]:
    """Return the arguments of a class without a default, except given ones."""
    arguments = inspect.signature(build).parameters.values()
    needed = {part.name for part in arguments if part.default is part.empty and part.kind is not part.VAR_KEYWORD}
    return sorted(needed - set(names))


def check_options(
    build: Callable, options: Iterable[str], kind: str, *, first: int = 2, also: tuple = (), without: Iterable[str] = ()
) -> None:
    """Check the names of options of a function or class.

    Args:
        build: function or class.
        options: received names.
        kind: kind and name of the result, for the error message ("encoder 'lstm'", for instance).
        first: number of leading arguments that are not options.
        also: further known names.
        without: names of other arguments that are not options.

    Raises:
        ValueError: for an unknown name; the message lists the known ones.
    """
    known = argument_names(build)
    if known is not None:
        check_names(options, {*known[first:], *also} - set(without), f"options of the {kind}", also=OF_KERAS)


def check_names(names: Iterable[str], known: Iterable[str], kind: str, *, also: Iterable[str] = ()) -> None:
    """Check names of arguments.

    Args:
        names: received names.
        known: known names, which the message lists.
        kind: kind of the names in the plural, for the error message ("options of the encoder", for instance).
        also: known names that the message leaves out.

    Raises:
        ValueError: for an unknown name; the message lists the known ones.
    """
    known = sorted(set(known))
    unknown = sorted(set(names) - set(known) - set(also))
    if unknown:
        choices = ", ".join(repr(name) for name in known) or "none"
        raise ValueError(
            f"Unknown {kind}. Expected some of: {choices}. Received: {unknown}.{suggestion(unknown, known)}"
        )


def suggestion(names: Iterable, known: Iterable[str]) -> str:
    """Return " Did you mean ...?" with similar known names, or ""."""
    close = [difflib.get_close_matches(name, list(known), n=1) for name in names if isinstance(name, str)]
    similar = [repr(match) for matches in close for match in matches]
    return f" Did you mean {', '.join(similar)}?" if similar else ""


def named_arguments(function: Function) -> Function:
    """Decorate a function of keywords, to raise ValueError for unknown keywords."""
    known = [part.name for part in inspect.signature(function).parameters.values() if part.kind is part.KEYWORD_ONLY]

    @functools.wraps(function)
    def call(*args, **kwargs):
        check_names(kwargs, known, f"arguments of `{function.__name__}`")
        return function(*args, **kwargs)

    return call  # type: ignore[return-value]
