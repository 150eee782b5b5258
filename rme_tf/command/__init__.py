"""Command lines of `rme`, read before TensorFlow is imported.

setup.py installs the folder as a package of its own, `rme_command`, since `import rme_tf` imports TensorFlow.
"""

from .program import main

__all__ = ["main"]
