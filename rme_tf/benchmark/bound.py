"""Benchmark of the importance-weighted bound, relative to the decoder's forward pass.

    python -m rme_tf.benchmark.bound

The bound decodes S M codes for each image. The forward pass decodes as many codes, in chunks of the same size, and does
nothing else. Both run in turns; the ratios are medians over the rounds, of the time and of the CPU time.
"""

import dataclasses

import tyro
from tabulate import tabulate

from rme_tf.benchmark.bound_passes import MODELS, NETWORKS, ModelSizes, build, passes, row
from rme_tf.benchmark.records import check_out, keep
from rme_tf.benchmark.timing import turns
from rme_tf.evaluation.likelihood_bounds import draws_per_component


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options(ModelSizes):
    """Sizes and numbers of the timings.

    Args:
        components: number of components M of the mixtures.
        units: hidden layers of networks "mlp".
        latent_dim: number of latent dimensions D.
        side: pixels on a side of the images.
        networks: kinds of the networks.
        models: names of the posteriors.
        images: number of images with networks "mlp".
        conv_images: number of images with networks "conv".
        samples: number of samples S M for an image.
        rounds: timings of each run.
        jit_compile: whether XLA compiles the bound; None for its own choice.
        out: file for the record; None for no record.
    """

    networks: tuple[str, ...] = tuple(NETWORKS)
    models: tuple[str, ...] = tuple(MODELS)
    images: int = 128
    conv_images: int = 16
    samples: int = 5000
    rounds: int = 5
    jit_compile: bool | None = None
    out: str | None = None


def main() -> None:
    """Print the table, and write the record."""
    options = tyro.cli(Options, description=__doc__)
    check_out(options.out)
    table, record = [], {}
    for networks in options.networks:
        count = options.conv_images if networks == "conv" else options.images
        for name in options.models:
            model = build(networks, name, options)
            seconds = turns(passes(model, count, options.samples, options.jit_compile), options.rounds)
            title = f"{NETWORKS[networks]}, {name}"
            draws = draws_per_component(options.samples, model.num_components)
            table.append(row(title, seconds, count * draws * model.num_components))
            record[title] = {key: values.tolist() for key, values in seconds.items()}
    print(f"M = {options.components}, {options.samples:,} samples for an image")
    print(tabulate(table, headers="keys", floatfmt=("", ",.2f", ",.2f", ".2f", ".2f")))
    keep(options.out, options, table, seconds_and_cpu_seconds=record)


if __name__ == "__main__":
    main()
