"""Benchmark of the inference of Q(z|x) by each kind of posterior.

    python -m rme_tf.benchmark.inference

Every model takes its turn in every round; the ratios, to the mixture of five encoders that RME trains, are medians over
the rounds. The training algorithm makes no difference: a mixture encoder has the same inference as RME.
"""

import dataclasses
import functools
from typing import Any

import numpy as np
import tensorflow as tf
import tyro
from tabulate import tabulate

from rme_tf.benchmark.records import check_out, keep
from rme_tf.benchmark.timing import images, take_turns
from rme_tf.models.vae import VAE

REFERENCE = "RME"
# Name -> options of the model other than its networks; M components where there is no other number.
MODELS: dict[str, dict[str, Any]] = {
    "VAE": {"num_components": 1},
    "mixture encoder": {},
    REFERENCE: {},
    "RME, shared trunk": {"trunk": "shared"},
    "IAF": {"num_components": 1, "posterior": "iaf"},
    "SA, 8 steps": {"num_components": 1, "refinement": "sa", "refinement_options": {"steps": 8}},
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """Sizes and numbers of the timings.

    Args:
        components: number of components M of the mixtures.
        encoder: network of each component.
        decoder: network of p(x|z), which the steps of SA need.
        units: hidden layers of networks "mlp".
        side: pixels on a side of the images.
        batch_size: images of an inference.
        repeats: inferences of one timing.
        rounds: timings of each model.
        out: file for the record; None for no record.
    """

    components: int = 5
    encoder: str = "conv"
    decoder: str = "conv"
    units: tuple[int, ...] = (200, 200)
    side: int = 28
    batch_size: int = 128
    repeats: int = 20
    rounds: int = 9
    out: str | None = None


def build(name: str, options: Options) -> VAE:
    """Returns a model that is not compiled."""
    sizes = {
        f"{part}_options": {"units": options.units}
        for part in ("encoder", "decoder")
        if getattr(options, part) == "mlp"
    }
    return VAE.from_names(
        **{"num_components": options.components, **MODELS[name]},
        encoder=options.encoder,
        decoder=options.decoder,
        input_shape=(options.side, options.side, 1),
        latent_dim=20,
        **sizes,
    )


def timings(options: Options) -> dict[str, np.ndarray]:
    """Returns the milliseconds of an inference by each model, in every round."""
    x = tf.constant(images(options.side, options.batch_size))

    def repeat(infer):
        for _ in range(options.repeats):
            infer(x).params.numpy()

    runs = {
        name: functools.partial(repeat, tf.function(build(name, options).encode, autograph=False)) for name in MODELS
    }
    return {name: 1000.0 * seconds / options.repeats for name, seconds in take_turns(runs, options.rounds).items()}


def rows(milliseconds: dict[str, np.ndarray]) -> list[dict]:
    """Returns the rows of the table."""
    return [
        {
            "posterior": name,
            "ms/batch": float(np.median(values)),
            "times RME's": float(np.median(values / milliseconds[REFERENCE])),
        }
        for name, values in milliseconds.items()
    ]


def main() -> None:
    """Print the table, and write the record."""
    options = tyro.cli(Options, description=__doc__)
    check_out(options.out)
    milliseconds = timings(options)
    table = rows(milliseconds)
    print(f"M = {options.components}, batch of {options.batch_size}, {options.encoder} and {options.decoder}")
    print(tabulate(table, headers="keys", floatfmt=("", ",.2f", ".2f")))
    keep(options.out, options, table, milliseconds={name: values.tolist() for name, values in milliseconds.items()})


if __name__ == "__main__":
    main()
