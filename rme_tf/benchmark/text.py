"""Benchmark of training on sentences, with plain Keras as the baseline.

    python -m rme_tf.benchmark.text

Every model takes its turn in every round, so that other work on the machine falls on all of them; the ratios are
medians over the rounds. The memory of a training step is measured in a new process for each model.
"""

import dataclasses
import functools
from typing import Any

import keras
import numpy as np
import tyro
from tabulate import tabulate

from rme_tf.algorithms import ELBO, RecursiveMixture
from rme_tf.benchmark.plain_keras import PlainLSTMVAE
from rme_tf.benchmark.processes import in_new_process
from rme_tf.benchmark.records import check_out, keep
from rme_tf.benchmark.timing import memory_of_a_step, take_turns
from rme_tf.core.registry import lookup
from rme_tf.data.text import EOS, UNK, Tokens, training_dataset
from rme_tf.models import VAE

PLAIN = "plain Keras"
ALL = RecursiveMixture(warm_start_epochs=0)
ONE = RecursiveMixture(warm_start_epochs=0, components_per_step=1)
# Name -> algorithm, and options of the model.
MODELS: dict[str, tuple[Any, dict[str, Any]]] = {
    "VAE": (ELBO(), {"num_components": 1}),
    "RME(1)": (ALL, {"num_components": 1}),
    "RME(3)": (ALL, {"num_components": 3}),
    "RME(5)": (ALL, {"num_components": 5}),
    "RME(3), shared trunk": (ALL, {"num_components": 3, "trunk": "shared"}),
    "RME(3), one component a sentence": (ONE, {"num_components": 3, "trunk": "shared"}),
}
PIPELINE = "input pipeline alone"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """Sizes and numbers of the timings.

    Args:
        models: names of the models other than plain Keras.
        vocabulary_size: number of tokens V.
        units: size of the LSTMs.
        embedding_size: size of the embedding of a token.
        latent_dim: number of latent dimensions D.
        batch_size: sentences of a step.
        max_length: tokens of the longest sentence; the shortest has a fifth of it.
        steps: steps of one timing.
        rounds: timings of each model.
        jit_compile: whether XLA compiles the step.
        memory_batch_size: sentences of the step whose memory is measured.
        memory_length: tokens of each sentence of that step.
        memory_vocabulary_size: number of tokens V of the model of that step.
        out: file for the record; None for no record.
    """

    models: tuple[str, ...] = tuple(MODELS)
    vocabulary_size: int = 10_000
    units: int = 128
    embedding_size: int = 64
    latent_dim: int = 16
    batch_size: int = 32
    max_length: int = 25
    steps: int = 20
    rounds: int = 5
    jit_compile: bool = False
    memory_batch_size: int = 32
    memory_length: int = 50
    memory_vocabulary_size: int = 20_000
    out: str | None = None


def sentences(options: Options, count: int) -> Tokens:
    """Returns rows of random tokens.

    Args:
        options: sizes; rows have between a fifth of `max_length` tokens and `max_length`.
        count: number of rows.
    """
    generator = np.random.default_rng(0)
    lengths = generator.integers(max(2, options.max_length // 5), options.max_length + 1, count)
    ends = np.cumsum(lengths)
    ids = generator.integers(UNK + 1, options.vocabulary_size, ends[-1], dtype=np.int32)
    ids[ends - 1] = EOS
    counts = {"num_words": int(ends[-1]), "num_unknown": 0, "num_truncated": 0, "lines": {}}
    return Tokens(ids, np.concatenate([[0], ends]), counts)


def build(name: str, options: Options) -> keras.Model:
    """Returns a compiled model."""
    sizes = {"units": options.units, "embedding_size": options.embedding_size}
    if name == PLAIN:
        plain = PlainLSTMVAE(vocabulary_size=options.vocabulary_size, latent_dim=options.latent_dim, **sizes)
        plain.compile("adam", jit_compile=options.jit_compile)
        return plain
    algorithm, choices = lookup(MODELS, name, "model")
    model = VAE.from_names(
        encoder="lstm",
        decoder="lstm",
        input_shape=(None,),
        latent_dim=options.latent_dim,
        **choices,
        likelihood="categorical_sequence",
        likelihood_options={"vocabulary_size": options.vocabulary_size, "features": options.units},
        encoder_options=sizes,
        decoder_options=sizes,
    )
    model.compile("adam", algorithm, jit_compile=options.jit_compile)
    return model


def timings(options: Options) -> dict[str, np.ndarray]:
    """Returns the tokens a second of each model and of the pipeline."""
    tokens = sentences(options, options.batch_size * options.steps)

    def batches():
        return training_dataset(tokens, batch_size=options.batch_size, pool=options.steps)

    def fit(model):
        model.fit(batches(), steps_per_epoch=options.steps, shuffle=False, verbose=0)

    def read():
        for _ in zip(range(options.steps), batches(), strict=False):
            pass

    models = {name: build(name, options) for name in (PLAIN, *options.models)}
    runs = {name: functools.partial(fit, model) for name, model in models.items()} | {PIPELINE: read}
    return {name: tokens.num_tokens / seconds for name, seconds in take_turns(runs, options.rounds).items()}


def training_memory(name: str, options: Options) -> float:
    """Returns the MiB of a training step in a new process.

    It is NaN on other systems than Linux.
    """
    return in_new_process(_training_memory, name, options)


def _training_memory(name: str, options: Options) -> float:
    """Returns the MiB that a training step adds to this process."""
    model = build(name, dataclasses.replace(options, vocabulary_size=options.memory_vocabulary_size))
    rng = np.random.default_rng(0)
    shape = (options.memory_batch_size, options.memory_length)
    x = rng.integers(UNK + 1, options.memory_vocabulary_size, shape, dtype=np.int32)
    raised, _ = memory_of_a_step(model, x[:2, :4], x)
    return raised


def rows(rates: dict[str, np.ndarray], steps: dict[str, float]) -> list[dict]:
    """Returns the rows of the table."""
    return [
        {
            "model": name,
            "tokens/s": float(np.median(values)),
            "times plain Keras' time": float(np.median(rates[PLAIN] / values)),
            "times the VAE's time": float(np.median(rates["VAE"] / values)) if "VAE" in rates else None,
            "MiB of a step": steps.get(name),
        }
        for name, values in rates.items()
    ]


def main() -> None:
    """Print the table, and write the record."""
    options = tyro.cli(Options, description=__doc__)
    check_out(options.out)
    rates = timings(options)
    table = rows(rates, {name: training_memory(name, options) for name in (PLAIN, *options.models)})
    print(tabulate(table, headers="keys", floatfmt=("", ",.0f", ".2f", ".2f", ",.0f")))
    print(
        f"MiB of a step: of {options.memory_batch_size} sentences of {options.memory_length} tokens, "
        f"{options.memory_vocabulary_size:,} words."
    )
    tokens = {name: values.tolist() for name, values in rates.items()}
    keep(options.out, options, table, tokens_per_second=tokens)


if __name__ == "__main__":
    main()
