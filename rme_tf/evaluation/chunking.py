"""Chunk sizes that bound the memory of an evaluation."""

import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import keras
import tensorflow as tf

NUMBERS_AT_ONCE = 2**26  # values in the largest tensor, 256 MiB in float32
MOST_CODES = 2048  # latent codes decoded at a time, for decoders of any size: more codes would not be faster
MOST_CODES_ON_A_GPU = 2**15  # a GPU decodes more codes in parallel

LEAST_TO_COMPILE = 400_000_000  # decoded params: XLA compiles for a second or two, and saves 4 ns or more for each


class Chunks(NamedTuple):
    """Numbers of observations, components and draws computed at a time."""

    rows: int  # observations
    components: int  # components that draw, a divisor of M
    draws: int  # draws from each component


def parts_of(batches: Iterable, likelihood, rows: int) -> Iterator[tuple[int, tf.Tensor]]:
    """Yields parts of batches, each with the number of its first observation.

    Args:
        batches: batches of observations. Shape [B, *event_shape] each.
        likelihood: `Likelihood` of the observations.
        rows: largest number of observations in a part.
    """
    start = 0
    for batch in batches:
        for first in range(0, len(batch), rows):
            yield start + first, likelihood.cast(batch[first : first + rows])
        start += len(batch)


def codes_at_once(model) -> int:
    """Returns the number of latent codes to decode at a time.

    The number follows from the largest output of a decoder layer and from the densities of all components at a draw.
    For decoders with unknown layer outputs, the params count instead; for sequences of any length, only the densities.

    Args:
        model: `VAE` to evaluate.
    """
    shape = model.likelihood.params_shape
    sizes = [model.num_components * model.latent_dim]
    if None not in shape:
        sizes += [math.prod(shape), *layer_sizes(model.decoder)]
    most = MOST_CODES_ON_A_GPU if tf.config.list_logical_devices("GPU") else MOST_CODES
    return min(max(NUMBERS_AT_ONCE // max(sizes), 1), most)


def layer_sizes(network) -> list[int]:
    """Returns known numbers of output values of layers, for one row."""
    if hasattr(network, "largest_map"):
        return [network.largest_map]
    outputs = keras.tree.flatten([getattr(layer, "output", None) for layer in getattr(network, "layers", [])])
    shapes = [output.shape[1:] for output in outputs if output is not None]
    return [math.prod(shape) for shape in shapes if None not in shape]


def chunks(model, batch_size: int, num_draws: int = MOST_CODES) -> Chunks:
    """Returns the `Chunks` of an evaluation.

    Components are split before observations, since the noise of a component does not depend on the split.

    Args:
        model: `VAE` to evaluate.
        batch_size: number of observations B.
        num_draws: number of draws S from each component.
    """
    codes = codes_at_once(model)
    rows = min(batch_size, codes)
    size = model.num_components
    components = max(m for m in range(1, size + 1) if size % m == 0 and (m == 1 or m * rows <= codes))
    return Chunks(rows, components, min(num_draws, max(1, codes // (rows * components))))


def pays_to_compile(model, num_codes: int) -> bool:
    """Returns whether XLA should compile an evaluation.

    It is measured to pay on a CPU, for many codes and likelihoods with a form for fixed observations
    (`Likelihood.prepared`).

    Args:
        model: `VAE` to evaluate.
        num_codes: number of latent codes of the evaluation.
    """
    shape = model.likelihood.params_shape
    if None in shape or not model.likelihood.is_prepared or tf.config.list_logical_devices("GPU"):
        return False
    return num_codes * math.prod(shape) >= LEAST_TO_COMPILE
