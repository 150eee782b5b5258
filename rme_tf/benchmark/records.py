"""Records of benchmarks."""

import dataclasses
import pathlib
from typing import Any

from rme_tf.core.files import check_writable, write_json
from rme_tf.core.provenance import commit, hardware


def check_out(out: str | None) -> None:
    """Raises ValueError unless the file of a record can be written.

    Args:
        out: path of the file; None for no record.
    """
    if out is None:
        return
    if pathlib.Path(out).is_dir():
        raise ValueError(f"`out` must be a file. Received: {out}, which is a directory.")
    check_writable(pathlib.Path(out).parent, "folder of out")


def keep(out: str | None, options, table: list[dict], **more: Any) -> None:
    """Writes the record of a benchmark.

    Args:
        out: path of the file; None writes nothing.
        options: dataclass of the options, which are recorded without `out`.
        table: rows of the table.
        **more: further entries of the record.
    """
    if out is not None:
        config = {name: value for name, value in dataclasses.asdict(options).items() if name != "out"}
        write_json(out, {"config": config, "commit": commit(), "hardware": hardware(), "table": table, **more})
