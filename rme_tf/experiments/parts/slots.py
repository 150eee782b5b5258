"""Places of a recipe for choices in a table."""

import dataclasses
import functools
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from rme_tf.algorithms import Aggressive, FreeBits
from rme_tf.algorithms.kl_annealing import ANNEALINGS, Annealing
from rme_tf.core.registry import lookup, suggestion
from rme_tf.experiments.parts.hints import alternatives, may_be_list, may_be_none
from rme_tf.experiments.parts.options import REQUIRED, Option, options_of
from rme_tf.experiments.parts.part import INHERITED, Part
from rme_tf.experiments.parts.words import is_plain, plain_value


def _nothing(build) -> Iterable[str]:
    """Returns no names."""
    del build
    return ()


@dataclasses.dataclass(frozen=True, eq=False)
class Slot:
    """A place for a choice.

    Args:
        kind: the noun for messages, such as "algorithm".
        table: the choices, by name.
        supplied: arguments that a recipe never sets, with values for a trial of the other ones.
        also: options that every choice takes in addition to its own arguments.
        optional: whether None is a choice.
        number: name of the option for a bare number in place of a name.
        tried: whether a choice is made once, on trial, to check its options.
        refused: function of a class in the table that returns the options that it takes and refuses. Such options of
            the choice before wait.
        exclusive: options of which one is set at a time. One that is set replaces another of the choice before.
        texts: descriptions of options, in place of the descriptions in docstrings, in the order of `--help`.
    """

    kind: str
    table: Mapping[str, Callable | None]
    supplied: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    also: Mapping[str, Option] = dataclasses.field(default_factory=dict)
    optional: bool = False
    number: str | None = None
    tried: bool = True
    refused: Callable[[Any], Iterable[str]] = _nothing
    exclusive: tuple[str, ...] = ()
    texts: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def is_switch(self) -> bool:
        """Whether the choice is one or none, without a name."""
        return self.optional and self.number is None and len(self.table) == 1

    @property
    def only(self) -> str | None:
        """Name of a switch that is on, or None."""
        return next(iter(self.table)) if self.is_switch else None

    def options(self, name: str | None) -> dict[str, Option]:
        """Returns the options of a choice, of None that for a number."""
        if name is None:
            return {self.number: Option(self.number, float, 1.0, "weight throughout")} if self.number else {}
        build = lookup(self.table, name, self.kind)
        taken = {} if build is None else options_of(build)
        options = {**{key: option for key, option in taken.items() if key not in self.supplied}, **self.also}
        first = {key: options[key]._replace(text=text) for key, text in self.texts.items() if key in options}
        return {**first, **{key: option for key, option in options.items() if key not in first}}

    def options_at(self, name: str | None) -> dict[str, Option]:
        """Returns the options that may be set at a choice.

        They are the options of a switch even if it is off.
        """
        return self.options(self.only if name is None and self.is_switch else name)

    def refused_by(self, name: str | None) -> set[str]:
        """Returns the options that a choice takes and refuses."""
        return set(self.refused(self.table[name])) if name is not None and name in self.table else set()

    def required(self, name: str | None) -> list[str]:
        """Returns the options of a choice that have no default."""
        return [key for key, option in self.options(name).items() if option.default is REQUIRED]

    @property
    def all_options(self) -> dict[str, Option]:
        """The options of all choices, of a type for all of them."""
        return _all_options(self, tuple(self.table.items()))

    def inner(self, option: str) -> "Slot | None":
        """Returns the place for an option that is a choice, or None."""
        if option not in self.all_options:
            return None
        return next((INNER[kind] for kind in alternatives(self.all_options[option].hint) if kind in INNER), None)

    def part(self, value, base: Part | None = None, *, lenient: bool = False, any_choice: bool = False) -> Part:
        """Returns the choice of a value, completed by the choice before.

        Args:
            value: a `Part`, a name, None, a mapping with `name` and options, and for some kinds True or a number. An
                option of None has its default where None is no value of it.
            base: choice before, whose options stay where the new one takes and does not refuse them.
            lenient: whether options that the choice does not take wait for one that does.
            any_choice: whether they wait if any choice in the table takes them.

        Raises:
            ValueError: for an unknown name, and for options that are not the choice's; the message lists the options.
        """
        base = Part(None) if base is None else base
        choice = self.read(value, base)
        name = base.name if choice.name == INHERITED else choice.name
        if name is None and not self.optional:
            lookup(self.table, name, self.kind)
        taken = self.options(name)
        if not lenient:
            self._refuse_unknown(name, choice, taken, any_choice)
        merged: dict[str, Any] = {**base.waiting, **base.options}
        for options, forgiving in ((choice.waiting, True), (choice.options, lenient)):
            for key, new in options.items():
                inner = self.inner(key)
                if inner is not None:
                    new = inner.part(new, merged.get(key), lenient=forgiving, any_choice=any_choice)
                merged[key] = new
        stays, waits = self._staying_and_waiting(name, choice, base)
        mine = {key: merged[key] for key in taken if key in stays or (key not in waits and _fits(merged, taken[key]))}
        waiting = {key: new for key, new in merged.items() if key not in mine}
        options = {key: new for key, new in mine.items() if new is not None or may_be_none(taken[key].hint)}
        return Part.of(name, options, waiting)

    def _staying_and_waiting(self, name: str | None, choice: Part, base: Part) -> tuple[set[str], set[str]]:
        """Returns the options that stay at a choice, and the waiting ones."""
        replaces = any(choice.options.get(key) is not None for key in self.exclusive)
        replaced = set(self.exclusive) if replaces else set()
        waits = self.refused_by(name) | replaced
        if name != base.name:
            return set(choice.options), waits
        stays = choice.options.keys() | (base.options.keys() - replaced)
        return stays, waits | (base.waiting.keys() - choice.waiting.keys())

    def read(self, value, base: Part) -> Part:
        """Returns the choice of a value alone."""
        if isinstance(value, Part):
            return value
        only = self.only
        if is_plain(value) and value not in self.table:
            value = plain_value(value)
        if any(isinstance(name, str) and name == "" for name in (value, *_names_in(value))):
            raise ValueError(f"Expected the name of the {self.kind}, one of {sorted(self.table)}. Received: ''.")
        if value is None or isinstance(value, str):
            return Part(value)
        if isinstance(value, Mapping):
            there = INHERITED if only is None or base.name is not None else only
            return Part.of(value.get("name", there), {key: new for key, new in value.items() if key != "name"}, {})
        if only is not None and isinstance(value, bool):
            return Part(only if value else None)
        if isinstance(value, int | float) and not isinstance(value, bool):
            if self.number is not None:
                return Part(None, **{self.number: value})
            required = self.required(only)
            if len(required) == 1:
                return Part(only, **{required[0]: value}) if value else Part(None)
        raise ValueError(
            f"Expected a choice of {self.kind}: a name, or a name and options. Received: {value!r}, of "
            f"{type(value).__name__}."
        )

    def _refuse_unknown(self, name: str | None, choice: Part, taken: Mapping, any_choice: bool) -> None:
        unknown = sorted(choice.options.keys() - taken.keys())
        if any_choice:
            unknown = sorted(set(unknown) - self.all_options.keys())
        if not unknown:
            return
        choices = ", ".join(repr(option) for option in sorted(taken)) or "none"
        takers = sorted(other for other in self.table if set(unknown) <= self.options(other).keys())
        hint = f" {', '.join(unknown)}: for the {self.kind} {' or '.join(map(repr, takers))}." if takers else ""
        hint = hint or suggestion(unknown, taken) or suggestion(unknown, self.all_options)
        raise ValueError(
            f"Unknown options of the {self.kind} {name!r}. Expected some of: {choices}. Received: {unknown}.{hint}"
        )

    def canonical(self, part: Part):
        """Returns a choice as plain values, with defaults.

        A name without a place in the table stays, with its options as they are.
        """
        if part.name is None:
            return part.options.get(self.number, 1.0) if self.number else None
        known = self.options(part.name) if part.name in self.table else {}
        values = {key: option.default for key, option in known.items() if option.default is not REQUIRED}
        values.update(part.options)
        for key in values:
            inner = self.inner(key)
            if inner is not None:
                value = values[key]
                values[key] = inner.canonical(value if isinstance(value, Part) else inner.part(value))
        plain = {key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}
        return plain if self.is_switch else {"name": part.name, **plain}

    def normal(self, part: Part, default: Part, derived: Mapping[str, Any]) -> Part:
        """Returns a choice without options of no effect.

        Args:
            part: choice to reduce.
            default: choice whose options have its values where the other one does not set them.
            derived: values of options that other fields decide where they are not set, None for an unknown one.
        """
        known, usual, reduced = self.options(part.name), {**default.waiting, **default.options}, {}
        for key, value in part.options.items():
            inner, without = self.inner(key), usual.get(key, derived.get(key, known[key].default))
            if inner is not None:
                without = usual.get(key, Part(None))
                value = inner.normal(value, without, derived)
            if key in usual or value != without or isinstance(value, bool) != isinstance(without, bool):
                reduced[key] = value
        return Part.of(part.name, reduced, part.waiting)

    def arguments(self, part: Part) -> dict[str, Any]:
        """Returns the options that a choice sets, as arguments: inner choices made.

        Raises:
            ValueError: for a required one that is missing.
        """
        for key in self.required(part.name):
            if key not in part.options:
                short = " A number in place of the choice sets it." if self.is_switch else ""
                raise ValueError(f"The {self.kind} {part.name!r} needs `{key}`. Received: {part}.{short}")
        made: dict[str, Any] = {}
        for key, value in part.options.items() if part.name is not None else ():
            inner = self.inner(key)
            made[key] = value if inner is None else inner.make(value)
        return made

    def make(self, part: Part, **supplied):
        """Returns the object of a choice; raises ValueError as its class does."""
        if part.name is None:
            return part.options.get(self.number, 1.0) if self.number else None
        build = lookup(self.table, part.name, self.kind)
        return None if build is None else build(**supplied, **self.arguments(part))

    def check(self, part: Part, **supplied) -> None:
        """Raises ValueError for options that the class of the choice refuses."""
        build = None if part.name is None else self.table.get(part.name)
        if self.tried and build is not None:
            values = {key: value for key, value in {**self.supplied, **supplied}.items() if key in options_of(build)}
            _try(self, Part.of(part.name, part.options, {}), tuple(values.items()))


