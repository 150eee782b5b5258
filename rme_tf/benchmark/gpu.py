"""Check of typical uses on a GPU, a line for each.

    python -m rme_tf.benchmark.gpu

Runs, from the root of the repository, the README's snippets, a model and a recipe of images and of sentences; in
float32 and both mixed policies; in the graph and compiled by XLA. Then it takes the benchmarks whose numbers depend on
the card, and keeps their records. A failure does not stop the rest. Without a GPU nothing is run.
"""

import dataclasses
import json
import os
import pathlib
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import tensorflow as tf
import tyro

from rme_tf.benchmark import cells, gpu_speed
from rme_tf.core.registry import lookup
from rme_tf.core.validation import check_choice

POLICIES = ("float32", "mixed_bfloat16", "mixed_float16")
MODES: dict[str, bool | None] = {"graph": False, "XLA": True, "default": None}
WIDTHS = (20, 15, 8)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """Device, policies and cells of the run.

    Args:
        device: "gpu", or "cpu" to check the cells themselves.
        cells: names of the cells to run.
        policies: Keras dtype policies.
        modes: "graph", "XLA" or "default", which is what `compile` chooses.
        benchmarks: names of the benchmarks, which are taken on a GPU only.
        minutes: limit for all cells of one policy and mode together, and for a benchmark.
        out: folder of the files and the output of the cells.
        report: file for the outcomes of one policy and mode, set for the processes that run these; leave it out.
    """

    device: str = "gpu"
    cells: tuple[str, ...] = tuple(cells.CELLS)
    policies: tuple[str, ...] = POLICIES
    modes: tuple[str, ...] = ("graph", "XLA")
    benchmarks: tuple[str, ...] = tuple(gpu_speed.BENCHMARKS)
    minutes: float = 15.0
    out: str = "runs/gpu"
    report: str | None = None


class Outcome(NamedTuple):
    """Outcome of a cell."""

    cell: str
    seconds: float
    error: str = ""  # its first line
    remark: str = ""


def check(options: Options) -> None:
    """Raises ValueError for an unknown choice, or outside the repository."""
    tables: dict[str, Mapping] = {"cells": cells.CELLS, "modes": MODES, "policies": dict.fromkeys(POLICIES)}
    for kind, known in {**tables, "benchmarks": gpu_speed.BENCHMARKS}.items():
        for name in getattr(options, kind):
            lookup(known, name, kind)
    check_choice("device", options.device, ("cpu", "gpu"))
    if not pathlib.Path("README.md").exists() or not pathlib.Path("recipes").is_dir():
        raise ValueError(f"Expected README.md and recipes/ of the repository here. Received: {pathlib.Path.cwd()}.")


def run_here(options: Options) -> None:
    """Runs the cells of one policy and mode in this process."""
    root = pathlib.Path.cwd()
    (policy,), (mode,) = options.policies, options.modes
    for name in options.cells:
        _tell(options.report, {"begins": name})
        folder = root / options.out / name.replace(" ", "_")
        folder.mkdir(parents=True, exist_ok=True)
        os.chdir(folder)
        start, error, remark = time.perf_counter(), "", ""
        try:
            remark = cells.run(name, root, policy, MODES[mode])
        except (Exception, SystemExit) as failure:
            traceback.print_exc()
            error = first_line(f"{type(failure).__name__}: {failure}")
        finally:
            os.chdir(root)
        _tell(options.report, Outcome(name, time.perf_counter() - start, error, remark)._asdict())


def _tell(report, entry: dict) -> None:
    with open(report, "a", encoding="utf-8") as file:
        file.write(json.dumps(entry) + "\n")


def first_line(text: str) -> str:
    """Returns the first line with words, cut to 200 characters."""
    return next((line.strip() for line in text.splitlines() if line.strip()), text)[:200]


