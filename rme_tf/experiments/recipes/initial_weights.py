"""Initial weights that depend on a seed and the names of networks."""

import zlib
from collections.abc import Iterable
from typing import Any

from rme_tf.core.keras_compat import layers_of

# Weights of layers and their initializers; other weights start at constants.
INITIALIZERS = {
    "embeddings": "embeddings_initializer",
    "kernel": "kernel_initializer",
    "recurrent_kernel": "recurrent_initializer",
}


def draw_by_name(networks: Iterable, seed: int) -> None:
    """Draws the weights of networks from the initializers of their layers.

    The weights depend on the seed, the name of the network and the place of the layer in it.

    Args:
        networks: Keras models or layers. Layers without a random initializer keep their weights.
        seed: seed of the draw.
    """
    for network in networks:
        for index, layer in enumerate(layers_of(network)):
            for name, initialized_by in INITIALIZERS.items():
                initializer: Any = getattr(layer, initialized_by, None)
                variable = getattr(layer, name, None)  # a recurrent layer has only the initializers of its cell's
                if variable is None or initializer is None or "seed" not in initializer.get_config():
                    continue
                own_seed = zlib.crc32(f"{seed}/{network.name}/{index}/{name}".encode())
                draw = initializer.from_config({**initializer.get_config(), "seed": own_seed})
                variable.assign(draw(variable.shape, dtype=variable.dtype))
