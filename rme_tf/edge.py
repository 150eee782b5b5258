"""Whether a call comes from outside the library: what is checked there is not checked again within."""

import functools
import threading

_CALLS = threading.local()


def at_edge() -> bool:
    """Returns whether this thread is in no call whose arguments have been checked."""
    return getattr(_CALLS, "depth", 0) == 0


class Within:
    """A context in which values count as checked."""

    def __enter__(self):
        _CALLS.depth = getattr(_CALLS, "depth", 0) + 1

    def __exit__(self, *error):
        _CALLS.depth -= 1


def internal(method):
    """Returns a method that only gets what has been checked before: a step of training, for instance."""

    @functools.wraps(method)
    def call(*args, **kwargs):
        with Within():
            return method(*args, **kwargs)

    return call
