"""Modes of true posteriors."""

from rme_tf.evaluation.modes.posterior_modes import PosteriorShape, posterior_shape
from rme_tf.evaluation.modes.search import FoundModes, find_modes

__all__ = ["FoundModes", "PosteriorShape", "find_modes", "posterior_shape"]
