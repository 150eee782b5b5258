"""A choice in a table, with options."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from rme_tf.experiments.parts.hints import plain

INHERITED = ""  # name of a part that only sets options of the choice that is there


@dataclasses.dataclass(frozen=True, init=False)
class Part:
    """A choice in one of the library's tables, with options.

    Args:
        name: key in the table; None for nothing. Without a name, the options are for the choice that is there.
        **options: arguments of the class or function that the name stands for. What is left out has its default.

    Attributes:
        waiting: options that the present choice does not take, for another choice that does.
    """

    name: str | None
    options: dict[str, Any]
    waiting: dict[str, Any]

    def __init__(self, name: str | None = INHERITED, **options):
        self._set(name, options, {})

    def __hash__(self):
        return hash((self.name, *(repr(sorted(values.items())) for values in (self.options, self.waiting))))

    def _set(self, name, options: Mapping, waiting: Mapping) -> None:
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "options", {key: _hashable(value) for key, value in options.items()})
        object.__setattr__(self, "waiting", {key: _hashable(value) for key, value in waiting.items()})

    @classmethod
    def of(cls, name: str | None, options: Mapping[str, Any], waiting: Mapping[str, Any]) -> "Part":
        """Returns the part with options of other choices too."""
        part = cls()
        part._set(name, options, waiting)
        return part

    def __repr__(self):
        options = "".join(f", {name}={value!r}" for name, value in self.options.items())
        return f"Part({self.name!r}{options})"


def _hashable(value):
    """Returns lists, at any depth, as tuples, and plain values of paths and numbers of NumPy."""
    return tuple(map(_hashable, value)) if isinstance(value, list | tuple) else plain(value)
