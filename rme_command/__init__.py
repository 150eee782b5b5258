"""Command lines of `rme`, read before TensorFlow is imported."""

from rme_command.program import main

__all__ = ["main"]
