"""Normal numbers from random integers: TensorFlow's for the same seed, in graphs and under XLA."""

import numpy as np
import pytest
import tensorflow as tf

from rme_tf.core import box_muller


@pytest.mark.parametrize("count", [1, 7, 1000])
def test_numbers_are_tensorflow_s(count):
    for seed in ((0, 1), (7, -3)):
        expected = tf.random.stateless_normal([count], seed)
        values = box_muller.normals(box_muller.bits(count, seed))
        assert values.shape == (count + count % 2,)
        np.testing.assert_allclose(values[:count], expected, rtol=1e-6, atol=1e-6)


@pytest.mark.slow
def test_xla_has_the_same():
    draw = tf.function(lambda seed: box_muller.normals(box_muller.bits(5000, seed)), jit_compile=True)
    expected = tf.random.stateless_normal([5000], (3, 4))
    np.testing.assert_allclose(draw(tf.constant([3, 4])), expected, rtol=1e-6, atol=2e-6)


def test_each_row_of_integers_has_numbers_of_its_own():
    rows = [box_muller.bits(6, (0, k)) for k in range(3)]
    expected = np.stack([box_muller.normals(row) for row in rows])
    np.testing.assert_allclose(box_muller.normals(tf.stack(rows)), expected, rtol=1e-6)


def test_uniform_numbers_of_zero_have_finite_normals():
    values = box_muller.normals(tf.constant([0, 0, 0, -1, -1, 0]))  # the lowest and the highest numbers
    assert np.isfinite(values).all()
    # The radius of the least number, 1e-7, at an angle of zero.
    np.testing.assert_allclose(values[:2], [0.0, np.sqrt(-2.0 * np.log(1e-7))], rtol=1e-6)
