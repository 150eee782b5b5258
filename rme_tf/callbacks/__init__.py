"""Keras callbacks for `fit`: checkpoints, learning rates, decoder resets, collapse diagnostics."""

from rme_tf.callbacks.checkpoint import ResumableCheckpoint
from rme_tf.callbacks.collapse_monitor import CollapseMonitor
from rme_tf.callbacks.halve_on_plateau import HalveOnPlateau
from rme_tf.callbacks.reset_decoder import ResetDecoder

__all__ = ["CollapseMonitor", "HalveOnPlateau", "ResetDecoder", "ResumableCheckpoint"]
