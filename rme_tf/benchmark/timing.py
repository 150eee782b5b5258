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
    """Returns the seconds of each run in every round.

    Runs take turns, so that other work on the machine falls on all of them. A first round, which compiles, is left out.

    Args:
        runs: name -> function to time.
        rounds: number of timings of each run.
    """
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds + 1):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    return {name: np.array(values[1:]) for name, values in seconds.items()}


def memory_of_a_step(model, few, x) -> tuple[float, float]:
    """Returns MiB of a training step in this process, and the peak.

    Both are of the tensors on the first GPU, or else of the process, and NaN on other systems than Linux.

    Args:
        model: a compiled model, new in this process.
        few: observations of a first step, which creates the graph and the optimizer's slots.
        x: observations of the measured step.
    """
    model.fit(few, verbose=0)
    reset, peak = memory.of_gpu() or (memory.reset_peak, memory.peak)
    reset()
    before = peak()
    model.fit(x, batch_size=len(x), verbose=0)
    after = peak()
    return (math.nan, math.nan) if after is None or before is None else (after - before, after)
