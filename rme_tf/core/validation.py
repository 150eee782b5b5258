"""Checks of shapes and sizes of users."""

import numbers
from collections.abc import Iterable


def as_shape(shape, owner: str, *, any_length: bool = False) -> tuple:
    """Returns a checked shape as a tuple of integers.

    Args:
        shape: shape of one observation, without the batch.
        owner: name of the object with the shape, for the message ("Bernoulli", for instance).
        any_length: whether sizes may be None, for axes of any length.

    Raises:
        ValueError: if the shape is not a sequence of integers of at least 1.
    """
    sizes = tuple(shape) if isinstance(shape, Iterable) else None
    if sizes is None or not all(is_size(size) or (any_length and size is None) for size in sizes):
        also = ", or None where any length will do" if any_length else ""
        raise ValueError(
            f"{owner} needs the shape of one observation: a tuple of integers of at least 1{also}. Received: {shape!r}."
        )
    return tuple(None if size is None else int(size) for size in sizes)


def is_size(value) -> bool:
    """Returns whether a value is an integer of at least 1."""
    return isinstance(value, numbers.Integral) and int(value) >= 1
