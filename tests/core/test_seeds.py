"""Seeds in every form that a call takes: integers, pairs of them, tensors, or none."""

import random

import keras
import numpy as np
import pytest
import tensorflow as tf

from rme_tf.core.seeds import as_seed, seeded_initializers


@pytest.mark.parametrize("seed", [7, np.int32(7), np.int64(7), np.uint8(7), tf.constant(7), np.array(7)])
def test_an_integer_is_the_first_of_two(seed):
    result = as_seed(seed)
    np.testing.assert_array_equal(result, [7, 0])
    expected = tf.random.stateless_normal([3], (7, 0))
    np.testing.assert_array_equal(tf.random.stateless_normal([3], result), expected)


@pytest.mark.parametrize("seed", [(3, 4), [3, 4], np.array([3, 4]), tf.constant([3, 4]), tf.constant([3, 4], tf.int64)])
def test_a_stateless_seed_stays_itself(seed):
    np.testing.assert_array_equal(as_seed(seed), [3, 4])
    if isinstance(seed, tf.Tensor):
        assert as_seed(seed) is seed


def test_large_and_negative_integers_are_seeds():
    results = [tf.random.stateless_normal([], as_seed(seed)) for seed in (2**40, 2**40 + 1, -1, (0, 2**33))]
    assert len({float(result) for result in results}) == 4


def test_no_seed_draws_one_that_keras_makes_reproducible():
    seeds = []
    for _ in range(2):
        keras.utils.set_random_seed(1)
        seeds.append([as_seed(None).numpy() for _ in range(2)])
    np.testing.assert_array_equal(*seeds)
    assert (seeds[0][0] != seeds[0][1]).any()


def test_no_seed_draws_another_one_at_each_call_of_a_graph():
    draw = tf.function(lambda: as_seed(None))
    assert (draw().numpy() != draw().numpy()).any()


@pytest.mark.parametrize("jit_compile", [False, True])
def test_tensors_in_graphs_are_seeds(jit_compile):
    draw = tf.function(lambda seed: as_seed(seed), jit_compile=jit_compile)
    np.testing.assert_array_equal(draw(tf.constant(5)), [5, 0])
    np.testing.assert_array_equal(draw(tf.constant([5, 6])), [5, 6])


@pytest.mark.parametrize("seed", [1.0, "1", True, (1, 2, 3), (1,), [[1, 2]], (1.0, 2.0), tf.constant(1.0), object()])
def test_anything_else_is_refused(seed):
    with pytest.raises(ValueError, match="`seed` must be an integer, a stateless seed of two integers, or None"):
        as_seed(seed)


def test_a_seed_of_initializers_is_for_its_context_alone():
    random.seed(3)
    expected, kernels = [random.random(), random.random()], []
    random.seed(3)
    drawn = [random.random()]
    for seed in (5, 5, 6):
        with seeded_initializers(seed):
            kernels.append(keras.initializers.GlorotUniform()((2, 3)).numpy())
    assert [*drawn, random.random()] == expected
    np.testing.assert_array_equal(kernels[0], kernels[1])
    assert (kernels[0] != kernels[2]).all()