def outcomes(command: list[str], names, report: pathlib.Path, log: pathlib.Path, **popen) -> Iterator[Outcome]:
    """Yields the outcome of each cell, run by processes that may die.

    The cells after the one in which a process dies are run by another process.

    Args:
        command: command of a process that takes names of cells, and writes into `report` as `run_here` does.
        names: names of the cells.
        report: file for the starts and the ends of cells, created again for each process.
        log: file for the output of the processes.
        **popen: further arguments of `subprocess.run`: `timeout` in seconds.
    """
    left = list(names)
    while left:
        report.unlink(missing_ok=True)
        start = time.perf_counter()
        with log.open("ab") as printed:
            try:
                done = subprocess.run([*command, *left], stdout=printed, stderr=subprocess.STDOUT, check=False, **popen)
                end = f"the process ended with status {done.returncode}"
            except subprocess.TimeoutExpired:
                end = "the time is up"
        entries = [json.loads(line) for line in report.read_text().splitlines()] if report.exists() else []
        ended = [Outcome(**entry) for entry in entries if "cell" in entry]
        yield from ended
        left = [name for name in left if name not in {outcome.cell for outcome in ended}]
        if left:
            spent = time.perf_counter() - start - sum(outcome.seconds for outcome in ended)
            yield Outcome(left.pop(0), spent, f"{end}, see {log}")


def line(outcome: Outcome, policy: str, mode: str) -> str:
    """Returns the printed line of a cell."""
    words = [text.ljust(width) for text, width in zip((outcome.cell, policy, mode), WIDTHS, strict=True)]
    end = f"FAILED  {outcome.error}" if outcome.error else " ".join(filter(None, ["ok", outcome.remark]))
    return f"{' '.join(words)} {outcome.seconds:6.1f} s  {end}"


def run_all(options: Options) -> int:
    """Runs every cell under every policy and mode; returns the failures."""
    failed = 0
    environment = {**os.environ, **({"CUDA_VISIBLE_DEVICES": "-1"} if options.device == "cpu" else {})}
    for policy in options.policies:
        for mode in options.modes:
            folder = pathlib.Path(options.out) / f"{policy}_{mode}"
            folder.mkdir(parents=True, exist_ok=True)
            report = folder / "report.jsonl"
            chosen = {"policies": policy, "modes": mode, "out": folder, "report": report, "device": options.device}
            flags = [word for name, value in chosen.items() for word in (f"--{name}", str(value))]
            command = [sys.executable, "-m", "rme_tf.benchmark.gpu", *flags, "--cells"]
            limit = 60.0 * options.minutes
            for outcome in outcomes(command, options.cells, report, folder / "log.txt", env=environment, timeout=limit):
                print(line(outcome, policy, mode), flush=True)
                failed += bool(outcome.error)
    return failed


def run_benchmarks(options: Options) -> int:
    """Takes the benchmarks of a GPU; returns the failures."""
    failed = 0
    for name in options.benchmarks if options.device == "gpu" else ():
        seconds, error = gpu_speed.measure(name, pathlib.Path(options.out), timeout=60.0 * options.minutes)
        print(line(Outcome(name, seconds, error), "float32", "default"), flush=True)
        failed += bool(error)
    return failed


def main() -> int:
    """Print a line for each cell; return 1 if one has failed."""
    options = tyro.cli(Options, description=__doc__)
    check(options)
    if options.report is not None:
        run_here(options)
        return 0
    gpus = tf.config.list_physical_devices("GPU")
    if options.device == "gpu" and not gpus:
        print("TensorFlow sees no GPU, so nothing was run. docs/gpu.md says how to install for one; --device cpu runs")
        print("the same cells on the CPU.")
        return 0
    details = [tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name) for gpu in gpus]
    print(f"TensorFlow {tf.__version__}, {', '.join(details) if options.device == 'gpu' else 'on the CPU'}")
    failed = run_all(options) + run_benchmarks(options)
    print(f"{failed} failed" if failed else "all ok")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
