"""Flags of `rme train` and `rme study`, grouped, with the choices of every name."""

import argparse
import itertools
from collections.abc import Callable, Mapping, Sequence

from .descriptions import Described, Start, chosen, settings_of
from .parsers import Parser, is_word_of
from .places import existing
from .suggestions import unknown

GROUPS = ("Study", "Data", "Tokenizer", "Model", "Training", "Evaluation", "Run")
METAVARS = {"int": "INT", "float": "NUMBER", "bool": "BOOL", "text": "TEXT"}
NOUNS = {"int": "an integer", "float": "a number", "bool": "true or false", "none": "none", "text": "text"}
CHOICES = """A choice, such as --algorithm NAME, decides which options there are: --help
after it lists them."""
TRAIN = """Train a mixture posterior on {title}; evaluate and export it.

{examples}

The folder --out gets the configuration, checkpoints, metrics, figures, the
model and a SavedModel. The same command resumes an interrupted run, and so does
`rme resume RUN`.

{choices} The defaults here are those of {start}.{sizes}
"""
SIZES = """
With fewer than {few:,} training observations, defaults marked "by size" follow from
their number, and are printed at the start."""


def train_parser(kind: str, described: Described, start: Start | None, words: Sequence[str]) -> Parser:
    """Returns the parser of the flags of a training.

    Args:
        kind: name of the kind of data.
        described: description of the kind.
        start: settings that the flags change; None if no data are named yet, for the settings of a path.
        words: words after the kind, whose choices decide which options are listed.
    """
    examples = "\n".join(f"    rme train {kind} {words}" for words in described["examples"])
    start = Start(described["of_path"], None) if start is None else start
    shown = f"--recipe {start.recipe}" if start.recipe else "the recipe's class"
    by_size = described["by_size"] and start.recipe == described["of_path"]
    sizes = SIZES.format(few=described["few"]) if by_size else ""
    text = TRAIN.format(title=described["title"], examples=examples, choices=CHOICES, start=shown, sizes=sizes)
    parser = Parser(f"rme train {kind}", text)
    settings = settings_of(described, start)
    flags = _Flags(parser, described, settings, words, by_size=described["by_size"] if by_size else ())
    names = sorted(described["recipes"])
    _add(flags.groups["Data"], {**_text("recipe", "settings by name, which flags change"), "choices": names})
    also = "" if described["path"] == "path" else f", as --{described['path']}"
    text = f"folder or file of your data{also}"
    flags.groups["Data"].add_argument("--path", metavar="PATH", type=existing, help=text)
    flags.add_all(without=("path",))
    choices = next((field["choices"] for field in described["fields"] if field["name"] == described["dataset"]), ())
    parser.stray = lambda word: f"--{described['dataset']} {word}" if word in choices else f"--path {word}"
    return parser


def study_parser(name: str, described: Described, words: Sequence[str]) -> Parser:
    """Returns the parser of the flags of a study.

    Args:
        name: name of the study.
        described: description of the study.
        words: words after the name, whose choices decide which options are listed.
    """
    parser = Parser(f"rme study {name}", f"{described['summary']}\n\n{CHOICES}")
    _Flags(parser, described, {}, words).add_all()
    return parser


