"""Refusal of forks in which TensorFlow hangs."""

import os


class _Process:
    """State of the process: use of TensorFlow, and forks."""

    used = False  # whether a model was built here, or before a fork
    hangs = False  # whether it was forked after that


def mark_used() -> None:
    """Notes that TensorFlow has threads, which no fork copies."""
    _Process.used = True


def refuse_fork() -> None:
    """Checks that this process is no fork in which TensorFlow hangs.

    Raises:
        RuntimeError: if it was forked after a model had been built.
    """
    if _Process.hangs:
        raise RuntimeError(
            "Expected a process that began by itself. Received: a fork of a process that had built a model, in which "
            'TensorFlow hangs. Start it otherwise: multiprocessing.get_context("spawn").'
        )


def _after_fork() -> None:
    _Process.hangs = _Process.used


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_after_fork)
