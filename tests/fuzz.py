"""Malformed inputs, drawn by a seed: a refusal in a sentence of the library, or a success, and nothing else.

    python tests/fuzz.py --count 2000

A case takes valid inputs of a public entry point and changes one argument, word, line or byte. Each case has a number,
and the same number is the same case: `--first 1234 --count 1` repeats one. The cases run in a process of their own,
which is replaced when it ends or stands still.
"""

import argparse
import collections
import contextlib
import faulthandler
import io
import json
import linecache
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
HERE = pathlib.Path(__file__).parent
PACKAGE = HERE.parent / "rme_tf"
sys.path[:0] = [str(HERE.parent), str(HERE), *(str(path) for path in HERE.iterdir() if path.is_dir())]

DOCUMENTED = (ValueError, FloatingPointError, OSError)  # the last one for `WriteError`
SENTENCE = re.compile(
    r"expected|must|needs?\b|received|is not|are not|\bhas\b|\bhave\b|cannot|\bnone\b|take|choose", re.IGNORECASE
)
LIMIT = 120  # seconds of a case
GOOD = ("success", "refused")


class Case(NamedTuple):
    """One malformed input."""

    text: str
    call: Callable[[], Any]
    check: Callable[[Any], str | None] = lambda result: None  # what is wrong with a result
    outputs: tuple[pathlib.Path, ...] = ()  # nothing may be there after a refusal
    status: bool = False  # whether a refusal is an exit with status 2 and one line of text


class Outcome(NamedTuple):
    """The end of a case."""

    kind: str  # one of `GOOD`, or: raw, wrong, half-written, hang, crash, broken (the fuzzer itself)
    text: str


def run_case(case: Case) -> Outcome:
    """Returns the outcome of a case that ends."""
    printed, errors = io.StringIO(), io.StringIO()
    with warnings.catch_warnings(), contextlib.redirect_stdout(printed), contextlib.redirect_stderr(errors):
        warnings.simplefilter("ignore")
        try:
            result = case.call()
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # every kind of end is an outcome
            return _refusal(case, error, errors.getvalue())
        try:
            wrong = case.check(result)
        except Exception as error:
            wrong = f"{type(error).__name__} in the check: {' '.join(str(error).split())[:300]}"
    return Outcome("success", "") if wrong is None else Outcome("wrong", wrong)


def _refusal(case: Case, error: BaseException, printed: str) -> Outcome:
    """Returns the outcome of a case that raises."""
    text = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
    if isinstance(error, TimeoutError) and "longer than" in str(error):
        return Outcome("hang", text)
    if case.status and isinstance(error, SystemExit):
        lines = printed.strip().splitlines()
        documented, text = error.code == 2 and len(lines) >= 1, printed.strip()[:300]
    else:
        documented = isinstance(error, DOCUMENTED) and raised_by_library(error) and bool(SENTENCE.search(str(error)))
    left = [str(path) for path in case.outputs if path.exists() and (path.is_file() or any(path.iterdir()))]
    if documented and left:
        return Outcome("half-written", f"{', '.join(left)} after {text}")
    if documented:
        return Outcome("refused", text)
    frame = traceback.extract_tb(error.__traceback__)[-1]
    ours = [part for part in traceback.extract_tb(error.__traceback__) if is_ours(part.filename)]
    place = f"{ours[-1].filename.removeprefix(str(PACKAGE.parent))}:{ours[-1].lineno}" if ours else "no line of rme_tf"
    return Outcome("raw", f"{text} [raised in {frame.filename[-60:]}:{frame.lineno}, from {place}]")


def is_ours(filename: str) -> bool:
    """Returns whether a file is one of the library's."""
    return filename.startswith(f"{PACKAGE}{os.sep}")


def raised_by_library(error: BaseException) -> bool:
    """Returns whether an exception comes from a `raise` of the library itself."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    line = linecache.getline(frame.filename, frame.lineno or 0)
    return is_ours(frame.filename) and line.lstrip().startswith("raise")


class Fuzzer:
    """Cases by their numbers.

    Args:
        seed: seed of all cases.
        folder: directory for the files of the cases.
        areas: names of areas; None for all.
    """

    def __init__(self, seed: int, folder: pathlib.Path, areas=None):
        import fuzz_areas

        self.seed, self.folder = seed, folder
        self.areas = {name: area for name, area in fuzz_areas.AREAS.items() if areas is None or name in areas}
        self.order = fuzz_areas.order(self.areas)

    def area(self, number: int) -> str:
        """Returns the name of a case's area."""
        return self.order[number % len(self.order)]

    def outcome(self, number: int) -> tuple[str, Outcome]:
        """Makes and runs a case; returns its description and outcome."""
        import numpy as np

        rng = np.random.default_rng([self.seed, number])
        folder = self.folder / "case"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                case = self.areas[self.area(number)].draw(rng, folder)
        except Exception:
            return "", Outcome("broken", traceback.format_exc()[-600:])
        here = os.getcwd()
        with time_limit(LIMIT):
            outcome = run_case(case)
        os.chdir(here)
        return case.text, outcome


