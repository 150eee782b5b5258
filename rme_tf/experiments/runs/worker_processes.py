"""Processes that run on one core each."""

import concurrent.futures
import contextlib
import ctypes
import multiprocessing
import os
import pathlib
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

import tensorflow as tf

Key = TypeVar("Key")


def run_apart(function: Callable, calls: Mapping[Key, tuple], processes: int) -> Iterator[Key]:
    """Makes calls in other processes, and yields their keys at the end.

    A process runs TensorFlow on one thread, on one core where the system can bind it. It ends with this process. An
    error of a call is raised here, after which no further call begins.

    Args:
        function: function of a module.
        calls: arguments of each call, which are pickled, by any key.
        processes: number of processes.
    """
    context = multiprocessing.get_context("spawn")
    begun = context.Value(ctypes.c_int, 0)
    pool = concurrent.futures.ProcessPoolExecutor(processes, context, _begin, (begun,))
    try:
        futures = {pool.submit(function, *arguments): key for key, arguments in calls.items()}
        for future in concurrent.futures.as_completed(futures):
            future.result()
            yield futures[future]
    finally:
        pool.shutdown(cancel_futures=True)


def _begin(begun) -> None:
    """Prepares a process: one thread, one core, and an end with its parent."""
    with begun.get_lock():
        index, begun.value = begun.value, begun.value + 1
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[index % len(cores)]})
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Ends this process when its parent has ended."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@contextlib.contextmanager
def logged(path: pathlib.Path) -> Iterator[None]:
    """Appends what is printed to a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with (
        path.open("a", encoding="utf-8", buffering=1) as file,
        contextlib.redirect_stdout(file),
        contextlib.redirect_stderr(file),
    ):
        yield
