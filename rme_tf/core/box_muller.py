"""Normal numbers of TensorFlow's generator, in a form that XLA compiles well."""

import functools
import math

import tensorflow as tf

LEAST = 1e-7  # as in TensorFlow, of the uniform numbers that have a logarithm
MANTISSA, ONE = 0x7FFFFF, 0x3F800000  # bits of a float32, and the float32 1.0

# Taylor coefficients of sin(2 pi f) / f and cos(2 pi f) in f^2; the first terms left out are below 1e-8 for |f| <= 1/8.
SINE = [(-1) ** k * (2.0 * math.pi) ** (2 * k + 1) / math.factorial(2 * k + 1) for k in range(5)]
COSINE = [(-1) ** k * (2.0 * math.pi) ** (2 * k) / math.factorial(2 * k) for k in range(6)]


def bits(count, seed):
    """Returns random integers for `count` normal numbers.

    They are an int32 vector of even size. TensorFlow and XLA have the same integers for a seed.

    Args:
        count: number of normal numbers, an int32 scalar.
        seed: stateless seed. Shape [2].
    """
    size = 2 * ((count + 1) // 2)
    return tf.random.stateless_uniform([size], seed, None, None, tf.int32, alg=tf.random.Algorithm.PHILOX)


def normals(integers):
    """Returns the values of `tf.random.stateless_normal`, up to rounding.

    XLA has normal numbers of its own for a seed. Here each pair of integers gives two numbers, by the transform of Box
    and Muller as in TensorFlow, with sines and cosines that XLA vectorizes.

    Args:
        integers: result of `bits`. Shape [..., N] with an even N.

    Returns:
        noise: Shape [..., N].
    """
    uniform = tf.bitcast(tf.bitwise.bitwise_or(tf.bitwise.bitwise_and(integers, MANTISSA), ONE), tf.float32) - 1.0
    shape = tf.shape(integers)
    uniform = tf.reshape(uniform, tf.concat([shape[:-1], [shape[-1] // 2, 2]], axis=0))
    radius = tf.sqrt(-2.0 * tf.math.log(tf.maximum(uniform[..., 0], LEAST)))
    sine, cosine = _sine_and_cosine(uniform[..., 1])
    return tf.reshape(tf.stack([radius * sine, radius * cosine], axis=-1), shape)


def _sine_and_cosine(turns):
    """Returns the sine and the cosine of angles in turns, from 0 to 1."""
    quarters = tf.round(4.0 * turns)  # 0 ... 4
    rest = turns - 0.25 * quarters
    square = rest * rest
    sine, cosine = rest * _polynomial(SINE, square), _polynomial(COSINE, square)
    is_odd = tf.equal(tf.abs(quarters - 2.0), 1.0)
    first, second = tf.where(is_odd, cosine, sine), tf.where(is_odd, sine, cosine)
    first = tf.where((quarters > 1.5) & (quarters < 3.5), -first, first)
    return first, tf.where((quarters > 0.5) & (quarters < 2.5), -second, second)


def _polynomial(coefficients, x):
    return functools.reduce(lambda total, coefficient: total * x + coefficient, reversed(coefficients))