@contextlib.contextmanager
def time_limit(seconds: int) -> Iterator[None]:
    """Raises TimeoutError after some seconds, where Python gets to it."""

    def stop(*_):
        raise TimeoutError(f"longer than {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def work(options) -> None:
    """Runs cases one after another, and appends their outcomes to a file."""
    faulthandler.enable()
    folder = pathlib.Path(options.folder)
    os.chdir(folder)
    fuzzer = Fuzzer(options.seed, folder, options.areas)
    with (folder / "outcomes.jsonl").open("a", encoding="utf-8") as file:
        for number in range(options.first, options.first + options.count):
            print(json.dumps({"number": number, "area": fuzzer.area(number)}), file=file, flush=True)
            start = time.perf_counter()
            text, outcome = fuzzer.outcome(number)
            values = {"number": number, "text": text[:500], "kind": outcome.kind, "message": outcome.text}
            print(json.dumps({**values, "seconds": round(time.perf_counter() - start, 2)}), file=file, flush=True)


def outcomes_of(folder: pathlib.Path) -> dict[int, dict]:
    """Returns what is known of each case that began, by its number."""
    path, known = folder / "outcomes.jsonl", {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        values = json.loads(line)
        known.setdefault(values["number"], {}).update(values)
    return known


def run(first: int, count: int, *, seed: int = 0, folder: pathlib.Path, areas=None) -> list[dict]:
    """Returns the outcomes of cases, run in processes of their own."""
    end, log = first + count, (folder / "log").open("ab")
    while True:
        known = outcomes_of(folder)
        begin = max(known, default=first - 1) + 1
        if begin >= end:
            return [known[number] for number in range(first, end)]
        words = ["--work", "--seed", seed, "--first", begin, "--count", end - begin, "--folder", folder]
        words += ["--areas", *areas] if areas else []
        process = subprocess.Popen([sys.executable, __file__, *map(str, words)], stdout=log, stderr=log)
        kind = _wait(process, folder)
        known = outcomes_of(folder)
        last = known.get(max(known, default=-1))
        if last is None:
            raise RuntimeError(f"No case began: see {folder / 'log'}.")
        if "kind" not in last:  # it began, and the process did not come to its end
            with (folder / "outcomes.jsonl").open("a", encoding="utf-8") as file:
                text = f"status {process.returncode}"
                print(json.dumps({"number": last["number"], "text": "", "kind": kind, "message": text}), file=file)


def _wait(process, folder: pathlib.Path) -> str:
    """Waits for the end of a process; ends it if no case ends within the limit."""
    path = folder / "outcomes.jsonl"
    while process.poll() is None:
        time.sleep(0.5)
        quiet = time.time() - path.stat().st_mtime if path.exists() else 0.0
        if quiet > 2 * LIMIT:
            process.kill()
            process.wait()
            return "hang"
    return "crash"


def main() -> int:
    """Runs cases, and prints their outcomes by kind."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--areas", nargs="*", default=None)
    parser.add_argument("--folder", default=None)
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(options)
        return 0
    folder = pathlib.Path(options.folder or tempfile.mkdtemp(prefix="rme_fuzz_"))
    folder.mkdir(parents=True, exist_ok=True)
    found = run(options.first, options.count, seed=options.seed, folder=folder, areas=options.areas)
    counts = collections.Counter((case["area"], case["kind"]) for case in found)
    for (area, kind), number in sorted(counts.items()):
        print(f"{area:12} {kind:12} {number:5}")
    faults = [case for case in found if case["kind"] not in GOOD]
    for case in faults:
        print(f"{case['number']} {case['area']} {case['kind']}: {case['text']}\n    {case['message']}")
    print(f"{len(found):,} malformed inputs, {len(faults)} not refused in a sentence of the library.")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
