"""New processes for measurements of memory and of starts."""

import multiprocessing
import sys
from multiprocessing.context import BaseContext


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
