"""Trainings that are killed again and again, and end as ones that are not."""

import pathlib
import random
import tempfile
import time

import processes
from soak.small_trainings import KINDS, result_of, same_results, train

PAUSE = 0.02  # seconds after each group of steps
MOST_SECONDS = 300  # of one process


def rows(short: bool) -> list[dict]:
    """Returns the kills of each kind of data."""
    kinds, trainings, kills = (KINDS[1:], 1, 1) if short else (KINDS, 2, 5)
    return [row_of(kind, trainings, kills) for kind in kinds]


def row_of(kind: str, trainings: int, kills: int) -> dict:
    """Returns the kills of some trainings.

    Args:
        kind: one of `KINDS`.
        trainings: number of trainings.
        kills: number of kills of each training.
    """
    tried = survived = 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        finish(start(folder / "whole", kind, 0.0), folder / "whole")
        for index in range(trainings):
            cut = folder / f"cut_{index}"
            killed = kill_often(cut, kind, kills, random.Random(index))
            tried += killed
            survived += killed * same_results(cut, folder / "whole")
    return {"fault": f"kill -9 of a training on {kind}", "tried": tried, "survived": survived}


def start(folder: pathlib.Path, kind: str, pause: float):
    """Returns the process of a training in a folder."""
    folder.mkdir(exist_ok=True)
    return processes.start(folder / "log.txt", folder, train, kind, str(folder), pause)


def finish(process, folder: pathlib.Path) -> None:
    """Waits until a training has ended well."""
    processes.finish(process, folder / "log.txt")


def kill_often(folder: pathlib.Path, kind: str, kills: int, generator: random.Random) -> int:
    """Kills a training some times, at random moments after a new checkpoint; returns the number of kills."""
    killed = 0
    for _ in range(kills):
        process, before = start(folder, kind, PAUSE), checkpoints(folder)
        deadline = time.monotonic() + MOST_SECONDS
        while process.is_alive() and checkpoints(folder) == before and time.monotonic() < deadline:
            time.sleep(0.002)
        time.sleep(generator.uniform(0.0, 10 * PAUSE))
        if process.is_alive():
            process.kill()
            killed += 1
        process.join()
    finish(start(folder, kind, 0.0), folder)
    assert result_of(folder).exists()
    return killed


def checkpoints(folder: pathlib.Path) -> list[str]:
    """Returns the names of the checkpoints of a training."""
    return sorted(path.name for path in folder.glob("checkpoints/*.index"))
