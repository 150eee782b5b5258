"""The identity, with a scaled gradient."""

import tensorflow as tf


def scale_gradient(x, scale):
    """Returns x, whose gradient is multiplied by `scale`."""
    return tf.stop_gradient(x) + scale * (x - tf.stop_gradient(x))
