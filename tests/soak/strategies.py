"""Trainings of several replicas and of several workers, next to trainings of one device."""

import json
import pathlib
import tempfile
import time

import numpy as np

import processes
import replica_trainings
from replica_trainings import SETTINGS, TOLERANCE

SHORT = ("aggressive",)  # two traces of the step
OF_WORKERS = "free bits"
AT_ONCE = 4  # settings of a process
MOST_SECONDS = 300  # until a worker ends
AGREE = "equal to one device"


def rows(short: bool) -> list[dict]:
    """Returns the settings that are equal, of two replicas in a process and of two processes."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        found = [of_replicas(folder, SHORT if short else tuple(SETTINGS)), of_workers(folder)]
        return found if short else [*found, of_killed_workers(folder)]


def of_replicas(folder: pathlib.Path, names) -> dict:
    """Returns the row of two replicas, from processes of a few settings each."""
    differences: dict[str, float] = {}
    for first in range(0, len(names), AT_ONCE):
        log, few = folder / f"replicas_{first}.txt", names[first : first + AT_ONCE]
        printed = processes.finish(processes.start(log, folder, replica_trainings.compare_with_one_device, few), log)
        lines = [line.partition(" ")[2] for line in printed.splitlines() if line.startswith("difference:")]
        differences |= dict(map(json.loads, lines))
    assert list(differences) == list(names)
    return row_of(f"MirroredStrategy, 2 replicas, {AGREE}", differences)


def of_workers(folder: pathlib.Path) -> dict:
    """Returns the row of two workers on the loopback interface."""
    ports = replica_trainings.free_ports()
    paths = [folder / f"worker_{index}.npz" for index in range(2)]
    calls = [
        (replica_trainings.train_as_worker, OF_WORKERS, index, ports, str(path)) for index, path in enumerate(paths)
    ]
    calls.append((replica_trainings.train_alone, OF_WORKERS, str(folder / "alone.npz")))
    logs = [folder / f"{index}.txt" for index in range(len(calls))]
    started = [processes.start(log, folder, *call) for log, call in zip(logs, calls, strict=True)]
    for process, log in zip(started, logs, strict=True):
        processes.finish(process, log)
    one, *others = (dict(np.load(path)) for path in (folder / "alone.npz", *paths))
    differences = {str(index): replica_trainings.difference(one, other) for index, other in enumerate(others)}
    return row_of(f"MultiWorkerMirroredStrategy, 2 processes, {AGREE}", differences)


def of_killed_workers(folder: pathlib.Path) -> dict:
    """Returns the row of a recipe on two workers, one of which is killed, and which start again."""
    replica_trainings.write_images(folder / "images")
    alone, out = folder / "alone", folder / "run"
    log = folder / "alone.txt"
    processes.finish(processes.start(log, folder, replica_trainings.run_recipe, str(folder), str(alone), None), log)
    first = start_recipe(folder, out, pause=0.3)
    deadline = time.monotonic() + MOST_SECONDS
    while not list(out.glob("checkpoints/*.index")) and time.monotonic() < deadline:
        time.sleep(0.1)
    first[1].kill()
    for process in first:
        process.join(MOST_SECONDS)
    ended = [process.exitcode not in (None, 0) for process in first]
    for index, process in enumerate(start_recipe(folder, out, pause=0.0)):
        processes.finish(process, folder / f"recipe_{index}.txt")
    elbos = [json.loads((run / "metrics.json").read_text())["metrics"]["test"]["elbo"] for run in (alone, out)]
    row = row_of(f"kill -9 of a worker of 2, both started again, {AGREE}", {"elbo": abs(elbos[0] - elbos[1])})
    return row | {"survived": row["survived"] * all(ended)}


def start_recipe(folder: pathlib.Path, out: pathlib.Path, pause: float) -> list:
    """Returns the processes of a recipe on two workers."""
    ports, logs = replica_trainings.free_ports(), [folder / f"recipe_{index}.txt" for index in range(2)]
    run = replica_trainings.run_recipe
    places = str(folder), str(out)
    return [processes.start(log, folder, run, *places, index, ports, pause) for index, log in enumerate(logs)]


def row_of(fault: str, differences: dict[str, float]) -> dict:
    """Returns the row of some trainings, with the largest difference of their weights and logs."""
    same = sum(difference < TOLERANCE for difference in differences.values())
    largest = max(differences.values())
    return {"fault": fault, "tried": len(differences), "survived": same, "largest difference": f"{largest:.0e}"}
