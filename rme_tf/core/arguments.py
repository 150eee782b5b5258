"""Arguments of functions and classes, also behind `**keywords`."""

import inspect
import itertools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

OF_KERAS = frozenset({"dtype", "name", "trainable"})  # arguments of every Keras layer
REQUIRED = inspect.Parameter.empty  # default of an argument without one


class Argument(NamedTuple):
    """One argument of a function or class."""

    default: Any  # `REQUIRED` where there is none
    owner: Callable  # the function, or the class whose constructor declares the argument


class Arguments(NamedTuple):
    """Arguments of a function or class."""

    named: Mapping[str, Argument]  # in order
    complete: bool  # False if any other name is accepted


def arguments_of(build: Callable) -> Arguments:
    """Return the arguments of a function or class, in order.

    The keywords that a function passes on belong to the class in its return annotation, whose first arguments are the
    function's own. The keywords of a class belong to its bases. The arguments of every Keras layer are left out.
    """
    named: dict[str, Argument] = {}
    for owner in _owners(build):
        arguments, passes_on = _declared(owner)
        for name, argument in arguments.items():
            named.setdefault(name, argument)
        if not passes_on:
            return Arguments(named, complete=True)
    if inspect.isclass(build):
        return Arguments(named, complete=True)
    returned = inspect.signature(build).return_annotation
    if not inspect.isclass(returned) or returned is inspect.Signature.empty:
        return Arguments(named, complete=False)
    behind = list(arguments_of(returned).named.items())[len(named) :]
    return Arguments({**named, **{name: argument for name, argument in behind if name not in named}}, complete=True)


def _owners(build: Callable) -> list[Callable]:
    """Returns a function, or the bases of a class that have a constructor, up to Keras's."""
    if not inspect.isclass(build):
        return [build]
    bases = itertools.takewhile(lambda kind: kind is build or not kind.__module__.startswith("keras."), build.__mro__)
    return [kind for kind in bases if "__init__" in vars(kind)]


def _declared(owner: Callable) -> tuple[dict[str, Argument], bool]:
    """Returns the arguments in a signature, and whether it takes any keyword."""
    signature = inspect.signature(vars(owner)["__init__"] if inspect.isclass(owner) else owner)
    parameters = list(signature.parameters.values())[inspect.isclass(owner) :]  # without `self`
    several = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    arguments = {
        part.name: Argument(part.default, owner)
        for part in parameters
        if part.kind not in several and part.name not in OF_KERAS
    }
    return arguments, any(part.kind is part.VAR_KEYWORD for part in parameters)
