"""Results of graph functions for each observation of a data set."""

from collections.abc import Iterator

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from rme_tf.core.compiled import compiled
from rme_tf.core.outer_calls import InnerCalls
from rme_tf.core.seeds import as_seed
from rme_tf.evaluation import chunking
from rme_tf.likelihoods.input_checks import batches, data_errors_as_value_errors


def batchwise(function, model, x, *options, rows: int, seed=0, progress: str | None = None) -> list[np.ndarray]:
    """Returns the results of a graph function, joined over batches.

    Args:
        function: graph function, (model, x [B, *event_shape], stateless seed, *options) -> tuple of tensors [B, ...].
        model: `VAE` to evaluate.
        x: result of `checked_whole`.
        *options: hashable Python values.
        rows: largest number of observations B in a batch.
        seed: integer seed, or of shape [2]. Each batch has a seed of its own.
        progress: text of a progress bar; None for no bar.
    """
    call, parts = compiled(function, model, *options), []
    with InnerCalls(), data_errors_as_value_errors():
        for part in parts_of(model, x, rows, seed, progress):
            parts.append([result.numpy() for result in call(*part)])
    return [np.concatenate(column) for column in zip(*parts, strict=True)]


def parts_of(model, x, rows: int, seed=0, progress: str | None = None) -> Iterator[tuple]:
    """Yields batches of at most `rows` observations, and a seed for each.

    Args:
        model: `VAE` to evaluate.
        x: result of `checked_whole`.
        rows: largest number of observations B in a batch.
        seed: see `batchwise`.
        progress: see `batchwise`.

    Yields:
        batch: tensor. Shape [B, *event_shape].
        seed: stateless seed. Shape [2].
    """
    seed, shown = as_seed(seed), tqdm(batches(x, rows), desc=progress, disable=progress is None, leave=False)
    for first, part in chunking.parts_of(shown, model.likelihood, rows):
        yield part, seed + tf.constant([0, first], seed.dtype)
