"""Export of trained models to files that other programs serve."""

from rme_tf.serving.saved_model import export_saved_model

__all__ = ["export_saved_model"]
