"""Benchmark of a training step's time and memory at growing sizes.

    python -m rme_tf.benchmark.growth --cores 1

Every size is measured in a new process. The last column compares the time of a row with the row before: it is 1 where
time grows in proportion to the size, and smaller where it grows less.
"""

import dataclasses
import functools
import itertools
from typing import Any, NamedTuple

import numpy as np
import tyro
from tabulate import tabulate

from rme_tf.benchmark.contenders import Contender, Sizes, model_of
from rme_tf.benchmark.processes import in_new_process, on_cores
from rme_tf.benchmark.records import check_out, keep
from rme_tf.benchmark.timing import images, memory_of_a_step, turns
from rme_tf.core.registry import lookup


class Axis(NamedTuple):
    """A size that grows.

    Args:
        of: name of the size in `Contender` or `Sizes`.
        values: values of the size.
        sizes: the other sizes.
        power: power of the value in the amount of work.
    """

    of: str
    values: tuple[int, ...]
    sizes: Sizes
    power: int = 1


AXES: dict[str, Axis] = {
    "components M": Axis("components", (4, 16, 64), Sizes()),
    "latent dimensions D": Axis("latent_dim", (32, 128, 512), Sizes()),
    "pixels on a side": Axis("side", (32, 64, 128), Sizes(networks="conv", batch_size=32), power=2),
    "images of a batch": Axis("batch_size", (256, 1024, 4096), Sizes()),
}
TRAININGS: dict[str, Contender] = {
    "RME": Contender(components=5),
    "RME, one component an image": Contender(components=5, components_per_step=1),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """Sizes that grow, and numbers of the timings.

    Args:
        axes: names of the sizes that grow.
        trainings: names of the trainings.
        most: largest value of a size; None for all values.
        steps: steps of one timing.
        rounds: timings of each training.
        cores: number of cores; None for all.
        out: file for the record; None for no record.
    """

    axes: tuple[str, ...] = tuple(AXES)
    trainings: tuple[str, ...] = tuple(TRAININGS)
    most: int | None = None
    steps: int = 16
    rounds: int = 5
    cores: int | None = None
    out: str | None = None


def cases(axis: Axis, contender: Contender, most: int | None = None) -> list[tuple[int, Contender, Sizes]]:
    """Returns the values of a size, each with its training and sizes."""
    values = [value for value in axis.values if most is None or value <= most]
    if axis.of == "components":
        return [(value, dataclasses.replace(contender, components=value), axis.sizes) for value in values]
    grown: list[dict[str, Any]] = [{axis.of: value} for value in values]
    return [(size[axis.of], contender, dataclasses.replace(axis.sizes, **size)) for size in grown]


def seconds_of_a_step(contender: Contender, sizes: Sizes, steps: int, rounds: int) -> list[float]:
    """Returns the CPU seconds of a step in every round.

    A first round, which compiles, is left out.
    """
    x = images(sizes.side, sizes.batch_size * steps)
    fit = functools.partial(model_of(contender, sizes).fit, x, batch_size=sizes.batch_size, verbose=0)
    return (turns({"fit": fit}, rounds)["fit"][:, 1] / steps).tolist()


def memory_of(contender: Contender, sizes: Sizes) -> tuple[float, float]:
    """Returns MiB of a step, and the peak.

    Both are NaN on other systems than Linux.
    """
    x = images(sizes.side, sizes.batch_size)
    return memory_of_a_step(model_of(contender, sizes), x[:2], x)


def measured(axis: str, training: str, options: Options) -> list[dict]:
    """Returns the numbers of a training for each value of a size."""
    entries = []
    for value, contender, sizes in cases(AXES[axis], TRAININGS[training], options.most):
        seconds = in_new_process(seconds_of_a_step, contender, sizes, options.steps, options.rounds)
        step, peak = in_new_process(memory_of, contender, sizes)
        entries.append({"value": value, "seconds": seconds, "MiB of a step": step, "peak MiB": peak})
    return entries


def rows(axis: str, training: str, numbers: list[dict]) -> list[dict]:
    """Returns the rows of the table for one size and training."""
    table: list[dict] = []
    power = AXES[axis].power
    for index, entry in enumerate(numbers):
        row = {"grows": axis, "training": training, "size": entry["value"]}
        row |= {"CPU ms": 1000.0 * float(np.median(entry["seconds"])), "peak MiB": entry["peak MiB"]}
        if index > 0:
            before, growth = table[-1], (entry["value"] / numbers[index - 1]["value"]) ** power
            row["times in proportion"] = row["CPU ms"] / before["CPU ms"] / growth
        table.append(row)
    return table


def main() -> None:
    """Print the table, and write the record."""
    options = tyro.cli(Options, description=__doc__)
    check_out(options.out)
    for name in options.axes:
        lookup(AXES, name, "size")
    for name in options.trainings:
        lookup(TRAININGS, name, "training")
    pairs = list(itertools.product(options.axes, options.trainings))
    with on_cores(options.cores):
        numbers = {pair: measured(*pair, options) for pair in pairs}
    table = [row for pair in pairs for row in rows(*pair, numbers[pair])]
    print(tabulate(table, headers="keys", floatfmt=("", "", "", ",.2f", ",.0f", ".2f")))
    keep(options.out, options, table, numbers={": ".join(pair): numbers[pair] for pair in pairs})


if __name__ == "__main__":
    main()
