"""Numbers with their standard errors, as text."""

import math

import pytest

from rme_tf.core.estimates import percent, short, with_error
from rme_tf.evaluation import Estimate


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (-23.6213, 0.2412, "-23.62 ± 0.24"),
        (-523.4, 12.3, "-523 ± 12"),
        (-523.4, 123.4, "-523 ± 123"),
        (1.5, 0.0996, "1.50 ± 0.10"),
        (1.5, 0.0994, "1.500 ± 0.099"),
        (-98.34, 9.96, "-98 ± 10"),
        (0.0213, 0.0091, "0.0213 ± 0.0091"),
        (3.0, 1e-9, "3.000000 ± 0.000000"),
        (1.5, 0.0, "1.50 ± 0"),
        (0.0012345, 0.0, "0.0012 ± 0"),
        (1.5, math.nan, "1.50"),
        (math.nan, 0.1, "nan"),
        (-math.inf, math.nan, "-inf"),
    ],
)
def test_the_error_decides_the_digits(value, error, text):
    assert with_error(value, error) == text


@pytest.mark.parametrize("exponent", range(-5, 5))
@pytest.mark.parametrize("leading", [1.0, 2.5, 9.4, 9.96])
def test_an_error_has_two_significant_digits(leading, exponent):
    error = leading * 10.0**exponent
    _, shown = with_error(1234.5678, error).split(" ± ")
    assert float(shown) == pytest.approx(error, rel=0.051)  # rounded in the second digit
    assert len(shown.replace(".", "").lstrip("0").rstrip("0")) <= max(2, exponent + 2)


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "0.00"), (-98.314, "-98.31"), (0.0961, "0.10"), (0.01234, "0.012"), (math.nan, "nan")]
)
def test_a_number_is_short(value, text):
    assert short(value) == text


def test_an_estimate_prints_its_error_and_unit():
    known, alone = Estimate(-23.621334, 0.241287), Estimate(-23.621334, math.nan)
    assert f"{known}" == str(known) == "-23.62 ± 0.24 nats"
    assert repr(known) == "Estimate(-23.62 ± 0.24 nats)"
    assert str(alone) == "-23.62 nats (standard error unknown)"
    assert known == (-23.621334, 0.241287)  # the fields have all digits


@pytest.mark.parametrize(
    ("share", "text"), [(0.0, "0%"), (0.0067, "0.67%"), (0.667, "67%"), (0.994, "99%"), (0.996, "100%"), (1.0, "100%")]
)
def test_a_percentage_is_never_in_powers_of_ten(share, text):
    assert percent(share) == text
