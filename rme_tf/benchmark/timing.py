"""Times of runs in turns, and the memory of a training step."""

import math
import time
from collections.abc import Callable, Mapping

import numpy as np

from rme_tf.core import memory


def images(side: int, count: int) -> np.ndarray:
    """Returns binary images of noise. Shape [count, side, side, 1]."""
    return np.random.default_rng(0).integers(0, 2, (count, side, side, 1)).astype(np.float32)


def take_turns(runs: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, np.ndarray]:
    """Returns the seconds of each run in every round, see `turns`."""
    return {name: values[:, 0] for name, values in turns(runs, rounds).items()}


def turns(runs: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, np.ndarray]:
    """Returns the seconds and CPU seconds [rounds, 2] of each run.

    Runs take turns, so that other work on the machine falls on all of them. A first round, which compiles, is left out.

    Args:
        runs: name -> function to time.
        rounds: number of timings of each run.
    """
    seconds: dict[str, list] = {name: [] for name in runs}
    for _ in range(rounds + 1):
        for name, run in runs.items():
            seconds[name].append(seconds_of(run))
    return {name: np.array(values[1:]) for name, values in seconds.items()}


def seconds_of(run: Callable[[], object]) -> tuple[float, float]:
    """Returns the seconds and the CPU seconds of a run."""
    start, cpu = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - start, time.process_time() - cpu


def memory_of_a_step(model, few, x) -> tuple[float, float]:
    """Returns MiB of a training step in this process, and the peak.

    Both are of the tensors on the first GPU, or else of the process, and NaN on other systems than Linux.

    Args:
        model: a compiled model, new in this process.
        few: observations of a first step, which creates the graph and the optimizer's slots.
        x: observations of the measured step.
    """
    model.fit(few, verbose=0)
    return memory_of(lambda: model.fit(x, batch_size=len(x), verbose=0))


def memory_of(run: Callable[[], object]) -> tuple[float, float]:
    """Returns MiB of a run, and the peak, see `memory_of_a_step`."""
    reset, peak = memory.of_gpu() or (memory.reset_peak, memory.peak)
    reset()
    before = peak()
    run()
    after = peak()
    return (math.nan, math.nan) if after is None or before is None else (after - before, after)
