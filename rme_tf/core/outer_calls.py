"""Outermost calls of the library, in which arguments are checked once."""

import functools
import threading

_CALLS = threading.local()


def is_outer_call() -> bool:
    """Returns whether this thread is outside of every checked call."""
    return getattr(_CALLS, "depth", 0) == 0


class InnerCalls:
    """A context in which arguments are not checked again."""

    def __enter__(self):
        _CALLS.depth = getattr(_CALLS, "depth", 0) + 1

    def __exit__(self, *error):
        _CALLS.depth -= 1


def internal(method):
    """Wraps a method that gets checked arguments, such as a training step."""

    @functools.wraps(method)
    def call(*args, **kwargs):
        with InnerCalls():
            return method(*args, **kwargs)

    return call
