"""Benchmark of the importance-weighted bound, relative to the decoder's forward pass.

    python -m rme_tf.benchmark.bound

The bound decodes S M codes for each image. The forward pass decodes as many codes, in chunks of the same size, and does
nothing else. Both run in turns; the ratios are medians over the rounds, of the time and of the CPU time.
"""

import dataclasses
import functools
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
import tyro
from tabulate import tabulate

from rme_tf.benchmark.records import check_out, keep
from rme_tf.benchmark.timing import images
from rme_tf.core.registry import lookup
from rme_tf.evaluation import chunking
from rme_tf.evaluation.likelihood_bounds import bounds, draws_per_component
from rme_tf.models.vae import VAE

# Name -> options of the model other than its networks; M components where there is no other number.
MODELS: dict[str, dict[str, Any]] = {
    "VAE": {"num_components": 1},
    "RME, shared trunk": {"trunk": "shared"},
    "RME, separate encoders": {},
    "IAF": {"num_components": 1, "posterior": "iaf"},
}
NETWORKS = {"mlp": "MLP", "conv": "convolutions"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """Sizes and numbers of the timings.

    Args:
        components: number of components M of the mixtures.
        networks: kinds of the networks.
        models: names of the posteriors.
        units: hidden layers of networks "mlp".
        latent_dim: number of latent dimensions D.
        side: pixels on a side of the images.
        images: number of images with networks "mlp".
        conv_images: number of images with networks "conv".
        samples: number of samples S M for an image.
        rounds: timings of each run.
        out: file for the record; None for no record.
    """

    components: int = 5
    networks: tuple[str, ...] = tuple(NETWORKS)
    models: tuple[str, ...] = tuple(MODELS)
    units: tuple[int, ...] = (200, 200)
    latent_dim: int = 20
    side: int = 28
    images: int = 128
    conv_images: int = 16
    samples: int = 5000
    rounds: int = 5
    out: str | None = None


def build(networks: str, name: str, options: Options) -> VAE:
    """Returns a model that is not compiled."""
    choices = lookup(MODELS, name, "model")
    sizes = {f"{part}_options": {"units": options.units} for part in ("encoder", "decoder")}
    return VAE.from_names(
        **{"num_components": options.components, **choices},
        encoder=lookup({name: name for name in NETWORKS}, networks, "network"),
        decoder=networks,
        **(sizes if networks == "mlp" else {}),
        input_shape=(options.side, options.side, 1),
        latent_dim=options.latent_dim,
    )


def passes(model: VAE, count: int, samples: int) -> dict[str, Callable[[], object]]:
    """Returns the bound and the decoder's pass over as many codes, as functions to time.

    Args:
        model: model to evaluate.
        count: number of images.
        samples: number of samples S M for an image.
    """
    draws = draws_per_component(samples, model.num_components)
    sizes = chunking.chunks(model, count, draws)
    codes = tf.random.stateless_normal([count * draws * model.num_components, model.latent_dim], (0, 1))
    decode = tf.function(functools.partial(_decode, model.decoder, size=int(np.prod(sizes))), autograph=False)
    x = images(model.likelihood.event_shape[0], count)
    return {
        "bound": functools.partial(bounds, model, x, num_samples=samples, batch_size=count, progress=False),
        "decoder": lambda: decode(codes).numpy(),
    }


def _decode(decoder, codes, size: int):
    """Returns one output of the last chunk, with all codes [N, D] decoded, `size` at a time."""

    def body(done, _):
        """Decodes the next chunk."""
        outputs = tf.reshape(decoder(codes[done : done + size], training=False), [-1])
        return done + size, outputs

    state = (tf.constant(0), tf.zeros([1]))
    shapes = (tf.TensorShape([]), tf.TensorShape([None]))
    _, outputs = tf.while_loop(
        lambda done, _: done < tf.shape(codes)[0], body, state, shape_invariants=shapes, parallel_iterations=1
    )
    return outputs[-1]


def timings(runs: dict[str, Callable[[], object]], rounds: int) -> dict[str, np.ndarray]:
    """Returns the seconds and CPU seconds [rounds, 2] of each run; a first round is left out.

    Args:
        runs: name -> function to time.
        rounds: number of timings of each run.
    """
    seconds: dict[str, list] = {name: [] for name in runs}
    for _ in range(rounds + 1):
        for name, run in runs.items():
            start = np.array([time.perf_counter(), time.process_time()])
            run()
            seconds[name].append(np.array([time.perf_counter(), time.process_time()]) - start)
    return {name: np.array(values[1:]) for name, values in seconds.items()}


def row(name: str, seconds: dict[str, np.ndarray], codes: int) -> dict:
    """Returns a row of the table.

    Args:
        name: name of the row.
        seconds: seconds and CPU seconds [rounds, 2] of the bound and of the decoder.
        codes: number of codes.
    """
    thousands = codes / 1e6  # milliseconds of a second, over a thousand codes
    wall, processor = np.median(seconds["bound"] / seconds["decoder"], axis=0)
    return {
        "networks, posterior": name,
        "ms/1,000 codes": float(np.median(seconds["bound"][:, 0]) / thousands),
        "decoder's ms": float(np.median(seconds["decoder"][:, 0]) / thousands),
        "times the decoder's time": float(wall),
        "times its CPU time": float(processor),
    }


def main() -> None:
    """Print the table, and write the record."""
    options = tyro.cli(Options, description=__doc__)
    check_out(options.out)
    table, record = [], {}
    for networks in options.networks:
        count = options.conv_images if networks == "conv" else options.images
        for name in options.models:
            model = build(networks, name, options)
            seconds = timings(passes(model, count, options.samples), options.rounds)
            title = f"{NETWORKS[networks]}, {name}"
            draws = draws_per_component(options.samples, model.num_components)
            table.append(row(title, seconds, count * draws * model.num_components))
            record[title] = {key: values.tolist() for key, values in seconds.items()}
    print(f"M = {options.components}, {options.samples:,} samples for an image")
    print(tabulate(table, headers="keys", floatfmt=("", ",.2f", ",.2f", ".2f", ".2f")))
    keep(options.out, options, table, seconds_and_cpu_seconds=record)


if __name__ == "__main__":
    main()
