"""The program `rme`: command lines, help, and errors on one line."""

import importlib
import os
import sys
import traceback
import warnings
from collections.abc import Mapping, Sequence

from . import finished
from .commands import ACTIONS, COMMANDS
from .descriptions import description, folder_of, kind_of_data, start_of, study_of
from .parsers import USER_ERROR, Parser, refuse
from .recipe_flags import study_parser, train_parser
from .suggestions import refused_data, unknown

INTERRUPTED = 130  # exit status of a program that Ctrl-C ends
HELP = ("-h", "--help")
TRACEBACK = "RME_TRACEBACK"
NOTE = f"rme COMMAND --help lists the flags of a command. {TRACEBACK}=1 shows where an error comes from."


def main(words: Sequence[str] | None = None) -> None:
    """Runs the command of a command line.

    TensorFlow is imported only after the words are known to be good.

    Args:
        words: words of the command line; None for `sys.argv`.
    """
    try:
        _answer(list(sys.argv[1:] if words is None else words))
    except BrokenPipeError:  # of `rme datasets | head`, for instance
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None


def _answer(words: list[str]) -> None:
    """Runs the command of words."""
    if not words or words[0] in (*HELP, "help"):
        print(_overview())
        return
    command, *rest = words
    if command in ("--version", "version"):
        _print_version()
    elif command == "train":
        _train(rest)
    elif command == "study":
        _study(rest)
    elif command in COMMANDS:
        chosen = COMMANDS[command]
        parser = Parser(f"rme {command}", f"{chosen.summary[0].upper()}{chosen.summary[1:]}.")
        parser.add_argument(*HELP, action="help", help="show this text, and exit")
        chosen.flags(parser)
        values = parser.read(rest)
        if command == "resume" and rest == [values.run] and (answer := finished.answer_of(values.run)):
            print(answer)
        else:
            _call(chosen.function, **vars(values))
    else:
        refuse(unknown("command", command, ["train", *COMMANDS, "study"]))
    sys.stdout.flush()


def _train(words: list[str]) -> None:
    """Checks the words of a training, and runs it."""
    titles = {name: kind["title"] for name, kind in description()["kinds"].items()}
    kind, *flags = words or ["--help"]
    if not _chosen(kind, titles, "train KIND", "Train a mixture posterior on your data", "kind of data"):
        return
    described = kind_of_data(kind)
    start = start_of(described, flags)
    values = train_parser(kind, described, start, flags).read(flags)
    if start is None:
        field = described["dataset"] or described["path"]
        refuse(f"Expected data: --path, --{field} or --recipe. Received none. See: rme train {kind} --help")
    if refusal := refused_data(kind, described, start.recipe, values.path):
        refuse(refusal)
    folder = folder_of(described, start, flags, values.out) if finished.is_repeatable(flags) else None
    command = finished.described(words)
    if folder is not None and (answer := finished.answer_of(folder, command)):
        print(answer)
        return
    _call(f"{ACTIONS}.training:train", kind, _without(flags, "recipe"), start=start.recipe, out=start.out)
    if folder is not None:
        finished.keep(folder, command)


def _study(words: list[str]) -> None:
    """Checks the words of a study, and runs it."""
    studies = description()["studies"]
    summaries = {name: study["summary"] for name, study in studies.items()}
    name, *flags = words or ["--help"]
    if not _chosen(name, summaries, "study NAME", "Compare methods over seeds", "study"):
        return
    if studies[name]["kind"]:
        study_parser(name, study_of(name), flags).read(flags)
    _call(f"{ACTIONS}.scripts:run_script", name, flags)


def _chosen(word: str, texts: Mapping[str, str], usage: str, purpose: str, kind: str) -> bool:
    """Returns whether a word is one of the names; prints these for a flag of help, and refuses another word.

    Args:
        word: first word after the command.
        texts: names to choose from, with a text each.
        usage: command, and a word for the names.
        purpose: sentence above the names.
        kind: kind of the names, for the message.
    """
    if word in HELP:
        print(f"usage: rme {usage} [flags]\n\n{purpose}:\n\n{_columns(texts)}\n")
        print(f"rme {usage} --help has the flags.")
        return False
    if word not in texts:
        refuse(unknown(kind, word, texts))
    return True


def _columns(texts: Mapping[str, str]) -> str:
    """Returns indented lines, one for each name with its text."""
    width = max(map(len, texts))
    return "\n".join(f"  {name:{width}}  {text}" for name, text in texts.items())


def _without(words: Sequence[str], flag: str) -> list[str]:
    """Returns words without a flag and its value."""
    result: list[str] = []
    words = list(words)
    while words:
        word = words.pop(0)
        if word.partition("=")[0] != f"--{flag}":
            result.append(word)
        elif "=" not in word:
            words.pop(0)
    return result


def _call(function: str, *args, **options) -> None:
    """Imports a function and calls it; exits with one line for input that it refuses."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    module, _, name = function.partition(":")
    if module.startswith(ACTIONS) and "tensorflow" not in sys.modules:
        print("Starting TensorFlow ...", file=sys.stderr, flush=True)
    warnings.formatwarning = _warning_line
    try:
        getattr(importlib.import_module(module), name)(*args, **options)
    except KeyboardInterrupt as error:
        if isinstance(error, SystemExit):  # with a line of its own, after the training has been saved
            raise
        print("\nInterrupted. A training is resumed by the same command, or by rme resume RUN.", file=sys.stderr)
        raise SystemExit(INTERRUPTED) from None
    except (ValueError, OSError) as error:
        if os.environ.get(TRACEBACK) or not _is_refusal(error):
            raise
        print(" ".join(str(error).split()), file=sys.stderr)
        raise SystemExit(USER_ERROR) from error


def _is_refusal(error: BaseException) -> bool:
    """Returns whether the library refused an input: an error that is raised elsewhere is a fault."""
    frame, _ = list(traceback.walk_tb(error.__traceback__))[-1]
    return frame.f_globals.get("__name__", "").partition(".")[0] in ("rme_tf", "rme_command")


def _warning_line(message, category, filename, lineno, line=None) -> str:
    """Returns a warning as one line."""
    del filename, lineno, line
    return f"{category.__name__}: {' '.join(str(message).split())}\n"


def _overview() -> str:
    """Returns the help of the program."""
    kinds = "|".join(description()["kinds"])
    rows = {f"train {kinds}": "train a model on your data, or on a data set by name"}
    rows |= {f"{name} {command.words}".strip(): command.summary for name, command in COMMANDS.items()}
    rows["study NAME"] = "run several methods over several seeds, with tables"
    purpose = "Variational autoencoders with mixture posteriors."
    return f"usage: rme COMMAND [flags]\n\n{purpose}\n\n{_columns(rows)}\n\n{NOTE}"


def _print_version() -> None:
    """Prints the version of the installed package."""
    from importlib import metadata  # takes a while, and only this command needs it

    print(f"rme_tf {metadata.version('rme_tf')}")
