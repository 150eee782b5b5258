"""Deterministic operations of TensorFlow within a context."""

import contextlib

import tensorflow as tf

try:
    # TensorFlow has no public function to switch it off.
    from tensorflow.python.framework import config
except ImportError:  # the operations stay deterministic then
    config = None


def is_deterministic() -> bool | None:
    """Return whether TensorFlow's operations are deterministic, or None if unknown."""
    enabled = getattr(config, "is_op_determinism_enabled", None)
    return None if enabled is None else bool(enabled())


@contextlib.contextmanager
def deterministic_operations(enabled: bool = True):
    """Return a context in which TensorFlow's operations are deterministic.

    The earlier state is restored at its end, unless TensorFlow lacks the private functions for that.

    Args:
        enabled: whether to change the state.
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
