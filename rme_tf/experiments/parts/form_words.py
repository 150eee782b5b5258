"""Words of a command line, in the spelling that tyro parses."""

import dataclasses
import difflib
import typing
from collections.abc import Iterator, Mapping
from typing import Any

from tyro.conf import Positional, Suppress, UseAppendAction

from rme_tf.experiments.parts.hints import alternatives, check_words, may_be_list, may_be_none, may_be_text
from rme_tf.experiments.parts.words import is_plain, plain_value

NEAREST = 3  # number of flags in the message for an unknown one


def grouped(args: list[str]) -> list[list[str]]:
    """Returns each flag with its words.

    Words before the first flag are the first group.
    """
    groups: list[list[str]] = []
    for arg in args:
        words = arg.split("=", 1) if arg.startswith("--") else [arg]
        if arg.startswith("--") or not groups:
            groups.append(words)
        else:
            groups[-1] += words
    return groups


def words_for(form: type, args: list[str]) -> list[str]:
    """Returns the words of a command line, in tyro's spelling.

    After a flag of several values, "a,b" becomes two words. A truth value becomes the flag or its negation:
    "--smoke false" is "--no-smoke". None after the flag of a number may be "none" or "null".

    Args:
        form: dataclass of the flags.
        args: words of the command line.

    Raises:
        ValueError: for a flag that the form does not have, with the nearest ones in the message, for a value of another
            type, and for a word without a flag.
    """
    flags = dict(_flags(form))
    if not _has_positional(form):
        for group in grouped(args):
            _refuse_stray(group, flags)
    return [word for group in grouped(args) for word in _spelled(group, flags)]


def _refuse_stray(group: list[str], flags: Mapping[str, Any]) -> None:
    """Raises ValueError for a word that is no value of the flag before it."""
    flag, *values = [word for word in group if word != "-h"] or ["--help"]
    hint = flags.get(flag.replace("_", "-"))
    if not flag.startswith("--"):
        stray = [flag]
    elif hint is None or may_be_list(hint):
        stray = []  # an unknown flag is refused itself
    else:
        stray = values if hint is bool and values and not is_plain(values[0]) else values[1:]
    if stray:
        after = f", after {flag}" if flag.startswith("--") else ""
        raise ValueError(f"Expected a flag. Received: {stray[0]!r}{after}.")


def _spelled(group: list[str], flags: Mapping[str, Any]) -> list[str]:
    """Returns a flag and its values in tyro's spelling."""
    flag, *values = group
    if not flag.startswith("--"):
        return group
    name = flag.replace("_", "-")
    if name not in flags:
        _check_known(flag, flags)
        return group
    hint = flags[name]
    if may_be_list(hint):
        values = [part for value in values for part in value.split(",")]
        check_words(flag, values, hint)
        return [flag, *values]
    if values and is_plain(values[0]) and not may_be_text(hint):
        value = plain_value(values[0])
        if isinstance(value, bool) and hint is bool:
            return [name if value else _negated(name), *values[1:]]
        if value is None and may_be_none(hint):
            values[0] = "None"
    check_words(flag, values[:1], hint)
    return [f"{flag}={values[0]}"] if len(values) == 1 and values[0].startswith("-") else [flag, *values]


def _check_known(flag: str, flags: Mapping[str, Any]) -> None:
    """Raises ValueError for a flag that is neither in the form nor one of every command line."""
    name = flag.replace("_", "-")
    if name == "--help" or name.startswith("--tyro-") or switched_on(name) in flags:
        return
    known = [*flags, *(_negated(flag) for flag, hint in flags.items() if hint is bool)]
    leaves = {f"--{dotted.rpartition('.')[2]}": dotted for dotted in known if "." in dotted}
    leaves |= {leaf: leaf for leaf in leaves.keys() & set(known)}  # which is meant before an option of that name
    close = difflib.get_close_matches(name, [*known, *leaves], n=NEAREST, cutoff=0.5)
    nearest = list(dict.fromkeys(leaves.get(match, match) for match in close))
    expected = nearest or [name for name in flags if "." not in name]
    meant = f" Did you mean {nearest[0]!r}?" if nearest else ""
    raise ValueError(f"Unknown flag. Expected one of: {', '.join(expected)}. Received: {flag!r}.{meant}")


def _negated(flag: str) -> str:
    """Returns the flag that switches a truth value off."""
    outer, dot, last = flag.removeprefix("--").rpartition(".")
    return f"--{outer}{dot}no-{last}"


def switched_on(name: str) -> str:
    """Returns the name of the value that a negation switches off.

    The name is of a flag, "--algorithm.no-aggressive", or of a field, "algorithm.no_aggressive". Another name is
    returned unchanged.
    """
    start = "--" if name.startswith("--") else ""
    outer, dot, last = name.removeprefix(start).rpartition(".")
    return f"{start}{outer}{dot}{last.removeprefix('no-').removeprefix('no_')}"


def _has_positional(form: type) -> bool:
    """Returns whether a form has a field without a flag."""
    hints = typing.get_type_hints(form, include_extras=True).values()
    return any(Positional in typing.get_args(hint)[1:] for hint in hints)


def _flags(form: type, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Returns the flags of a form, each with its type; the type of a choice's own flag is its form."""
    for name, hint in typing.get_type_hints(form, include_extras=True).items():
        extras = typing.get_args(hint)[1:] if typing.get_origin(hint) is typing.Annotated else ()
        if Positional in extras or Suppress in extras:
            continue
        name = next((extra.name for extra in extras if getattr(extra, "name", None)), name)
        kind = alternatives(hint)[0]
        if dataclasses.is_dataclass(kind):
            yield from _flags(typing.cast(type, kind), f"{prefix}{name}.")
        yield f"--{prefix}{name}".replace("_", "-"), str if UseAppendAction in extras else hint
