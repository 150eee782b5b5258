"""The memory of this process at its peak, where the system tells: Linux."""

import pathlib
import re

STATUS = pathlib.Path("/proc/self/status")
CLEAR = pathlib.Path("/proc/self/clear_refs")


def reset_peak() -> None:
    """Makes the memory that is in use now the peak from which `peak` goes on; does nothing where it cannot."""
    try:
        CLEAR.write_text("5", encoding="ascii")
    except OSError:
        return


def peak() -> float | None:
    """Returns the largest memory of this process since `reset_peak`, in MiB; None where the system does not tell."""
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", STATUS.read_text(encoding="ascii"))
    except OSError:
        return None
    return int(found[1]) / 1024 if found else None
