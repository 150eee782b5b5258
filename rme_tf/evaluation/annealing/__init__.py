"""Annealed importance sampling, and bounds on log p(x) from both sides."""

from rme_tf.evaluation.annealing.bidirectional import BidirectionalBounds, bidirectional_bounds
from rme_tf.evaluation.annealing.importance import AnnealedImportance, annealed_importance

__all__ = ["AnnealedImportance", "BidirectionalBounds", "annealed_importance", "bidirectional_bounds"]
