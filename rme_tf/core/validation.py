"""Checks of arguments whose errors have one form: expected, received, remedy."""

import math
import numbers
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence

from rme_tf.core.registry import suggestion


def require(condition, name: str, expected: str, received, remedy: str = "") -> None:
    """Raise ValueError if a condition on an argument does not hold.

    Args:
        condition: whether the argument is valid.
        name: name of the argument.
        expected: the condition in words, after "must" ("be at least 1", for instance).
        received: the argument, or a description of it.
        remedy: a sentence on what to do.
    """
    if not condition:
        raise ValueError(f"`{name}` must {expected}. Received: {received}.{f' {remedy}' if remedy else ''}")


def is_number(value) -> bool:
    """Return whether a value is a real number; booleans are none."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def is_count(value) -> bool:
    """Return whether a value is an integer; booleans are none."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def is_size(value) -> bool:
    """Return whether a value is an integer of at least 1."""
    return is_count(value) and int(value) >= 1


def check_count(name: str, value, least: int = 1, *, most: int | None = None, remedy: str = "") -> int:
    """Return a checked integer.

    Args:
        name: name of the argument, for the message.
        value: the argument.
        least: lowest valid integer.
        most: highest valid integer; None for no limit.
        remedy: a sentence on what to do, for the message.

    Raises:
        ValueError: for another value, such as 2.0 or "2".
    """
    valid = is_count(value) and least <= value and (most is None or value <= most)
    bounds = f"of at least {least}" if most is None else f"from {least} to {most}"
    require(valid, name, f"be an integer {bounds}", repr(value), remedy)
    return int(value)


def check_counts(least: int = 1, **values) -> None:
    """Check several integers, by the names of their arguments."""
    for name, value in values.items():
        check_count(name, value, least)


def check_sizes(name: str, values, *, empty: bool = True) -> tuple[int, ...]:
    """Return a checked sequence of integers of at least 1.

    Args:
        name: name of the argument, for the message.
        values: the argument.
        empty: whether a sequence without entries is valid.

    Raises:
        ValueError: for another value.
    """
    valid = isinstance(values, Sequence) and not isinstance(values, str | bytes) and all(map(is_size, values))
    entries = "" if empty else "one or more "
    require(
        valid and (empty or len(values) > 0), name, f"be a sequence of {entries}integers of at least 1", repr(values)
    )
    return tuple(map(int, values))


def check_number(
    name: str,
    value,
    *,
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
    below: float | None = None,
    finite: bool = True,
    remedy: str = "",
) -> float:
    """Return a checked number.

    Args:
        name: name of the argument, for the message.
        value: the argument.
        least: lowest valid number.
        above: number below all valid numbers.
        most: highest valid number.
        below: number above all valid numbers.
        finite: whether infinity is invalid.
        remedy: a sentence on what to do, for the message.

    Raises:
        ValueError: for another value, NaN among them.
    """
    valid = is_number(value) and not math.isnan(value) and (not finite or math.isfinite(value))
    bounds = ((least, operator.ge), (above, operator.gt), (most, operator.le), (below, operator.lt))
    valid = valid and all(holds(value, bound) for bound, holds in bounds if bound is not None)
    require(valid, name, f"be {_number(least, above, most, below, finite)}", repr(value), remedy)
    return float(value)


def _number(least, above, most, below, finite: bool) -> str:
    """Returns the description of a number within bounds."""
    low = f"[{least:g}" if least is not None else f"({above:g}" if above is not None else None
    high = f"{most:g}]" if most is not None else f"{below:g})" if below is not None else None
    if low and high:
        return f"a number in {low}, {high}"
    kind = "a finite number" if finite else "a number"
    if low:
        return f"{kind} of at least {least:g}" if least is not None else f"{kind} above {above:g}"
    if high:
        return f"{kind} of at most {most:g}" if most is not None else f"{kind} below {below:g}"
    return kind


def optional(check: Callable, name: str, value, *args, **options):
    """Return a checked argument that may be None."""
    return None if value is None else check(name, value, *args, **options)


def check_flag(name: str, value) -> bool:
    """Return a checked boolean.

    Raises:
        ValueError: for another value, such as 1 or "true".
    """
    require(isinstance(value, bool), name, "be True or False", repr(value))
    return value


def check_choice(name: str, value, choices: Iterable) -> None:
    """Check that a value is one of several.

    Raises:
        ValueError: for another value; the message lists the choices.
    """
    choices = list(choices)
    listed = ", ".join(map(repr, choices))
    remedy = suggestion([value], [choice for choice in choices if isinstance(choice, str)]).strip()
    require(any(_equals(value, choice) for choice in choices), name, f"be one of {listed}", repr(value), remedy)


def _equals(value, choice) -> bool:
    """Returns whether a value of any type is a choice; arrays and tensors, which compare by entry, are none."""
    if value is choice:
        return True
    alike = isinstance(value, str | numbers.Number) and isinstance(value, bool) == isinstance(choice, bool)
    return alike and bool(value == choice)


def check_instance(name: str, value, kind: type | tuple[type, ...], described: str) -> None:
    """Check that a value is an instance of a class.

    Args:
        name: name of the argument, for the message.
        value: the argument.
        kind: class, or several.
        described: valid arguments in words ("a data frame", for instance).

    Raises:
        ValueError: for another value.
    """
    require(isinstance(value, kind), name, f"be {described}", f"{_shortened(value)}, of {type(value).__name__}")


def _shortened(value, longest: int = 80) -> str:
    """Returns the start of a value's representation."""
    text = repr(value)
    return text if len(text) <= longest else f"{text[:longest]}..."


def as_shape(shape, owner: str, *, any_length: bool = False) -> tuple:
    """Return a shape as a tuple of integers.

    Args:
        shape: shape of one observation, without the batch.
        owner: class or network with that shape, for the message ("Bernoulli", for instance).
        any_length: whether None may be among the sizes: an axis of any length.

    Raises:
        ValueError: for anything but a sequence of integers of at least 1.
    """
    try:
        sizes = None if isinstance(shape, str | bytes | Mapping) else tuple(shape)
    except TypeError:  # of what cannot be iterated over, scalar tensors among it
        sizes = None
    if sizes is None or not all(is_size(size) or (any_length and size is None) for size in sizes):
        also = ", or None where any length will do" if any_length else ""
        raise ValueError(
            f"{owner} needs the shape of one observation: a tuple of integers of at least 1{also}. Received: {shape!r}."
        )
    return tuple(None if size is None else int(size) for size in sizes)
