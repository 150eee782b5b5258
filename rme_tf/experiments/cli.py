"""Command lines: dataclasses and the choices within them, from YAML and flags."""

import contextlib
import dataclasses
import pathlib
import sys
import typing
from collections.abc import Iterator

import tyro
from tyro.conf import Positional, arg
from tyro.conf import Suppress as Hidden
from tyro.conf import UseAppendAction as Repeated

from rme_tf.core.files import WriteError, read_text
from rme_tf.experiments.parts.fields import check_names, parts_of, slots_of
from rme_tf.experiments.parts.flags import Flags
from rme_tf.experiments.parts.form_words import words_for
from rme_tf.experiments.parts.hints import check, is_list, may_be_none, read
from rme_tf.experiments.parts.part import Part
from rme_tf.experiments.parts.slots import Slot
from rme_tf.experiments.parts.yaml_lines import faulty_line, read_yaml

# `Positional` annotates a field without a flag, `arg` one whose flag has another name, `Hidden` one that is not a flag,
# `Repeated` one whose flag takes one of several values.
__all__ = ["Hidden", "Positional", "Repeated", "arg", "from_yaml", "parse", "refusals", "write_errors"]

NOTE = (
    "Also: --config FILE, a YAML file of the same fields (the flags win over it). A choice, such as --algorithm NAME, "
    "decides which options there are; --help after it lists them."
)


def from_yaml(path, defaults):
    """Returns a dataclass with the fields that a YAML file sets.

    Args:
        path: YAML file, its choices as names or as mappings with `name` and options. The flat files of earlier
            versions are read too.
        defaults: dataclass with the values of all other fields.

    Raises:
        ValueError: if the file does not exist, is not YAML, or has unknown keys or values of a wrong type; the message
            has the line.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise ValueError(f"Expected a YAML file of recipe fields. Received: {path}, which is not there.")
    text = read_text(path)
    try:
        values = read_yaml(text)
    except ValueError as error:
        raise ValueError(f"{path}, {error}.") from error
    try:
        return _of_values(values, defaults)
    except ValueError as error:
        line = faulty_line(text, lambda values: _refusal(values, defaults))
        place = path if line is None else f"{path}, line {line},"
        raise ValueError(f"{place} does not describe a recipe: {_message(error)}.") from error


def _of_values(values, defaults):
    """Returns a dataclass with the values of a YAML file."""
    if values is not None and not isinstance(values, dict):
        raise ValueError(f"expected fields and their values. Received: {values!r}")
    return _with_values(defaults, _undotted(values or {}, type(defaults)))


def _refusal(values, defaults) -> str | None:
    """Returns the message for values that a dataclass refuses, or None."""
    try:
        _of_values(values, defaults)
    except ValueError as error:
        return _message(error)
    return None


def _message(error: Exception) -> str:
    """Returns the message of an error on one line, without its period."""
    return " ".join(str(error).split()).rstrip(".")


def _undotted(values: dict, kind: type) -> dict:
    """Returns fields with dotted names of options, such as `algorithm.kl_bound`, within their choices."""
    whole = {name: value for name, value in values.items() if not _is_option(name, kind)}
    for name, value in values.items():
        if not _is_option(name, kind):
            continue
        first, *keys = name.split(".")
        choice = whole.get(first, {})
        whole[first] = choice = {"name": choice} if isinstance(choice, str) else dict(choice or {})
        for key in keys[:-1]:
            inner = choice.get(key, {})
            choice[key] = choice = {"name": inner} if isinstance(inner, str) else dict(inner or {})
        if keys[-1] in choice:
            raise ValueError(f"Expected one value of {name}. Received: {choice[keys[-1]]!r} and {value!r}")
        choice[keys[-1]] = value
    return whole


def _is_option(name, kind: type) -> bool:
    """Returns whether a name is the dotted name of an option."""
    return isinstance(name, str) and "." in name and name.split(".")[0] in slots_of(kind)


def _with_values(defaults, values):
    """Returns a dataclass with other values of some fields."""
    kind, parts = type(defaults), parts_of(defaults)
    values = kind.nested(values, parts) if parts else values
    check_names(kind, values)
    merged = {field.name: getattr(defaults, field.name) for field in dataclasses.fields(kind)}
    merged.update({name: value for name, value in values.items() if name not in parts})
    for name in parts.keys() & values.keys():
        slot = slots_of(kind)[name]
        part = slot.part(values[name], parts[name], any_choice=getattr(kind, "SEVERAL", False))
        merged[name] = _typed(slot, part, name)
    hints = typing.get_type_hints(kind, include_extras=True)
    for name in values.keys() & merged.keys() - parts.keys():
        merged[name] = _read(name, values[name], hints[name])
    return kind(**merged)


def _read(name: str, value, hint):
    """Returns a value of a YAML file as one of a type; raises ValueError if it is none."""
    value = read(value, hint)
    fits = isinstance(value, tuple) or (value is None and may_be_none(hint))
    if is_list(hint) and not fits:
        raise ValueError(f"`{name}` must be a list, such as [{value}]. Received: {value!r}")
    check(name, value, hint)
    return value


def _typed(slot: Slot, part: Part, place: str) -> Part:
    """Returns a choice whose options are of their types.

    Args:
        slot: place of the choice.
        part: the choice.
        place: dotted name of the place, for messages.

    Raises:
        ValueError: if an option is of another type.
    """
    options = {}
    for name, value in part.options.items():
        inner, option = slot.inner(name), slot.options(part.name)[name]
        if inner is not None:
            options[name] = _typed(inner, value, f"{place}.{name}")
        else:
            options[name] = _read(f"{place}.{name}", value, option.hint)
    return Part.of(part.name, options, part.waiting)


def parse(defaults, description: str | None = None, args=None):
    """Returns the options of a command line.

    Values come from the flags, then from `--config FILE`, then from the defaults.

    Args:
        defaults: recipe or other dataclass, the values without flags.
        description: text at the top of `--help`.
        args: words of the command line; None for `sys.argv`. Several values of a flag are divided by commas or spaces.
    """
    args = sys.argv[1:] if args is None else args
    args = [part for word in args for part in (word.split("=", 1) if word.startswith("--config=") else [word])]
    description = "\n\n".join(filter(None, (description, NOTE)))
    with refusals():
        while "--config" in args:
            index = args.index("--config")
            if index + 1 == len(args):
                raise ValueError("`--config` needs a YAML file.")
            defaults = from_yaml(args[index + 1], defaults)
            del args[index : index + 2]
        return _parsed(defaults, description, args)


@contextlib.contextmanager
def refusals() -> Iterator[None]:
    """Exits with status 2 and a ValueError's message, on one line."""
    with _one_line(ValueError):
        yield


@contextlib.contextmanager
def write_errors() -> Iterator[None]:
    """Exits with status 2 and a `WriteError`'s message, on one line."""
    with _one_line(WriteError):
        yield


@contextlib.contextmanager
def _one_line(kind: type[Exception]) -> Iterator[None]:
    """Exits with status 2 and the message of an error of a kind, on one line."""
    try:
        yield
    except kind as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        raise SystemExit(2) from error


def _parsed(defaults, description: str, args: list[str]):
    """Returns the options of the flags; raises ValueError or SystemExit for impossible ones."""
    flags = Flags(defaults, args)
    words = words_for(type(flags.form), flags.words)
    form = tyro.cli(type(flags.form), default=flags.form, description=description, args=words)
    return flags.completed(form)
