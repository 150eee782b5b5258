"""Benchmark of a training step on images by each algorithm.

    python -m rme_tf.benchmark.images

Every model takes its turn in every round, so that other work on the machine falls on all of them; the ratios, to a step
of the VAE, are medians over the rounds. The memory of a training step is measured in a new process for each model.
"""

import dataclasses
import functools
from typing import Any

import numpy as np
import tyro
from tabulate import tabulate

from rme_tf.algorithms import ELBO, RecursiveMixture
from rme_tf.benchmark.processes import in_new_process
from rme_tf.benchmark.records import check_out, keep
from rme_tf.benchmark.timing import images, memory_of_a_step, take_turns
from rme_tf.data import evaluation_dataset
from rme_tf.models import VAE

JOINT = RecursiveMixture(warm_start_epochs=0)
SEQUENTIAL = RecursiveMixture(warm_start_epochs=0, update="sequential")
# Name -> algorithm, and options of the model other than M components.
MODELS: dict[str, tuple[Any, dict[str, Any]]] = {
    "VAE": (ELBO(), {"num_components": 1, "mixing": "uniform"}),
    "mixture encoder": (ELBO(), {}),
    "RME, joint": (JOINT, {}),
    "RME, sequential": (SEQUENTIAL, {}),
    "RME, joint, shared trunk": (JOINT, {"trunk": "shared"}),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """Sizes and numbers of the timings.

    Args:
        components: number of components M of the mixtures.
        mixing: "uniform" or "learned" weights.
        encoder: network of each component.
        decoder: network of p(x|z).
        side: pixels on a side of the images.
        batch_size: images of a step.
        steps: steps of one timing.
        rounds: timings of each model.
        jit_compile: whether XLA compiles the step.
        out: file for the record; None for no record.
    """

    components: int = 5
    mixing: str = "uniform"
    encoder: str = "conv"
    decoder: str = "conv"
    side: int = 28
    batch_size: int = 128
    steps: int = 20
    rounds: int = 5
    jit_compile: bool = False
    out: str | None = None


def build(name: str, options: Options) -> VAE:
    """Returns a compiled model."""
    algorithm, choices = MODELS[name]
    model = VAE.from_names(
        **{"num_components": options.components, "mixing": options.mixing, **choices},
        encoder=options.encoder,
        decoder=options.decoder,
        input_shape=(options.side, options.side, 1),
        latent_dim=20,
    )
    model.compile("adam", algorithm, jit_compile=options.jit_compile)
    return model


def timings(options: Options) -> dict[str, np.ndarray]:
    """Returns the milliseconds of a step of each model, in every round."""
    # Not the array, whose order `fit` draws again in each epoch.
    batches = evaluation_dataset(images(options.side, options.batch_size * options.steps), options.batch_size)
    fits = {name: functools.partial(build(name, options).fit, batches, verbose=0) for name in MODELS}
    return {name: 1000.0 * seconds / options.steps for name, seconds in take_turns(fits, options.rounds).items()}


def training_memory(name: str, options: Options) -> tuple[float, float]:
    """Returns MiB of a step in a new process, and the peak.

    Both are NaN on other systems than Linux.
    """
    return in_new_process(_training_memory, name, options)


def _training_memory(name: str, options: Options) -> tuple[float, float]:
    x = images(options.side, options.batch_size)
    return memory_of_a_step(build(name, options), x[:2], x)


def rows(milliseconds: dict[str, np.ndarray], memories: dict[str, tuple[float, float]]) -> list[dict]:
    """Returns the rows of the table."""
    return [
        {
            "algorithm": name,
            "ms/step": float(np.median(values)),
            "times the VAE's step": float(np.median(values / milliseconds["VAE"])),
            "MiB of a step": memories[name][0],
            "peak MiB": memories[name][1],
        }
        for name, values in milliseconds.items()
    ]


def main() -> None:
    """Print the table, and write the record."""
    options = tyro.cli(Options, description=__doc__)
    check_out(options.out)
    milliseconds = timings(options)
    table = rows(milliseconds, {name: training_memory(name, options) for name in MODELS})
    print(f"M = {options.components}, {options.mixing} weights, batch of {options.batch_size}")
    print(tabulate(table, headers="keys", floatfmt=("", ",.0f", ".2f", ",.0f", ",.0f")))
    steps = {name: values.tolist() for name, values in milliseconds.items()}
    keep(options.out, options, table, milliseconds_per_step=steps)


if __name__ == "__main__":
    main()
