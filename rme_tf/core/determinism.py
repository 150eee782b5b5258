"""Deterministic operations of TensorFlow for a while."""

import contextlib

import tensorflow as tf

try:
    # TensorFlow has no public way back.
    from tensorflow.python.framework import config
except ImportError:  # the operations stay deterministic then
    config = None


def is_deterministic() -> bool | None:
    """Return whether TensorFlow's operations are deterministic; None where that is unknown."""
    enabled = getattr(config, "is_op_determinism_enabled", None)
    return None if enabled is None else bool(enabled())


@contextlib.contextmanager
def deterministic_operations(enabled: bool = True):
    """Make TensorFlow's operations deterministic in a `with` block, and restore the earlier state after it.

    They stay deterministic where the private functions that read and restore the state are missing.

    Args:
        enabled: whether to change anything.
    """
    before = is_deterministic()
    if enabled:
        tf.config.experimental.enable_op_determinism()
    try:
        yield
    finally:
        disable = getattr(config, "disable_op_determinism", None)
        if enabled and before is False and disable is not None:
            disable()
