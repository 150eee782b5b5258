"""Options of classes and functions, read off their signatures and docstrings."""

import functools
import inspect
import re
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from rme_tf.core.registry import OF_KERAS

REQUIRED = inspect.Parameter.empty
PLAIN = {"None": None, "True": True, "False": False}  # values by their words on a command line


class Option(NamedTuple):
    """One argument of a class or function."""

    name: str
    hint: Any  # type
    default: Any  # `REQUIRED` where there is none
    text: str = ""  # from the docstring


@functools.cache
def options_of(build: Callable) -> Mapping[str, Option]:
    """Returns the arguments of a class or function, by name.

    Arguments of every Keras layer are left out. `**options` of a function stand for the arguments of the class that it
    returns by its annotation.
    """
    signature = inspect.signature(build)
    hints, texts = _hints(build), argument_texts(build)
    options: dict[str, Option] = {}
    for name, parameter in signature.parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            for further in _behind_keywords(build, name, signature):
                inner = options_of(further)
                options.update({key: option for key, option in inner.items() if key not in options})
        elif name not in OF_KERAS and parameter.kind is not parameter.VAR_POSITIONAL:
            hint = hints[name] if name in hints else _hint_of_default(parameter.default)
            options[name] = Option(name, hint, parameter.default, texts.get(name, ""))
    return options


def _behind_keywords(build: Callable, name: str, signature: inspect.Signature) -> list[Callable]:
    """Returns the class that takes the keywords of a function or class: the class returned, or the next base."""
    if not inspect.isclass(build):
        return (
            [signature.return_annotation] if name == "options" and inspect.isclass(signature.return_annotation) else []
        )
    owners = [base for base in build.__mro__ if "__init__" in vars(base)]
    return [base for base in owners[1:2] if base.__module__.partition(".")[0] != "keras"]


def _hints(build: Callable) -> dict[str, Any]:
    """Returns the annotated types of arguments; none where they cannot be resolved."""
    annotated = build.__init__ if inspect.isclass(build) else build
    try:
        return typing.get_type_hints(annotated)
    except (NameError, TypeError):
        return {}


def _hint_of_default(default) -> Any:
    """Returns the type of an argument without annotation."""
    if default is REQUIRED:
        return int | float | str | None
    if default is None:
        return int | float | None  # such as the norms of Keras optimizers
    if isinstance(default, tuple):
        return tuple[(type(default[0]) if default else int), ...]  # type: ignore[misc]
    return type(default)


def classes_of(hint) -> list[type]:
    """Returns the classes of a type, each of a union."""
    union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    parts = typing.get_args(hint) if union else (hint,)
    return [part for part in parts if inspect.isclass(part)]


@functools.cache
def argument_texts(build: Callable) -> dict[str, str]:
    """Returns the texts of arguments in docstrings, of base classes too."""
    documents = (
        [inspect.getdoc(base) for base in reversed(build.__mro__)] if inspect.isclass(build) else [build.__doc__]
    )
    texts: dict[str, str] = {}
    for document in documents:
        section = re.search(r"^Args:\n((?:[ ]{4}.*\n?|\n)+)", inspect.cleandoc(document or "") + "\n", re.MULTILINE)
        if section is not None:
            for name, text in re.findall(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", section.group(1), re.MULTILINE):
                texts[name] = re.sub(r"\s+", " ", text)
    return texts
