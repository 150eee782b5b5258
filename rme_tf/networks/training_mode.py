"""A network in training mode, looked at without moving its state: what it moves, and whether its rows are independent.

Batch normalization is the usual case of both; what is found out here is of any layer.
"""

import keras
import numpy as np
import tensorflow as tf

from rme_tf.core.keras_compat import layers_of

ROWS, SEEN = 8, (0, 2, 5, 6)  # of the probe; neighbours, halves of the batch and its reverse are all split
SHARE = 1e-6  # of the largest gradient: rounding is less
SPREAD = 0.1  # of the weights of the probe: those that start at zero would hide what is behind them


def state_moved(network, inputs) -> list:
    """Returns the weights that a call in training mode assigns: moving statistics, say. None of them moves here."""
    weights = network.weights
    values = [tf.convert_to_tensor(weight) for weight in weights]
    with keras.StatelessScope(state_mapping=list(zip(weights, values, strict=True))) as scope:
        network(inputs, training=True)
    pairs = zip(weights, values, strict=True)
    return [weight for weight, value in pairs if scope.get_current_value(weight) is not value]


def mixing_layers(network) -> list[str]:
    """Returns the names of the layers known to normalize over the batch in training."""
    return [
        layer.name
        for layer in layers_of(network)
        if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable
    ]


def mixes_rows(network, z, *others) -> bool:
    """Returns whether in training an output depends on the z of other rows of its batch, as far as gradients tell.

    The derivative of some rows of the output in the z of all others must be zero, whatever noise a dropout draws. It is
    taken at weights moved at random; where it does not exist, the types of the layers decide.

    Args:
        network: a decoder, built.
        z: Shape [`ROWS`, D].
        *others: further inputs, of as many rows.
    """
    try:
        gradient = _gradient_of_seen_rows(network, tf.convert_to_tensor(z), others)
    except (tf.errors.OpError, TypeError, ValueError):  # out of memory, say
        gradient = None
    own, other = _largest(gradient, SEEN), _largest(gradient, sorted(set(range(ROWS)) - set(SEEN)))
    if not 0.0 < own < np.inf or not np.isfinite(other):
        return bool(mixing_layers(network))
    return other > SHARE * own


def _gradient_of_seen_rows(network, z, others):
    """Returns the gradient [`ROWS`, D] of a random sum of the outputs of the seen rows."""
    generator = np.random.default_rng(0)
    with keras.StatelessScope(state_mapping=[_moved(weight, generator) for weight in network.trainable_variables]):
        with tf.GradientTape() as tape:
            tape.watch(z)
            outputs = tf.cast(network([z, *others] if others else z, training=True), tf.float32)
            seen = tf.gather(outputs, SEEN)
            total = tf.reduce_sum(seen * generator.normal(size=seen.shape).astype("float32"))
        return tape.gradient(total, z)


def _moved(weight, generator) -> tuple:
    """Returns a weight and its value, moved by noise that keeps the scale of what it is multiplied with."""
    fan_in = max(1, int(np.prod(weight.shape[:-1])))
    noise = generator.normal(scale=SPREAD / np.sqrt(fan_in), size=tuple(weight.shape))
    return weight, tf.convert_to_tensor(weight) + tf.cast(noise, weight.dtype)


def _largest(gradient, rows) -> float:
    """Returns the largest absolute value of some rows; 0 of no gradient."""
    if gradient is None:
        return 0.0
    return float(np.max(np.abs(np.asarray(gradient)[list(rows)])))
