"""Benchmark of training steps next to the same steps in JAX.

    python -m rme_tf.benchmark.steps --cores 1

The steps of mixtures are also compared with the step of the VAE. Each training has a process of its own. The trainings
with networks of one kind take their turns in every round, so that other work on the machine falls on all of them; the
ratios are medians over the rounds. The steps in JAX need the extra `benchmark`, `pip install "rme_tf[benchmark]"`;
without it their rows are left out.
"""

import dataclasses
import importlib.util
from typing import NamedTuple

import numpy as np
import tyro
from tabulate import tabulate

from rme_tf.benchmark.contenders import Contender, Sizes, training
from rme_tf.benchmark.processes import turns_in_processes
from rme_tf.benchmark.records import check_out, keep
from rme_tf.core.registry import lookup

SCANNED = 50
BY_XLA = {"jit_compile": True, "steps_per_execution": SCANNED}
CONTENDERS: dict[str, Contender] = {
    "VAE": Contender(),
    "VAE, XLA": Contender(execution=BY_XLA),
    "RME(5)": Contender(components=5),
    "RME(5), XLA": Contender(components=5, execution=BY_XLA),
    "RME(5), one component an image": Contender(components=5, components_per_step=1),
    "RME(20), one component an image": Contender(components=20, components_per_step=1),
    "RME(5), encoders apart": Contender(components=5, trunk=False),
    "VAE in JAX": Contender(in_jax=True),
    "VAE in JAX, 50 steps in a scan": Contender(in_jax=True, scanned=SCANNED),
    "RME(5) in JAX": Contender(components=5, in_jax=True),
    "RME(5) in JAX, 50 steps in a scan": Contender(components=5, in_jax=True, scanned=SCANNED),
    "RME(5), encoders apart, in JAX, 50 steps in a scan": Contender(
        components=5, trunk=False, in_jax=True, scanned=SCANNED
    ),
}


class Pair(NamedTuple):
    """A training and the one that it is compared with."""

    training: str
    reference: str


PAIRS = (
    Pair("VAE", "VAE in JAX"),
    Pair("VAE", "VAE in JAX, 50 steps in a scan"),
    Pair("VAE, XLA", "VAE in JAX, 50 steps in a scan"),
    Pair("RME(5)", "RME(5) in JAX"),
    Pair("RME(5)", "RME(5) in JAX, 50 steps in a scan"),
    Pair("RME(5), XLA", "RME(5) in JAX, 50 steps in a scan"),
    Pair("RME(5), encoders apart", "RME(5), encoders apart, in JAX, 50 steps in a scan"),
    Pair("RME(5)", "VAE"),
    Pair("RME(5), one component an image", "VAE"),
    Pair("RME(20), one component an image", "VAE"),
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """Trainings, sizes and rounds of the benchmark.

    Args:
        networks: kinds of networks, "mlp" (with tanh) and "conv".
        trainings: names of the trainings with networks "mlp"; a pair needs both of its own.
        conv_trainings: names of the trainings with networks "conv". The default leaves out XLA and JAX, whose
            convolutions take seconds a step on a CPU.
        side: pixels on a side of the images.
        units: hidden layers of networks "mlp".
        latent_dim: number of latent dimensions D.
        batch_size: images of a step.
        steps: steps of one timing of networks "mlp", a multiple of 50 for the trainings with 50 steps a call. A call of
            `fit` has a fixed cost, which is a part of the timing.
        conv_steps: steps of one timing of networks "conv".
        rounds: timings of each training.
        cores: number of cores of each training; None for all.
        out: file for the record; None for no record.
    """

    networks: tuple[str, ...] = ("mlp", "conv")
    trainings: tuple[str, ...] = tuple(name for name in CONTENDERS if "apart" not in name)
    conv_trainings: tuple[str, ...] = (
        "VAE",
        "RME(5)",
        "RME(5), one component an image",
        "RME(20), one component an image",
    )
    side: int = 28
    units: tuple[int, ...] = (200, 200)
    latent_dim: int = 20
    batch_size: int = 128
    steps: int = 400
    conv_steps: int = 50
    rounds: int = 7
    cores: int | None = None
    out: str | None = None


def sizes_of(options: Options, networks: str) -> Sizes:
    """Returns the sizes of the trainings of one kind of networks."""
    names = [field.name for field in dataclasses.fields(Sizes) if field.name not in ("networks", "steps")]
    steps = options.conv_steps if networks == "conv" else options.steps
    return Sizes(networks=networks, steps=steps, **{name: getattr(options, name) for name in names})


def chosen(options: Options, networks: str) -> dict[str, Contender]:
    """Returns the trainings with networks of one kind, in JAX if installed."""
    names = options.conv_trainings if networks == "conv" else options.trainings
    trainings = {name: lookup(CONTENDERS, name, "training") for name in names}
    if importlib.util.find_spec("jax") is None:
        return {name: contender for name, contender in trainings.items() if not contender.in_jax}
    return trainings


def milliseconds(options: Options, networks: str) -> dict[str, np.ndarray]:
    """Returns wall and CPU milliseconds of a step of each training.

    Shape [rounds, 2].
    """
    sizes = sizes_of(options, networks)
    builders = {name: (training, (contender, sizes)) for name, contender in chosen(options, networks).items()}
    seconds = turns_in_processes(builders, options.rounds, options.cores)
    return {name: 1000.0 * values / sizes.steps for name, values in seconds.items()}


def rows(networks: str, measured: dict[str, np.ndarray]) -> list[dict]:
    """Returns the rows of the table for one kind of networks.

    There is a row for each pair that was measured.
    """
    table = []
    for name, reference in PAIRS:
        if name in measured and reference in measured:
            wall, _ = np.median(measured[name], axis=0)
            wall_ratio, cpu_ratio = np.median(measured[name] / measured[reference], axis=0)
            numbers = {
                "ms": wall,
                "times its time": wall_ratio,
                "times its CPU time": cpu_ratio,
            }
            names = {"networks": networks, "step of": name, "next to": reference}
            table.append({**names, **{column: float(value) for column, value in numbers.items()}})
    return table


def main() -> None:
    """Print the table, and write the record."""
    options = tyro.cli(Options, description=__doc__)
    check_out(options.out)
    measured = {networks: milliseconds(options, networks) for networks in options.networks}
    table = [row for networks, of_networks in measured.items() for row in rows(networks, of_networks)]
    print(tabulate(table, headers="keys", floatfmt=("", "", "", ",.2f", ".2f", ".2f")))
    steps = {
        f"{networks}: {name}": values.tolist()
        for networks, of_networks in measured.items()
        for name, values in of_networks.items()
    }
    keep(options.out, options, table, milliseconds_per_step=steps)


if __name__ == "__main__":
    main()
