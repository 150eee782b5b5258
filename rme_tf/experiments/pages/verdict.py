"""Verdicts on a run in words, with evidence and certainty."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

SURE, LIKELY, WEAK = "sure", "likely", "weak evidence"
GOOD, BAD, UNSURE, NONE = "good", "bad", "unsure", "none"  # tones


class Verdict(NamedTuple):
    """The answer to a question on a run."""

    question: str
    answer: str
    tone: str  # "good", "bad", "unsure" or "none"
    text: str  # sentence with the numbers
    threshold: str = ""  # numbers that decide, in words
    certainty: str = ""  # "sure", "likely" or "weak evidence"
    remedy: str = ""


def series(history: Mapping[str, list], name: str) -> np.ndarray:
    """Returns a metric by epoch, with NaN for missing values."""
    return np.array([np.nan if value is None else value for value in history.get(name, [])], dtype=float)


def number(values: Mapping, name: str) -> float:
    """Returns a number of a record, NaN if it is missing."""
    value = values.get(name)
    return float("nan") if value is None else float(value)


def certainty(margin: float, *, most: str = SURE) -> str:
    """Returns how sure a verdict is.

    Args:
        margin: evidence relative to its threshold: at least 1, "likely" from 3 on and "sure" from 10 on.
        most: highest certainty that other facts allow.
    """
    order = (WEAK, LIKELY, SURE)
    reached = SURE if margin >= 10.0 else LIKELY if margin >= 3.0 else WEAK
    return min(reached, most, key=order.index)


def nats(value: float) -> str:
    """Returns a number of nats in words."""
    return f"{shortest(value)} nats"


def shortest(value: float) -> str:
    """Returns a number with three digits, and no exponent from 100 on."""
    return f"{value:,.3g}" if abs(value) < 100.0 else f"{value:,.0f}"


def below(difference: float) -> str:
    """Returns a distance in words: "2.1 nats below", or "above"."""
    return f"{nats(abs(difference))} {'below' if difference >= 0.0 else 'above'}"


def epochs(count: int) -> str:
    """Returns a number of epochs in words."""
    return f"{count:,} epoch" if count == 1 else f"{count:,} epochs"