class _Flags:
    """Adds flags to the groups of a parser: the present options, and unlisted ones of other choices.

    Args:
        parser: parser of the command.
        described: description of the kind of data, or of the study.
        settings: settings before the flags, by dotted name.
        words: words of the command line.
        by_size: dotted names of the fields whose defaults follow from the size of small data.
    """

    def __init__(
        self,
        parser: Parser,
        described: Described,
        settings: Mapping[str, str],
        words: Sequence[str],
        by_size: Sequence[str] = (),
    ):
        self.parser, self.described, self.settings, self.by_size = parser, described, settings, by_size
        self.choices = chosen(described, settings, words)
        parser.usage = f"{parser.prog} [flags]"
        self.groups = {name: parser.add_argument_group(name) for name in GROUPS}

    def add_all(self, without: Sequence[str] = ()) -> None:
        """Adds all flags but some."""
        for field in self.described["fields"]:
            if field["name"] not in without:
                self._add(self.groups[field["group"]], field)
        run = self.groups["Run"]
        run.add_argument("--config", metavar="FILE", type=existing, action="append", help="YAML file of fields")
        run.add_argument("-h", "--help", action="help", help="show this text, and exit")
        self._accept_the_rest()

    def _add(self, group, flag: Described, path: str = "") -> None:
        """Adds a flag, and the options of the present choice."""
        dotted = f"{path}{flag['name']}"
        default = self.settings.get(dotted, flag["default"])
        by_size = dotted in self.by_size or f"{dotted}.name" in self.by_size
        _add(group, {**flag, "name": dotted, "default": f"{default}, or by size" if by_size else default})
        for option in self.described["options"].get(dotted, {}).get(self.choices.get(dotted), []):
            self._add(group, option, f"{dotted}.")

    def _accept_the_rest(self) -> None:
        """Adds the options of other choices and earlier names without help; recipes refuse what does not fit."""
        names: dict[str, bool] = dict(self.described["aliases"])  # whether a name may be negated
        for place, choices in self.described["options"].items():
            names[f"{place}.name"] = False
            for option in itertools.chain(*choices.values()):
                names |= dict.fromkeys((option["name"], f"{place}.{option['name']}"), _is_switch(option))
        for name, negatable in names.items():
            for flag in (_flag(name), *([_negated(name)] if negatable else [])):
                if flag not in self.parser.known:
                    self.parser.add_argument(flag, nargs="*", help=argparse.SUPPRESS)


def _text(name: str, text: str) -> Described:
    """Returns the description of a flag with any text."""
    return {"name": name, "types": ["text"], "default": "", "help": text}


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _negated(name: str) -> str:
    """Returns the flag that switches a name off."""
    outer, dot, last = name.replace("_", "-").rpartition(".")
    return f"--{outer}{dot}no-{last}"


def _is_switch(flag: Described) -> bool:
    """Returns whether a flag needs no value."""
    return flag.get("types") == ["bool"] or flag.get("switch", False)


def _add(group, flag: Described) -> None:
    """Adds a flag to a group of a parser."""
    name, types = _flag(flag["name"]), flag.get("types", ["text"])
    if flag.get("switch"):  # on, off, or the number that switches it on
        types = ["float" if flag.get("number") else "bool"]
    default = f" (default: {flag['default']})" if flag["default"] else ""
    names = [*flag.get("choices", []), *(["none"] if flag.get("optional") and flag.get("choices") else [])]
    choices = f"; one of: {', '.join(names)}{', or a number' if flag.get('number') else ''}" if names else ""
    text = f"{flag['help']}{choices}{default}".replace("%", "%%")
    metavar = "NAME" if flag.get("choices") else "|".join(METAVARS[kind] for kind in types if kind in METAVARS)
    nargs = "?" if _is_switch(flag) else "*" if flag.get("several") else None
    group.add_argument(name, metavar=metavar, nargs=nargs, type=_reader(name, flag), help=text)
    if _is_switch(flag):
        group.add_argument(_negated(flag["name"]), action="store_true", help=argparse.SUPPRESS)


def _reader(name: str, flag: Described) -> Callable[[str], str]:
    """Returns the function that checks a word after a flag."""
    choices, types = flag.get("choices", []), list(flag.get("types", []))
    types = [kind for kind in types if not choices or kind != "text"]  # text is one of the choices
    types += ["float", "bool"] if flag.get("number") or flag.get("switch") else []
    types += ["none"] if flag.get("optional") else []

    def read(word: str) -> str:
        """Returns a word whose parts are all valid."""
        for part in word.split(",") if flag.get("several") else [word]:
            if part in choices or any(is_word_of(part, kind) for kind in types):
                continue
            if choices:
                raise argparse.ArgumentTypeError(unknown(flag["name"].replace("_", " "), part, choices))
            nouns = " or ".join(dict.fromkeys(NOUNS[kind] for kind in types))
            raise argparse.ArgumentTypeError(f"`{name}` must be {nouns}. Received: {part!r}.")
        return word

    return read
