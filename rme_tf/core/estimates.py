"""Estimates with their standard errors, as text."""

import math

MOST_DECIMALS = 6


def with_error(value: float, standard_error: float) -> str:
    """Returns a value and its standard error, "-23.62 ± 0.24".

    The standard error has two significant digits, and the value as many decimals.

    Args:
        value: estimated value.
        standard_error: standard error of the estimate; NaN if it is unknown.
    """
    if not math.isfinite(standard_error) or not math.isfinite(value):
        return short(value)
    if standard_error <= 0.0:
        return f"{short(value)} ± 0"
    decimals = min(max(0, 1 - math.floor(math.log10(standard_error))), MOST_DECIMALS)
    if float(f"{standard_error:.{decimals}f}") >= 10.0 ** (2 - decimals):  # 0.0996 is 0.10, not 0.100
        decimals = max(0, decimals - 1)
    return f"{value:.{decimals}f} ± {standard_error:.{decimals}f}"


def short(value: float) -> str:
    """Returns a number with few digits for a line of text.

    It has two decimals, or two significant digits if it is small.

    Args:
        value: number to write.
    """
    if not math.isfinite(value):
        return str(float(value))
    if value == 0.0 or abs(value) >= 0.095:
        return f"{value:.2f}"
    return f"{value:.2g}"


def percent(share: float) -> str:
    """Returns a share as a percentage with few digits, "0.67%".

    Args:
        share: number from 0 to 1.
    """
    return f"{100.0 * share:.2g}%" if share < 0.995 else f"{100.0 * share:.0f}%"
