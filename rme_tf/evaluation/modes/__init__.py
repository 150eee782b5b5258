"""Modes of true posteriors."""

from rme_tf.evaluation.modes.posterior_modes import PosteriorShape, posterior_shape
from rme_tf.evaluation.modes.sampling import SampledModes, sampled_modes
from rme_tf.evaluation.modes.search import FoundModes, find_modes

__all__ = ["FoundModes", "PosteriorShape", "SampledModes", "find_modes", "posterior_shape", "sampled_modes"]
