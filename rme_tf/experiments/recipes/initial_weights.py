"""Initial weights that depend on a seed and the names of networks."""

import zlib
from collections.abc import Iterable, Iterator
from typing import Any

import keras

WEIGHTS = ("kernel", "recurrent_kernel", "embeddings")  # of layers; others start at constants


def draw_by_name(networks: Iterable, seed: int) -> None:
    """Draws the weights of networks from the initializers of their layers.

    The weights depend on the seed, the name of the network and the place of the layer in it.

    Args:
        networks: Keras models or layers. Layers without a random initializer keep their weights.
        seed: seed of the draw.
    """
    for network in networks:
        for index, layer in enumerate(_layers(network)):
            for name in WEIGHTS:
                initializer: Any = getattr(layer, f"{name}_initializer", None)
                if initializer is None or "seed" not in initializer.get_config():
                    continue
                own_seed = zlib.crc32(f"{seed}/{network.name}/{index}/{name}".encode())
                draw = initializer.from_config({**initializer.get_config(), "seed": own_seed})
                variable = getattr(layer, name)
                variable.assign(draw(variable.shape, dtype=variable.dtype))


def _layers(network) -> Iterator[keras.layers.Layer]:
    """Returns a network and the layers in it, at any depth."""
    yield network
    for layer in getattr(network, "layers", []):
        yield from _layers(layer)
