"""Benchmark of training steps in TensorFlow's graph and compiled by XLA.

    python -m rme_tf.benchmark.execution

Every model takes its turn in every round, in both modes, so that other work on the machine falls on all of them; the
ratios are medians over the rounds.
"""

import dataclasses
import functools
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tyro
from tabulate import tabulate

from rme_tf.algorithms import ELBO, RecursiveMixture
from rme_tf.benchmark.records import check_out, keep
from rme_tf.benchmark.timing import images, take_turns
from rme_tf.core.registry import lookup
from rme_tf.core.types import EOS, UNK
from rme_tf.data import evaluation_dataset
from rme_tf.models.vae import VAE

JOINT = RecursiveMixture(warm_start_epochs=0)
MLP = {"encoder": "mlp", "decoder": "mlp"}
CONV = {"encoder": "conv", "decoder": "conv"}
# Name -> algorithm, and options of the model.
IMAGE_MODELS: dict[str, tuple[Any, dict[str, Any]]] = {
    "VAE, MLP": (ELBO(), {**MLP, "num_components": 1}),
    "RME(5), MLP": (JOINT, {**MLP, "num_components": 5}),
    "VAE, convolutions": (ELBO(), {**CONV, "num_components": 1}),
    "RME(5), convolutions": (JOINT, {**CONV, "num_components": 5}),
    "IAF, MLP": (ELBO(), {**MLP, "num_components": 1, "posterior": "iaf"}),
    "SA of 4 steps, MLP": (
        ELBO(),
        {**MLP, "num_components": 1, "refinement": "sa", "refinement_options": {"steps": 4}},
    ),
}
TEXT_MODELS: dict[str, tuple[Any, dict[str, Any]]] = {
    "VAE, LSTM": (ELBO(), {"num_components": 1}),
    "RME(3), LSTM": (JOINT, {"num_components": 3}),
}
MODES = {"graph": False, "XLA": True}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """Models, sizes and rounds of the benchmark.

    Args:
        models: names of the models.
        side: pixels on a side of the images.
        units: hidden layers of networks "mlp".
        latent_dim: number of latent dimensions D.
        vocabulary_size: number of tokens V.
        lstm_units: size of the LSTMs.
        length: tokens of every sentence.
        batch_size: images of a step.
        text_batch_size: sentences of a step.
        steps: steps of one timing.
        steps_per_execution: steps of one execution by TensorFlow.
        rounds: timings of each model in each mode.
        out: file for the record; None for no record.
    """

    models: tuple[str, ...] = (*IMAGE_MODELS, *TEXT_MODELS)
    side: int = 28
    units: tuple[int, ...] = (200, 200)
    latent_dim: int = 20
    vocabulary_size: int = 2000
    lstm_units: int = 64
    length: int = 15
    batch_size: int = 128
    text_batch_size: int = 32
    steps: int = 10
    steps_per_execution: int = 1
    rounds: int = 7
    out: str | None = None


def build(name: str, options: Options) -> VAE:
    """Returns a model that is not compiled yet."""
    if name in TEXT_MODELS:
        lstm_sizes = {"units": options.lstm_units, "embedding_size": options.lstm_units}
        return VAE.from_names(
            **TEXT_MODELS[name][1],
            encoder="lstm",
            decoder="lstm",
            likelihood="categorical_sequence",
            input_shape=(None,),
            latent_dim=options.latent_dim,
            likelihood_options={"vocabulary_size": options.vocabulary_size, "features": options.lstm_units},
            encoder_options=lstm_sizes,
        )
    choices = lookup(IMAGE_MODELS, name, "model")[1]
    sizes = {f"{part}_options": {"units": options.units} for part in ("encoder", "decoder")}
    return VAE.from_names(
        **choices,
        **(sizes if choices["encoder"] == "mlp" else {}),
        input_shape=(options.side, options.side, 1),
        latent_dim=options.latent_dim,
    )


def batches(name: str, options: Options) -> tf.data.Dataset:
    """Returns the data of one timing."""
    if name not in TEXT_MODELS:
        x = images(options.side, options.batch_size * options.steps)
        return evaluation_dataset(x, options.batch_size)
    shape = (options.text_batch_size * options.steps, options.length)
    rows = np.random.default_rng(0).integers(UNK + 1, options.vocabulary_size, shape, dtype=np.int32)
    rows[:, -1] = EOS
    return evaluation_dataset(rows, options.text_batch_size)


def trainings(name: str, options: Options) -> dict[str, Callable[[], object]]:
    """Returns a training in each mode, by "name: mode"."""
    data = batches(name, options)
    runs: dict[str, Callable[[], object]] = {}
    for mode, jit_compile in MODES.items():
        model = build(name, options)
        execution = {"jit_compile": jit_compile, "steps_per_execution": options.steps_per_execution}
        model.compile("adam", {**IMAGE_MODELS, **TEXT_MODELS}[name][0], **execution)
        runs[f"{name}: {mode}"] = functools.partial(model.fit, data, verbose=0)
    return runs


def rows(models: Sequence[str], milliseconds: dict[str, np.ndarray], first: dict[str, float]) -> list[dict]:
    """Returns the rows of the table.

    Args:
        models: names of the models.
        milliseconds: milliseconds of a step in every round, by "name: mode".
        first: seconds of the first training, by "name: mode".
    """
    table = []
    for name in models:
        graph, xla = (milliseconds[f"{name}: {mode}"] for mode in MODES)
        row = {"model": name, "ms/step, graph": np.median(graph), "ms/step, XLA": np.median(xla)}
        row |= {"times the graph's step": np.median(xla / graph)}
        row |= {f"seconds of the first training, {mode}": first[f"{name}: {mode}"] for mode in MODES}
        table.append({key: value if key == "model" else float(value) for key, value in row.items()})
    return table


def _seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def main() -> None:
    """Print the table, and write the record."""
    options = tyro.cli(Options, description=__doc__)
    check_out(options.out)
    runs: dict[str, Callable[[], object]] = {}
    for name in options.models:
        runs |= trainings(name, options)
    first = {key: _seconds(run) for key, run in runs.items()}
    timings = take_turns(runs, options.rounds)
    milliseconds = {key: 1000.0 * seconds / options.steps for key, seconds in timings.items()}
    table = rows(options.models, milliseconds, first)
    print(f"Steps an execution: {options.steps_per_execution}. Devices: {tf.config.list_physical_devices()}")
    print(tabulate(table, headers="keys", floatfmt=("", ",.1f", ",.1f", ".2f", ".1f", ".1f")))
    steps = {key: values.tolist() for key, values in milliseconds.items()}
    keep(options.out, options, table, milliseconds_per_step=steps)


if __name__ == "__main__":
    main()
