"""Locks of folders, with the machine and the process that writes."""

import contextlib
import json
import math
import os
import pathlib
import socket
import threading
import time
import uuid
from typing import NamedTuple

from rme_tf.core.files import writing

LOCK = "writer.lock"  # name of the file of a lock
BEAT = 20.0  # seconds between two signs of life of a writer
NEW = 10.0  # seconds for which a file that is being made is waited for
TRIES = 5  # to make a lock, against processes that try it at the same time
SILENCE = 120.0  # seconds without a sign of life after which a writer on another machine is taken for dead


class Writer(NamedTuple):
    """A process that writes into a folder."""

    host: str
    process: int
    token: str  # of one lock
    file: int = 0  # number of the lock's file in the file system, which differs in a copy

    @property
    def is_here(self) -> bool:
        """Whether the process was started on this machine."""
        return self.host == socket.gethostname()


def is_alive(process: int) -> bool:
    """Returns whether a process of this machine is alive, or may be."""
    if os.name != "posix":  # where signal 0 ends the process
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # of another user
        return True
    return not _is_zombie(process)


def _is_zombie(process: int) -> bool:
    """Returns whether a process has ended, and waits for its parent; known on Linux only."""
    try:
        stat = pathlib.Path(f"/proc/{process}/stat").read_text(encoding="utf-8")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[:1] == ["Z"]


class FolderLock:
    """The lock of a folder: one process writes into it.

    The lock is a file with the name of the machine and the number of the process. A lock is stale, and is replaced,
    if its process was on this machine and has ended, or if its file has shown no sign of life for two minutes; the
    process writes one every 20 seconds. It needs no support by the file system beyond files that are created once.

    Args:
        path: path of the lock's file.
        what: name of the folder in messages.
    """

    def __init__(self, path, what: str):
        self.path, self.what = pathlib.Path(path), what
        self.writer = Writer(socket.gethostname(), os.getpid(), uuid.uuid4().hex)
        self._ended = threading.Event()

    def check(self) -> None:
        """Checks that no other process has the lock.

        Raises:
            ValueError: if a process has it; the message names the machine and the process.
        """
        other = self._other()
        if other is not None:
            far = f" Its lock is stale {SILENCE / 60:.0f} minutes after its end; or delete {self.path}."
            raise ValueError(
                f"{self.what} is being written by process {other.process} on {other.host}. Expected one writer of a "
                f"folder. Wait for it, or choose another folder.{'' if other.is_here else far}"
            )

    def __enter__(self):
        with writing(self.path.parent):
            self._take()
        threading.Thread(target=self._live, daemon=True).start()
        return self

    def _take(self) -> None:
        """Makes the file of the lock."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        for _ in range(TRIES):
            self.check()
            self._remove_stale()
            try:
                file = self.path.open("x", encoding="utf-8")
            except FileExistsError:  # another process was faster
                continue
            self.writer = self.writer._replace(file=os.fstat(file.fileno()).st_ino)
            try:
                with file:
                    json.dump(self.writer._asdict(), file)
            except OSError:
                self.path.unlink(missing_ok=True)
                raise
            self._ended.clear()
            return
        raise ValueError(f"{self.what} is being written by several new processes. Expected one writer of a folder.")

    def __exit__(self, *_):
        self._ended.set()
        if self._read() == self.writer:
            with contextlib.suppress(OSError):  # of a folder that has become read-only, where the lock is stale
                self.path.unlink(missing_ok=True)

    def _live(self) -> None:
        """Touches the file until the lock is given back."""
        while not self._ended.wait(BEAT):
            try:
                os.utime(self.path)
            except OSError:
                return

    def _remove_stale(self) -> None:
        """Deletes a stale lock; of several processes that try, one does."""
        stale = self._read()
        if stale is None:
            return
        mark = self.path.with_name(f"{self.path.name}.{stale.token}")
        try:
            mark.touch(exist_ok=False)
        except FileExistsError:
            if _age(mark) > NEW:  # its process was killed here
                mark.unlink(missing_ok=True)
            return
        if self._read() == stale:  # and not the lock of a process that was faster
            self.path.unlink(missing_ok=True)
        mark.unlink(missing_ok=True)

    def _other(self) -> Writer | None:
        """Returns another writer that has the lock, and may be alive."""
        writer = self._read()
        if writer is None or writer == self.writer or writer.file != _number(self.path):
            return None
        if writer.is_here and os.name == "posix":
            return writer if is_alive(writer.process) else None
        return writer if _age(self.path) < SILENCE else None

    def _read(self) -> Writer | None:
        """Returns the writer in the file; None without a file."""
        try:
            return Writer(**json.loads(self.path.read_text(encoding="utf-8")))
        except OSError:
            return None
        except (ValueError, TypeError):  # not written yet, or damaged
            return Writer("another machine", 0, "unknown", _number(self.path))


def _number(path: pathlib.Path) -> int:
    """Returns the number of a file in the file system; 0 without it."""
    try:
        return path.stat().st_ino
    except OSError:
        return 0


def _age(path: pathlib.Path) -> float:
    """Returns the seconds since a file was changed; infinity without it."""
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return math.inf
