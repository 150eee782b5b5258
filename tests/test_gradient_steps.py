"""Steps along a gradient: how long they may be."""

import numpy as np
import tensorflow as tf

from rme_tf.refinements import SemiAmortised
from rme_tf.refinements.gradient import clipped


def test_a_long_gradient_is_cut_and_a_zero_one_differentiable():
    """The means (3, 4) are long over two components, the other param is short."""
    gradient = tf.constant([[[3.0, 0.5], [4.0, 0.5]], [[0.3, 0.5], [0.4, 3.0]], [[0.0, 0.0], [0.0, 0.0]]])
    with tf.GradientTape() as tape:
        tape.watch(gradient)
        cut = clipped(gradient, 1.0, num_means=1)
    np.testing.assert_allclose(cut[:, :, 0], [[0.6, 0.8], [0.3, 0.4], [0.0, 0.0]], rtol=1e-6)
    np.testing.assert_allclose(cut[:, :, 1], [[0.5, 0.5], np.array([0.5, 3.0]) / 9.25**0.5, [0.0, 0.0]], rtol=1e-6)
    assert np.isfinite(tape.gradient(cut, gradient)).all()


def test_steps_are_cut_no_shorter_than_the_authors_cut_them():
    """They cut a batch's mean to 5 in the means, and to 5 in the log variances: equal rows, in their units and here."""
    batch, rows = 32, np.ones((32, 1, 4), np.float32)
    rows[..., 2:] = 100.0
    for scale in (5.0, 50.0):
        ours = clipped(tf.constant(scale * rows), SemiAmortised().clip_norm, num_means=2).numpy()
        theirs = []
        for block in np.split(scale * rows / batch, 2, axis=-1):
            theirs.append(block * min(1.0, 5.0 / np.linalg.norm(block)) * batch)
        np.testing.assert_allclose(ours, np.concatenate(theirs, axis=-1), rtol=0.02)  # 28 is 5 sqrt(32), rounded
