"""Keras callbacks: checkpoints, learning rates, decoder resets, diagnostics, trackers of runs."""

from rme_tf.callbacks.checkpoint import ResumableCheckpoint
from rme_tf.callbacks.collapse_monitor import CollapseMonitor
from rme_tf.callbacks.halve_on_plateau import HalveOnPlateau
from rme_tf.callbacks.mlflow_logger import MLflowLogger
from rme_tf.callbacks.reset_decoder import ResetDecoder
from rme_tf.callbacks.showcase import Showcase
from rme_tf.callbacks.tensorboard_logger import TensorBoardLogger
from rme_tf.callbacks.wandb_logger import WandbLogger

__all__ = [
    "CollapseMonitor",
    "HalveOnPlateau",
    "MLflowLogger",
    "ResetDecoder",
    "ResumableCheckpoint",
    "Showcase",
    "TensorBoardLogger",
    "WandbLogger",
]
