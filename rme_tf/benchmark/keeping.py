"""What the benchmarks have in common: processes of their own, and records."""

import dataclasses
import multiprocessing
from typing import Any

from rme_tf.records import commit, hardware, write_json


def in_new_process(function, *arguments):
    """Returns what a function of a module returns, called in a new process: memory that others freed hides nothing."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)


def keep(out: str | None, options, table: list[dict], **more: Any) -> None:
    """Writes the record of a benchmark into a file, if there is one: the options but that file, the table, more."""
    if out is not None:
        config = {name: value for name, value in dataclasses.asdict(options).items() if name != "out"}
        write_json(out, {"config": config, "commit": commit(), "hardware": hardware(), "table": table, **more})
