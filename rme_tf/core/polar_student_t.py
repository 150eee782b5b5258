"""Student's t distribution that is fast to draw from."""

import math

import tensorflow as tf
import tensorflow_probability as tfp


class PolarStudentT(tfp.distributions.StudentT):
    """TFP's `StudentT`, with draws by the polar method.

        t = sqrt(df (u^(-2 / df) - 1)) cos(2 pi v)   for uniform u and v

    TFP divides by the root of a gamma variable instead, whose rejection sampling it implements once for graphs and once
    for XLA. The location has the batch shape; the others broadcast against it.

    References:
        Bailey (1994), https://doi.org/10.1090/S0025-5718-1994-1219702-8
    """

    def _sample_n(self, n, seed=None):
        loc = tf.convert_to_tensor(self.loc)
        shape = tf.concat([[n], tf.shape(loc)], axis=0)
        u, v = (tf.random.stateless_uniform(shape, part, dtype=loc.dtype) for part in tfp.random.split_seed(seed))
        radius = tf.sqrt(self.df * tf.math.expm1(-2.0 / self.df * tf.math.log1p(-u)))
        return loc + self.scale * radius * tf.cos(2.0 * math.pi * v)
