"""The inverse of the softplus function."""

import math

import numpy as np
import pytest

from rme_tf.core.softplus import LINEAR_FROM, softplus_inverse


@pytest.mark.parametrize("value", [1e-30, 1e-6, 0.19, 1.0, 99.9, 100.0, 709.0, 710.0, 1e30])
def test_the_softplus_undoes_the_inverse(value):
    assert np.logaddexp(0.0, softplus_inverse(value)) == pytest.approx(value, rel=1e-12)


def test_the_two_forms_meet():
    assert math.log(math.expm1(LINEAR_FROM)) == pytest.approx(LINEAR_FROM, rel=1e-15)
