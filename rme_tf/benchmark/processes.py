"""New processes for measurements of memory, starts and runs in turns."""

import contextlib
import multiprocessing
import os
import sys
from collections.abc import Callable, Mapping
from multiprocessing.context import BaseContext

import numpy as np

from rme_tf.benchmark.timing import seconds_of
from rme_tf.core.validation import check_count


def new_processes() -> BaseContext:
    """Returns the context of processes that have only imported this library.

    On Linux they are forked from one process that has imported it, which saves seconds for each. Elsewhere a fork is
    not safe, and each process imports it.
    """
    if not sys.platform.startswith("linux"):
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["rme_tf"])
    return context


def in_new_process(function, *arguments):
    """Returns the result of a module's function, called in a new process.

    Memory that earlier work has freed does not hide the memory of the call.
    """
    with new_processes().Pool(1) as pool:
        return pool.apply(function, arguments)


@contextlib.contextmanager
def on_cores(count: int | None):
    """Returns a context in which new processes run on some cores.

    Their thread pools have as many threads, since the choice is made before their imports.

    Args:
        count: number of cores; None for all.

    Raises:
        ValueError: if there are fewer cores, or the system has no choice of cores.
    """
    if count is None:
        yield
        return
    if not hasattr(os, "sched_setaffinity"):
        raise ValueError(f"This system has no choice of cores. Expected None for `cores`. Received: {count}.")
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[: check_count("cores", count, most=len(before))])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def turns_in_processes(builders: Mapping[str, tuple[Callable, tuple]], rounds: int, cores: int | None = None) -> dict:
    """Returns wall and CPU seconds of each run in every round.

    Each run has a process of its own, so that libraries with thread pools are apart. Runs take turns, one at a time. A
    first round, which compiles, is left out.

    Args:
        builders: name -> (function of a module that returns the run, its arguments).
        rounds: number of timings of each run.
        cores: number of cores of each process; None for all.

    Returns:
        A dict of arrays by name. Shape [rounds, 2]. CPU seconds are user and system time of all threads.

    Raises:
        RuntimeError: if a process ends early.
    """
    context, workers = multiprocessing.get_context("spawn"), {}
    try:
        with on_cores(cores):
            for name, (build, arguments) in builders.items():
                here, there = context.Pipe()
                workers[name] = context.Process(target=_serve, args=(there, build, arguments), daemon=True), here
                workers[name][0].start()
                there.close()
        seconds: dict[str, list] = {name: [] for name in workers}
        for _ in range(rounds + 1):
            for name, (_, connection) in workers.items():
                seconds[name].append(_one_turn(name, connection))
    finally:
        for process, connection in workers.values():
            connection.close()
            process.join()
    return {name: np.array(values[1:]) for name, values in seconds.items()}


def _one_turn(name: str, connection) -> tuple[float, float]:
    """Returns wall and CPU seconds of a run in its process."""
    try:
        connection.send(True)
        return connection.recv()
    except (EOFError, OSError):
        raise RuntimeError(f"The process of {name} ended before its run. Its output is above.") from None


def _serve(connection, build: Callable, arguments: tuple) -> None:
    """Runs what `build(*arguments)` returns, once for each request, and sends its seconds."""
    run = build(*arguments)
    with contextlib.suppress(EOFError):
        while connection.recv():
            connection.send(seconds_of(run))
