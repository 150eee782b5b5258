"""Trainings that are killed again and again, and end as ones that are not."""

import collections
import os
import pathlib
import random
import signal
import tempfile
import time

import processes
from soak.small_trainings import KINDS, result_of, same_results, train

PAUSE = 0.02  # seconds after each group of steps
MOST_SECONDS = 300  # of one process


def rows(short: bool) -> list[dict]:
    """Returns the kills and the terminations of each kind of data."""
    kinds, trainings, kills = (KINDS[:1], 1, 1) if short else (KINDS, 2, 6)
    with tempfile.TemporaryDirectory() as temporary:
        return [row for kind in kinds for row in rows_of_kind(kind, trainings, kills, pathlib.Path(temporary) / kind)]


def rows_of_kind(kind: str, trainings: int, kills: int, folder: pathlib.Path) -> list[dict]:
    """Returns the kills and the terminations of some trainings.

    Args:
        kind: one of `KINDS`.
        trainings: number of trainings.
        kills: number of signals of each training; the last one is SIGTERM, the others are SIGKILL.
        folder: folder of the trainings.
    """
    folder.mkdir()
    finish(start(folder / "whole", kind, 0.0), folder / "whole")
    sent: collections.Counter = collections.Counter()
    survived: collections.Counter = collections.Counter()
    for index in range(trainings):
        cut = folder / f"cut_{index}"
        signals = kill_often(cut, kind, kills, random.Random(index))
        sent += signals
        survived += signals if same_results(cut, folder / "whole") else collections.Counter()
    names = {signal.SIGKILL: "kill -9", signal.SIGTERM: "SIGTERM"}
    return [
        {"fault": f"{name} within a training on {kind}", "tried": sent[number], "survived": survived[number]}
        for number, name in names.items()
        if sent[number]
    ]


def start(folder: pathlib.Path, kind: str, pause: float):
    """Returns the process of a training in a folder."""
    folder.mkdir(exist_ok=True)
    return processes.start(folder / "log.txt", folder, train, kind, str(folder), pause)


def finish(process, folder: pathlib.Path) -> None:
    """Waits until a training has ended well."""
    processes.finish(process, folder / "log.txt")


def kill_often(folder: pathlib.Path, kind: str, kills: int, generator: random.Random) -> collections.Counter:
    """Ends a training some times, at random moments after a new checkpoint; returns the numbers of the signals."""
    sent: collections.Counter = collections.Counter()
    for index in range(kills):
        process, before = start(folder, kind, PAUSE), checkpoints(folder)
        deadline = time.monotonic() + MOST_SECONDS
        while process.is_alive() and checkpoints(folder) == before and time.monotonic() < deadline:
            time.sleep(0.002)
        time.sleep(generator.uniform(0.0, 10 * PAUSE))
        number = signal.SIGTERM if index == kills - 1 else signal.SIGKILL
        if process.is_alive():
            os.kill(process.pid, number)
            process.join()
            expected = 128 + number if number == signal.SIGTERM else -number
            sent[number] += 1
            assert process.exitcode == expected, process.exitcode
        process.join()
    finish(start(folder, kind, 0.0), folder)
    assert result_of(folder).exists()
    return sent


def checkpoints(folder: pathlib.Path) -> list[str]:
    """Returns the names of the checkpoints of a training."""
    return sorted(path.name for path in folder.glob("checkpoints/*.index"))
