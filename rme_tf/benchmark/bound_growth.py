"""Benchmark of the bound's growth with components, latent dimensions and pixels.

    python -m rme_tf.benchmark.bound_growth

Each case has a process of its own, which evaluates the same number of samples for each image, and decodes as many
codes for comparison. The memory is the increase of the peak memory of the process by the bound, after a bound of one
image by one sample.
"""

import dataclasses

import numpy as np
import tyro
from tabulate import tabulate

from rme_tf.benchmark.bound_passes import ModelSizes, build, passes, row
from rme_tf.benchmark.processes import in_new_process
from rme_tf.benchmark.records import check_out, keep
from rme_tf.benchmark.timing import memory_of, turns
from rme_tf.evaluation.likelihood_bounds import draws_per_component


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """Sizes and numbers of the timings.

    Args:
        components: numbers of components M, of mixtures with one trunk; 20 dimensions and 28 x 28 pixels.
        latent_dims: numbers of latent dimensions D, with five components and 28 x 28 pixels.
        sides: pixels on a side of the images, with five components, 20 dimensions and convolutional networks.
        images: number of images.
        conv_images: number of images with convolutional networks.
        samples: number of samples S M for an image.
        rounds: timings of each run.
        out: file for the record; None for no record.
    """

    components: tuple[int, ...] = (1, 5, 20, 64)
    latent_dims: tuple[int, ...] = (20, 128, 512)
    sides: tuple[int, ...] = (28, 64, 128)
    images: int = 32
    conv_images: int = 4
    samples: int = 2560
    rounds: int = 3
    out: str | None = None


def cases(options: Options) -> dict[str, tuple[str, ModelSizes]]:
    """Returns the networks and the sizes of each case, by its name."""
    mlp = {f"M = {m}": ("mlp", ModelSizes(components=m)) for m in options.components}
    mlp |= {f"D = {d}": ("mlp", ModelSizes(latent_dim=d)) for d in options.latent_dims}
    return mlp | {f"{side} x {side} pixels": ("conv", ModelSizes(side=side)) for side in options.sides}


def measured(networks: str, sizes: ModelSizes, count: int, options: Options) -> tuple[dict[str, np.ndarray], float]:
    """Returns the times of `turns`, and the MiB of an evaluation.

    The memory is NaN on other systems than Linux.

    Args:
        networks: kind of the networks.
        sizes: sizes of the model.
        count: number of images.
        options: numbers of samples and rounds.
    """
    model = build(networks, "RME, shared trunk", sizes)
    runs = passes(model, count, options.samples, jit_compile=True)
    passes(model, 1, 1)["bound"]()
    used, _ = memory_of(runs["bound"])
    return turns(runs, options.rounds), used


def main() -> None:
    """Print the table, and write the record."""
    options = tyro.cli(Options, description=__doc__)
    check_out(options.out)
    table, record = [], {}
    for name, (networks, sizes) in cases(options).items():
        count = options.conv_images if networks == "conv" else options.images
        seconds, used = in_new_process(measured, networks, sizes, count, options)
        samples = draws_per_component(options.samples, sizes.components) * sizes.components
        columns = row(name, seconds, count * samples)
        table.append({"case": name, **{key: columns[key] for key in list(columns)[1:]}, "MiB of an evaluation": used})
        record[name] = {key: values.tolist() for key, values in seconds.items()}
    print(tabulate(table, headers="keys", floatfmt=("", ",.2f", ",.2f", ".2f", ".2f", ",.0f")))
    keep(options.out, options, table, seconds_and_cpu_seconds=record)


if __name__ == "__main__":
    main()
