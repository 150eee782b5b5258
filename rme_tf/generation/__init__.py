"""Generation from latent codes: sequences, images pixel by pixel, interpolations."""

from rme_tf.generation.interpolation import interpolate, nearest_neighbors, nearest_neighbours
from rme_tf.generation.sequences import STRATEGIES, Generation, generate

__all__ = ["Generation", "STRATEGIES", "generate", "interpolate", "nearest_neighbors", "nearest_neighbours"]