def _names_in(value) -> list:
    """Returns the name in a mapping, in a list."""
    return [value["name"]] if isinstance(value, Mapping) and "name" in value else []


@functools.lru_cache(maxsize=256)
def _all_options(slot: Slot, entries: tuple) -> dict[str, Option]:
    """Returns the options of all choices of a place, whose table has these entries."""
    options: dict[str, Option] = {}
    for name in (*([None] if slot.optional else []), *(name for name, _ in entries)):
        for key, option in slot.options(name).items():
            known = options.setdefault(key, option)
            if known.hint != option.hint:
                options[key] = known._replace(hint=typing.Union[known.hint, option.hint])  # noqa: UP007  of values
    return options


def _fits(options: Mapping[str, Any], option: Option) -> bool:
    """Returns whether an option is there that may be of another choice too: numbers do not stand for tuples."""
    return option.name in options and isinstance(options[option.name], tuple) == may_be_list(option.hint)


@functools.lru_cache(maxsize=4096)
def _try(slot: Slot, part: Part, supplied: tuple) -> None:
    """Makes a choice once, for its checks."""
    slot.make(part, **dict(supplied))


# Choices that are options of other choices, by the type of the option.
INNER: dict[type, Slot] = {
    Aggressive: Slot("aggressive training", {"aggressive": Aggressive}, optional=True),
    Annealing: Slot("annealing", ANNEALINGS, optional=True, number="end"),
    FreeBits: Slot("free bits", {"free_bits": FreeBits}, optional=True),
}
