"""Sums over the entries of an observation, whole and in slices, against float64."""

import numpy as np
import pytest
import tensorflow as tf

from rme_tf.likelihoods.totals import LANES, SlicedTotals, Totals, slices_of

every_kind = pytest.mark.parametrize("kind", [Totals, SlicedTotals])


@pytest.mark.parametrize("size", [1, 5, 8, 17, 64, 784, 787, 3072])
def test_slices_leave_out_fewer_entries_than_a_sixteenth(size):
    count, width = slices_of(size)
    left = size - count * width
    assert count >= 1
    assert 0 <= left < max(LANES, size // 16 + 1)
    assert width % LANES == 0 or size < LANES


@every_kind
@pytest.mark.parametrize("shape", [(), (1,), (5,), (4, 4, 2), (28, 28, 1), (11, 9)], ids=str)
@pytest.mark.parametrize("spread", [1.0, 30.0])
def test_sums_are_those_of_float64(kind, shape, spread, rng):
    values = rng.normal(scale=spread, size=(2, 3, *shape)).astype(np.float32)
    axes = tuple(range(2, values.ndim))
    totals = kind(shape)
    np.testing.assert_allclose(totals.sum(tf.constant(values)), values.sum(axes, dtype=float), rtol=1e-5, atol=1e-4)
    expected = np.logaddexp(0.0, values.astype(float)).sum(axes)
    np.testing.assert_allclose(totals.softplus(tf.constant(values)), expected, rtol=2e-6, atol=1e-6)


@every_kind
def test_softplus_of_extreme_logits_is_finite(kind):
    logits = np.tile(np.array([-1e30, -1e3, 0.0, 1e3], np.float32), 8)
    expected = np.logaddexp(0.0, logits.astype(float)).sum()
    assert float(kind((32,)).softplus(tf.constant(logits))) == pytest.approx(expected, rel=1e-6)
