"""Outermost calls of the library, in which arguments are checked; calls inside of them do not check again."""

import functools
import threading

_CALLS = threading.local()


def is_outer_call() -> bool:
    """Return whether this thread is in no call whose arguments were checked."""
    return getattr(_CALLS, "depth", 0) == 0


class InnerCalls:
    """A context in which arguments count as checked."""

    def __enter__(self):
        _CALLS.depth = getattr(_CALLS, "depth", 0) + 1

    def __exit__(self, *error):
        _CALLS.depth -= 1


def internal(method):
    """Mark a method whose arguments were checked before, such as a training step."""

    @functools.wraps(method)
    def call(*args, **kwargs):
        with InnerCalls():
            return method(*args, **kwargs)

    return call
