"""Times one training step of each algorithm against the VAE's, side by side: `python -m rme_tf.benchmark.images`."""

import dataclasses
import resource
import time

import keras
import numpy as np
import tyro
from tabulate import tabulate

from rme_tf.algorithms import ELBO, RecursiveMixture
from rme_tf.benchmark.keeping import in_new_process
from rme_tf.models import VAE

ALGORITHMS = {
    "VAE": ELBO(),
    "mixture encoder": ELBO(),
    "RME, joint": RecursiveMixture(warm_start_epochs=0),
    "RME, sequential": RecursiveMixture(warm_start_epochs=0, update="sequential"),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """What to time.

    Args:
        components: M of the mixtures.
        mixing: "uniform" or "learned" weights.
        batch_size: images of 28x28 in a step.
        steps: steps of one timing.
        repeats: timings of each algorithm, of which the fastest counts.
        jit_compile: compile the step with XLA.
    """

    components: int = 5
    mixing: str = "uniform"
    batch_size: int = 128
    steps: int = 20
    repeats: int = 5
    jit_compile: bool = False


def measure(name: str, options: Options) -> tuple[float, float]:
    """Returns the milliseconds of one step and the peak memory of this process in MiB."""
    components = 1 if name == "VAE" else options.components
    mixing = options.mixing if components > 1 else "uniform"
    model = VAE.from_names(input_shape=(28, 28, 1), latent_dim=20, num_components=components, mixing=mixing)
    model.compile("adam", ALGORITHMS[name], jit_compile=options.jit_compile)
    count = options.batch_size * options.steps
    x = np.random.default_rng(0).integers(0, 2, (count, 28, 28, 1)).astype(np.float32)
    keras.utils.disable_interactive_logging()
    times = []
    for _ in range(options.repeats + 1):  # the first compiles
        start = time.perf_counter()
        model.fit(x, batch_size=options.batch_size, verbose=0)
        times.append(time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return 1000 * min(times[1:]) / options.steps, peak


def main() -> None:
    """Prints the table, each algorithm in a process of its own, one after the other."""
    options = tyro.cli(Options, description=__doc__)
    rows = [(name, *in_new_process(measure, name, options)) for name in ALGORITHMS]
    table = [(name, f"{step:.1f}", f"{step / rows[0][1]:.2f}", f"{peak:.0f}") for name, step, peak in rows]
    headers = ["algorithm", "ms/step", "times the VAE's", "peak MiB"]
    print(f"M = {options.components}, {options.mixing} weights, batch of {options.batch_size}")
    print(tabulate(table, headers=headers, disable_numparse=True))


if __name__ == "__main__":
    main()
