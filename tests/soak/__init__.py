"""Parts of `make soak`: faults that a training must survive, tried many times.

Each part is a module with `rows(short)`, which tries its faults and returns a row for each kind of fault: "fault",
"tried" and "survived", and numbers of its own. Short parts belong to the suite, and take seconds. The table of the
rows is in docs/reliability.md.
"""

import importlib

PARTS = (
    "kills",
    "checkpoints",
    "disks",
    "malformed_inputs",
    "strategies",
)  # modules of this package, in the order of the table


def rows_of(part: str, *, short: bool) -> list[dict]:
    """Returns the rows of a part."""
    return importlib.import_module(f"soak.{part}").rows(short)
