"""The options of a command line: any dataclass, by way of YAML and flags."""

import dataclasses
import pathlib
import sys
import typing

import dacite
import tyro
import yaml
from tyro.conf import Positional, arg
from tyro.conf import Suppress as Hidden

# What annotates a field that is given without a flag, whose flag has another name, or that is no flag.
__all__ = ["Hidden", "Positional", "arg", "from_yaml", "parse"]


def from_yaml(path, defaults):
    """Returns `defaults`, a dataclass, with what a YAML file says in their place.

    Raises:
        ValueError: if there is no such file, or it has unknown keys or values of a wrong type.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise ValueError(f"Expected a YAML file of recipe fields. Received: {path}, which is not there.")
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        merged = {**dataclasses.asdict(defaults), **values}
        config = dacite.Config(strict=True, cast=[tuple], type_hooks={float: float})
        return dacite.from_dict(type(defaults), merged, config=config)
    except (dacite.DaciteError, TypeError, yaml.YAMLError) as error:
        raise ValueError(f"{path} does not describe a recipe: {error}.") from error


def parse(defaults, description: str | None = None, args=None):
    """Returns the options of a command line, a dataclass: `defaults`, then `--config FILE`, then the flags.

    Args:
        defaults: a `Recipe`, or any dataclass: what holds without flags.
        description: what `--help` begins with.
        args: the command line's words; those of the process unless given. The values of a flag that takes several
            may be divided by commas as well as by spaces.
    """
    args = sys.argv[1:] if args is None else args
    args = [part for word in args for part in (word.split("=", 1) if word.startswith("--config=") else [word])]
    args = split_lists(type(defaults), args)
    while "--config" in args:
        index = args.index("--config")
        if index + 1 == len(args):
            raise ValueError("`--config` needs a YAML file.")
        defaults = from_yaml(args[index + 1], defaults)
        del args[index : index + 2]
    note = "Also: --config FILE, a YAML file of the same fields (the flags win over it)."
    description = "\n\n".join(filter(None, (description, note)))
    return tyro.cli(type(defaults), default=defaults, description=description, args=args)


def split_lists(options: type, args: list[str]) -> list[str]:
    """Returns the words of a command line, "a,b" as two words after a flag of the dataclass that takes several."""
    flags = set()
    for name, hint in typing.get_type_hints(options, include_extras=True).items():
        kind, *extras = typing.get_args(hint) if typing.get_origin(hint) is typing.Annotated else (hint,)
        if typing.get_origin(kind) is tuple:
            name = next((extra.name for extra in extras if getattr(extra, "name", None)), name)
            flags.add(f"--{name.replace('_', '-')}")
    words, several = [], False
    for word in args:
        flag, equals, values = word.partition("=")
        if word.startswith("--"):
            several = flag.replace("_", "-") in flags
            words += [flag, *values.split(",")] if several and equals else [word]
        else:
            words += word.split(",") if several else [word]
    return words
