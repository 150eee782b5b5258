"""Generation from latent codes: sequences, images pixel by pixel, interpolations."""

from rme_tf.generation.sequences import (
    STRATEGIES,
    Generation,
    generate,
    interpolate,
    nearest_neighbors,
    nearest_neighbours,
)

__all__ = ["Generation", "STRATEGIES", "generate", "interpolate", "nearest_neighbors", "nearest_neighbours"]
