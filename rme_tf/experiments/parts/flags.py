"""Flags of a command line that name choices, or options of choices."""

import dataclasses
from typing import Any

from rme_tf.experiments.parts.fields import (
    Path,
    aliases_of,
    choice_at,
    parts_of,
    paths_of,
    put,
    slots_of,
    takes,
    unconditional,
    with_option,
)
from rme_tf.experiments.parts.form import form_of, value_at
from rme_tf.experiments.parts.form_words import grouped, switched_on


class Flags:
    """Words of a command line, without choices, options by dotted names.

    Args:
        defaults: recipe or other dataclass.
        args: words of the command line.

    Attributes:
        words: the other words, for a form of the choices.
        form: dataclass of those words, with the values that the defaults have.

    Raises:
        ValueError: for an unknown choice, or an option that a choice does not have; the message lists the options.
    """

    def __init__(self, defaults, args: list[str]):
        self.defaults, self.kind, self.parts = defaults, type(defaults), parts_of(defaults)
        self.paths: list[Path] = []  # of options
        self.words = list(args)
        if self.parts:
            groups = grouped(args)
            choices = {index: path for index, group in enumerate(groups) if (path := self._choice_of(group[0]))}
            for index in sorted(choices, key=lambda index: len(choices[index])):
                self._choose(choices[index], groups[index])
            # What follows the value of a choice is positional.
            rest = [group[2:] if index in choices else self._in_full(group) for index, group in enumerate(groups)]
            self.words = [word for group in rest for word in group]
        self.form = form_of(defaults, self.parts)

    def completed(self, form):
        """Returns the dataclass with the values of a form.

        Args:
            form: what the words made of `form`.

        Raises:
            ValueError: as the dataclass does.
        """
        if not self.parts:
            return form
        options: dict[str, dict[str, Any]] = {}
        for path in self.paths:
            put(options, path, value_at(form, path))
        for name, values in options.items():
            self.parts[name] = with_option(self.kind, self.parts[name], (name,), values)
        names = [field.name for field in dataclasses.fields(self.kind) if field.name not in self.parts]
        return dataclasses.replace(self.defaults, **{name: getattr(form, name) for name in names}, **self.parts)

    def _choice_of(self, word: str) -> Path | None:
        """Returns the path of the choice that a word is the flag of; None if it is another word."""
        name = _name(word)
        targets = aliases_of(self.kind).get(name) or aliases_of(self.kind).get(switched_on(name)) or (name,)
        for path in (unconditional(targets[0]), tuple(switched_on(name).split("."))):
            if word.startswith("--") and choice_at(self.kind, path) is not None:
                return path
        return None

    def _choose(self, path: Path, group: list[str]) -> None:
        """Takes over the choice of a flag and its value."""
        slot = choice_at(self.kind, path)
        name = path[-1] if path[-1] != "name" else path[-2]
        value: Any = _value(group[1]) if len(group) > 1 else None
        if slot is not None and slot.is_switch and len(group) == 1:
            value = not _name(group[0]).rpartition(".")[2].startswith("no_")
        elif len(group) == 1:
            raise ValueError(f"Expected a choice of {name} after {group[0]}. Received: none.")
        self.parts[path[0]] = with_option(self.kind, self.parts[path[0]], path, value)

    def _in_full(self, group: list[str]) -> list[str]:
        """Returns a flag and its values, the flag by the dotted name of an option; other words as they are."""
        name = _name(group[0])
        on = switched_on(name)
        plain = {field.name for field in dataclasses.fields(self.kind)} - self.parts.keys()
        if not group[0].startswith("--") or not {name, on}.isdisjoint({*plain, "help"}):
            return group
        try:
            paths, negated = paths_of(self.kind, self.parts, name), ""
        except ValueError:
            try:
                paths, negated = paths_of(self.kind, self.parts, on), "no-" if on != name else ""
            except ValueError:
                if "." not in name or name.split(".")[0] not in slots_of(self.kind):
                    return group  # which the form refuses, or knows by another name
                paths, negated = [tuple(name.split("."))], ""
        words = []
        for path in paths:
            if not takes(self.kind, self.parts, path):
                with_option(self.kind, self.parts[path[0]], path, None)  # raises ValueError, but for a study
            self.paths.append(path)
            *outer, last = (key.replace("_", "-") for key in path)
            words += [f"--{'.'.join([*outer, negated + last])}", *group[1:]]
        return words


def _name(word: str) -> str:
    """Returns the name in a flag."""
    return word.removeprefix("--").replace("-", "_")


def _value(word: str) -> Any:
    """Returns the number that a word is, or the word."""
    try:
        return float(word)
    except ValueError:
        return word
