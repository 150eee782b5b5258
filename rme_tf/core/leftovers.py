"""Unfinished files of processes that were killed."""

import os
import pathlib
import re
import shutil
import socket
import time
from collections.abc import Iterable

from rme_tf.core.writers import is_alive

DAY = 86400.0  # seconds after which the unfinished file of an unknown process is deleted
_OWNER = re.compile(r"\.(?P<host>[^.~]*)~(?P<process>\d+)\.")


def owner() -> str:
    """Returns the machine and the process, for names of unfinished files."""
    return f"{_host()}~{os.getpid()}"


def delete_leftovers(paths: Iterable[pathlib.Path]) -> None:
    """Deletes unfinished files and folders of processes that have ended.

    Args:
        paths: paths of unfinished files, with ".OWNER." in their names, see `owner`. Paths of another machine, or
            without an owner, are deleted after a day without a change.
    """
    for path in paths:
        if _is_left(path):
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)


def _is_left(path: pathlib.Path) -> bool:
    """Returns whether the process of an unfinished file has ended."""
    match = _OWNER.search(path.name)
    if match and match["host"] == _host() and os.name == "posix":
        return not is_alive(int(match["process"]))
    try:
        return time.time() - path.stat().st_mtime > DAY
    except OSError:
        return False


def _host() -> str:
    """Returns the name of the machine, in letters and digits."""
    return re.sub(r"\W", "-", socket.gethostname())
