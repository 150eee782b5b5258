"""Parsers of command lines, with errors of one line."""

import argparse
import functools
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NoReturn

from .suggestions import unknown

FLAG = re.compile(r"--?[A-Za-z]")
USER_ERROR = 2  # exit status


class Parser(argparse.ArgumentParser):
    """A parser that names the nearest flag for an unknown one.

    Args:
        program: words before the flags, such as "rme evaluate".
        description: text at the top of `--help`.

    Attributes:
        stray: returns the flags that a word without one may have stood for, or "".
    """

    def __init__(self, program: str, description: str):
        width = min(100, shutil.get_terminal_size().columns - 2)
        formatter = functools.partial(argparse.RawDescriptionHelpFormatter, max_help_position=28, width=width)
        super().__init__(
            prog=program, description=description, allow_abbrev=False, add_help=False, formatter_class=formatter
        )
        self.stray: Callable[[str], str] = lambda word: ""

    @property
    def known(self) -> Mapping[str, argparse.Action]:
        """Actions by their flags."""
        return self._option_string_actions

    def error(self, message: str) -> NoReturn:
        """Exits with a message of one line."""
        # What the types of this library say has the flag's name in it.
        refuse(re.sub(r"^argument [^:]+: (?=[A-Z`])", "", message))

    def read(self, words: Sequence[str]) -> argparse.Namespace:
        """Returns the values of a command line, or exits with status 2.

        Args:
            words: words after the command.
        """
        words = spelled(words)
        known = self.known
        for word in words:
            flag = word.partition("=")[0]
            if FLAG.match(word) and flag not in known:
                shown = [name for name, action in known.items() if action.help != argparse.SUPPRESS]
                refuse(unknown("flag", flag, list(known), shown))
        values, rest = self.parse_known_args(words)
        if rest:
            meant = self.stray(rest[0])
            refuse(f"Expected a flag. Received: {rest[0]!r}.{f' Did you mean {meant}?' if meant else ''}")
        return values


def refuse(message: str) -> NoReturn:
    """Exits with status 2 and a message of one line."""
    print(" ".join(message.split()), file=sys.stderr)
    raise SystemExit(USER_ERROR)


def spelled(words: Sequence[str]) -> list[str]:
    """Returns words with hyphens in flags and negative numbers after "="."""
    result: list[str] = []
    for word in words:
        if word.startswith("--"):
            flag, equals, value = word.partition("=")
            result.append(flag.replace("_", "-") + equals + value)
        elif _is_negative(word) and result and result[-1].startswith("--") and "=" not in result[-1]:
            result[-1] += f"={word}"
        else:
            result.append(word)
    return result


def _is_negative(word: str) -> bool:
    """Returns whether a word is a negative number, which looks like a flag."""
    return word.startswith("-") and is_word_of(word, "float")


def is_word_of(word: str, kind: str) -> bool:
    """Returns whether a word is of a type.

    Args:
        word: word of a command line.
        kind: name of the type: "int", "float", "bool", "none" or "text".
    """
    if kind in ("int", "float"):
        try:
            {"int": int, "float": float}[kind](word)
        except ValueError:
            return False
        return True
    plain = {"bool": ("true", "yes", "on", "false", "no", "off"), "none": ("none", "null", "~")}
    return word.lower() in plain[kind] if kind in plain else True


def name_of(kind: str, names: Iterable[str]) -> Callable[[str], str]:
    """Returns the function that reads one of several names.

    Args:
        kind: kind of the names, for the message.
        names: names to choose from.
    """

    def read(word: str) -> str:
        """Returns a word that is one of the names."""
        if word not in names:
            raise argparse.ArgumentTypeError(unknown(kind, word, names))
        return word

    return read


def count(flag: str, least: int = 1) -> Callable[[str], int]:
    """Returns the function that reads an integer.

    Args:
        flag: flag of the integer, for its message.
        least: lowest valid integer.
    """

    def read(word: str) -> int:
        """Returns the integer of a word."""
        if not is_word_of(word, "int") or int(word) < least:
            raise argparse.ArgumentTypeError(f"`{flag}` must be an integer of at least {least}. Received: {word!r}.")
        return int(word)

    return read
