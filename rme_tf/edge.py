"""Whether a call comes from outside the library: what is checked there is not checked again within."""

import functools
import threading

_CALLS = threading.local()


def at_edge() -> bool:
    """Return whether this thread is outside every call with checked arguments."""
    return getattr(_CALLS, "depth", 0) == 0


class Within:
    """A context in which values count as checked."""

    def __enter__(self):
        _CALLS.depth = getattr(_CALLS, "depth", 0) + 1

    def __exit__(self, *error):
        _CALLS.depth -= 1


def internal(method):
    """Mark a method whose arguments were checked before, such as a training step."""

    @functools.wraps(method)
    def call(*args, **kwargs):
        with Within():
            return method(*args, **kwargs)

    return call
