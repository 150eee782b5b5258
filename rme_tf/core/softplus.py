"""Inverse of the softplus function, for initial values."""

import math

LINEAR_FROM = 100.0  # where the inverse is the identity in double precision; exp overflows from 710 on


def softplus_inverse(value: float) -> float:
    """Returns the number x with log(1 + exp(x)) = value.

    Args:
        value: positive number.
    """
    return math.log(math.expm1(value)) if value < LINEAR_FROM else value
