"""Options of classes and functions, read off their signatures and docstrings."""

import functools
import inspect
import re
import typing
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from rme_tf.core.arguments import REQUIRED, arguments_of


class Option(NamedTuple):
    """One argument of a class or function."""

    name: str
    hint: Any  # type
    default: Any  # `REQUIRED` where there is none
    text: str = ""  # from the docstring


@functools.cache
def options_of(build: Callable) -> Mapping[str, Option]:
    """Returns the arguments of a class or function, by name: see `arguments_of`."""
    options = {}
    for name, (default, owner) in arguments_of(build).named.items():
        hint = _hints(owner).get(name, _hint_of_default(default))
        text = argument_texts(build).get(name) or argument_texts(owner).get(name, "")
        options[name] = Option(name, hint, default, text)
    return options


@functools.cache
def _hints(owner: Callable) -> dict[str, Any]:
    """Returns the annotated types of arguments; none where they cannot be resolved."""
    annotated = owner.__init__ if inspect.isclass(owner) else owner
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
