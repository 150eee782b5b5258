"""Uniform noise with equal bits in TensorFlow's graph and under XLA.

XLA reads the lowest 32 bits of the numbers of a stateless seed only, and rounds floats otherwise. Here the key of the
generator follows from all bits, and the noise from integers, which agree.
"""

import tensorflow as tf

PHILOX = 1  # TensorFlow's number of the algorithm, its choice for CPUs and GPUs
SCRAMBLE = 0x02461E293EC8F720  # key with which TensorFlow makes a key of a seed
MANTISSA, ONE = 0x7FFFFF, 0x3F800000  # bits of a float32 in [1, 2)


def uniform(shape, seed):
    """Returns the noise of `tf.random.stateless_uniform`, float32 in [0, 1).

    Args:
        shape: vector of sizes.
        seed: stateless seed, int64. Shape [2].
    """
    bits = tf.bitwise.bitwise_and(_integers(shape, seed, tf.uint32), tf.constant(MANTISSA, tf.uint32))
    return tf.bitcast(tf.bitwise.bitwise_or(bits, tf.constant(ONE, tf.uint32)), tf.float32) - 1.0


def fold_in(seed, number):
    """Returns the seed of `tf.random.fold_in`.

    Args:
        seed: stateless seed, int64. Shape [2].
        number: scalar int64.
    """
    return tf.stack([_integers([1], seed, tf.int64)[0], number])


def _integers(shape, seed, dtype):
    """Returns uniform integers of all bits, like `tf.random.stateless_uniform` without limits."""
    draw = tf.raw_ops.StatelessRandomUniformFullIntV2
    scramble = tf.constant([SCRAMBLE], tf.uint64)
    counter = tf.bitcast(seed, tf.uint64)
    mix = tf.bitcast(
        tf.reshape(draw(shape=[4], key=scramble, counter=counter, alg=PHILOX, dtype=tf.uint32), [2, 2]), tf.uint64
    )
    counter = tf.stack([tf.constant(0, tf.uint64), mix[1]])
    return draw(shape=shape, key=mix[:1], counter=counter, alg=PHILOX, dtype=dtype)
