"""What the benchmarks have in common: processes of their own, and records."""

import dataclasses
import multiprocessing
import pathlib
import sys
from multiprocessing.context import BaseContext
from typing import Any

from rme_tf.records import check_writable, commit, hardware, write_json


def new_processes() -> BaseContext:
    """Returns the context of new processes, of which each has imported this library and done nothing else.

    On Linux one process imports it for all, which takes seconds, and they are forked from that one. Elsewhere a fork is
    not safe, and each imports it for itself.
    """
    if not sys.platform.startswith("linux"):
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["rme_tf"])
    return context


def in_new_process(function, *arguments):
    """Returns what a function of a module returns, called in a new process: memory that others freed hides nothing."""
    with new_processes().Pool(1) as pool:
        return pool.apply(function, arguments)


def check_out(out: str | None) -> None:
    """Raises ValueError unless `keep` could write that file, if there is one: before what takes minutes."""
    if out is None:
        return
    if pathlib.Path(out).is_dir():
        raise ValueError(f"`out` must be a file. Received: {out}, which is a directory.")
    check_writable(pathlib.Path(out).parent, "folder of out")


def keep(out: str | None, options, table: list[dict], **more: Any) -> None:
    """Writes the record of a benchmark into a file, if there is one: the options but that file, the table, more."""
    if out is not None:
        config = {name: value for name, value in dataclasses.asdict(options).items() if name != "out"}
        write_json(out, {"config": config, "commit": commit(), "hardware": hardware(), "table": table, **more})
