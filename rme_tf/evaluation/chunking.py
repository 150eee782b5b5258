"""How much of an evaluation is computed at once: memory grows with that, not with samples, components or pixels."""

import math
from typing import NamedTuple

import keras
import tensorflow as tf

NUMBERS_AT_ONCE = 2**26  # of the largest tensor, 256 MiB in float32
MOST_CODES = 2048  # latent codes decoded at once, however small the decoder: more would not be faster
MOST_CODES_ON_A_GPU = 2**15  # which works on more of them side by side


class Chunks(NamedTuple):
    """What is computed at once."""

    rows: int  # observations
    components: int  # that draw, a divisor of M
    draws: int  # of each of them


def codes_at_once(model) -> int:
    """Returns how many latent codes of a `VAE` may be decoded at once, 1 at least.

    What counts is the largest output of a layer of the decoder, and the densities of all components at a draw. Of
    sequences, which may have any length, and of decoders that do not tell, less is known: of these the params count.
    """
    shape = model.likelihood.params_shape
    sizes = [model.num_components * model.latent_dim]
    if None not in shape:
        sizes += [math.prod(shape), *layer_sizes(model.decoder)]
    most = MOST_CODES_ON_A_GPU if tf.config.list_logical_devices("GPU") else MOST_CODES
    return min(max(NUMBERS_AT_ONCE // max(sizes), 1), most)


def layer_sizes(network) -> list[int]:
    """Returns the numbers in each layer's output for one row, as far as a Keras model tells."""
    if hasattr(network, "largest_map"):
        return [network.largest_map]
    outputs = keras.tree.flatten([getattr(layer, "output", None) for layer in getattr(network, "layers", [])])
    shapes = [output.shape[1:] for output in outputs if output is not None]
    return [math.prod(shape) for shape in shapes if None not in shape]


def chunks(model, batch_size: int, num_draws: int = MOST_CODES) -> Chunks:
    """Returns what of B observations and S draws from each component is computed at once.

    Components are split before observations: their noise does not depend on how.

    Args:
        model: a `VAE`.
        batch_size: B.
        num_draws: S.
    """
    codes = codes_at_once(model)
    rows = min(batch_size, codes)
    size = model.num_components
    components = max(m for m in range(1, size + 1) if size % m == 0 and (m == 1 or m * rows <= codes))
    return Chunks(rows, components, min(num_draws, max(1, codes // (rows * components))))
