"""Noise of TensorFlow's graph where XLA compiles it, for any bits of a seed."""

import numpy as np
import pytest
import tensorflow as tf

from rme_tf.data import noise

SEEDS = tf.constant([[0, 5], [3, -1], [-(2**40), 2**33 + 1], [2**63 - 1, -(2**63)]], tf.int64)
WAYS = {"graph": {}, "XLA": {"jit_compile": True}}


@pytest.mark.parametrize("way", WAYS)
def test_noise_is_the_noise_of_tensorflow(way):
    draw = tf.function(lambda seed: (noise.uniform([3, 7], seed), noise.fold_in(seed, seed[1])), **WAYS[way])
    for seed in SEEDS:
        found, folded = draw(seed)
        np.testing.assert_array_equal(found, tf.random.stateless_uniform([3, 7], seed))
        np.testing.assert_array_equal(folded, tf.random.fold_in(seed, seed[1]))
