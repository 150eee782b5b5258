"""The commands of `rme`: flags, and the function behind each."""

from collections.abc import Callable
from typing import NamedTuple

from .parsers import Parser, count, name_of
from .places import existing, finished_run, finished_runs, run_folder

DATA_DIR = "directory of data sets (default: the run's)"
PATH = "data of the run, if they have been moved (default: the run's)"


class Command(NamedTuple):
    """A command: words after its name, summary, flags, and `module:function`."""

    words: str
    summary: str
    flags: Callable[[Parser], None]
    function: str


def _resume(parser: Parser) -> None:
    parser.add_argument("run", metavar="RUN", type=run_folder, help="folder of a run")
    _places(parser)


def _evaluate(parser: Parser) -> None:
    _run(parser)
    samples = "importance samples of the log-likelihood (default: the run's)"
    parser.add_argument("--samples", metavar="INT", type=count("--samples"), help=samples)
    _places(parser)
    parser.add_argument("--out", metavar="FILE", help="JSON file for the metrics (default: none)")


def _sample(parser: Parser) -> None:
    _run(parser)
    parser.add_argument("--count", metavar="INT", type=count("--count"), default=100, help="draws (default: 100)")
    seed = "seed of the draws (default: 0)"
    parser.add_argument("--seed", metavar="INT", type=count("--seed", 0), default=0, help=seed)
    parser.add_argument("--out", metavar="FOLDER", help="folder of the files (default: RUN/samples)")


def _export(parser: Parser) -> None:
    _run(parser)
    formats = ("saved_model", "onnx", "litert")
    text = f"one of: {', '.join(formats)} (default: saved_model)"
    parser.add_argument("--format", metavar="NAME", type=name_of("format", formats), default=formats[0], help=text)
    parser.add_argument("--out", metavar="PATH", help="folder or file (default: in the folder of the run)")


def _report(parser: Parser) -> None:
    parser.add_argument("runs", metavar="RUN", type=finished_run, nargs="+", help="folder of a run")
    _places(parser)
    out = "file of the page (default: report.html in the run, comparison.html in the first of several)"
    parser.add_argument("--out", metavar="FILE", help=out)


def _compare(parser: Parser) -> None:
    _runs(parser)
    reference = "method that differences are from (default: the first run's)"
    parser.add_argument("--reference", metavar="METHOD", help=reference)
    out = "folder of the tables and figures (default: runs/comparison)"
    parser.add_argument("--out", metavar="FOLDER", default="runs/comparison", help=out)


def _nothing(parser: Parser) -> None:
    del parser


def _run(parser: Parser) -> None:
    parser.add_argument("run", metavar="RUN", type=finished_run, help="folder of a run")


def _runs(parser: Parser) -> None:
    parser.add_argument("runs", metavar="RUN", type=finished_runs, nargs="+", help="folder of a run, record, or study")


def _places(parser: Parser) -> None:
    parser.add_argument("--data-dir", metavar="FOLDER", help=DATA_DIR)
    parser.add_argument("--path", metavar="PATH", type=existing, help=PATH)


ACTIONS = "rme_tf.experiments.commands"
COMMANDS: dict[str, Command] = {
    "resume": Command("RUN", "finish an interrupted run", _resume, f"{ACTIONS}.training:resume"),
    "evaluate": Command("RUN", "evaluate a finished run on its test data", _evaluate, f"{ACTIONS}.inspection:evaluate"),
    "sample": Command("RUN", "write images or sentences drawn from the model", _sample, f"{ACTIONS}.products:sample"),
    "export": Command("RUN", "write a SavedModel, ONNX or LiteRT file", _export, f"{ACTIONS}.products:export"),
    "report": Command("RUN", "write a page of a run, or of several runs", _report, f"{ACTIONS}.inspection:report"),
    "compare": Command("RUN RUN", "compare finished runs: tables, figures", _compare, f"{ACTIONS}.inspection:compare"),
    "datasets": Command("", "list the data sets", _nothing, "rme_command.datasets:datasets"),
}
