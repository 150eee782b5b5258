"""Tests of networks in training mode: moving state and dependence between rows.

Batch normalization has both; the tests apply to any layer, and do not change the state of the network.
"""

import keras
import numpy as np
import tensorflow as tf

from rme_tf.core.keras_compat import layers_of

ROWS, SEEN = 8, (0, 2, 5, 6)  # SEEN splits neighboring rows, the halves of the batch, and rows and their mirror images
SHARE = 1e-6  # of the largest gradient: rounding errors are smaller
SPREAD = 0.1  # of the noise on the weights: zero weights would hide the layers behind them


def state_moved(network, inputs) -> list:
    """Returns the weights that a training call assigns, such as moving statistics.

    The weights keep their values.
    """
    weights = network.weights
    values = [tf.convert_to_tensor(weight) for weight in weights]
    with keras.StatelessScope(state_mapping=list(zip(weights, values, strict=True))) as scope:
        network(inputs, training=True)
    pairs = zip(weights, values, strict=True)
    return [weight for weight, value in pairs if scope.get_current_value(weight) is not value]


def mixing_layers(network) -> list[str]:
    """Returns the names of layers that normalize over the training batch."""
    return [
        layer.name
        for layer in layers_of(network)
        if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable
    ]


def mixes_rows(network, z, *others) -> bool:
    """Returns whether training outputs depend on other rows of the batch.

    The rows are independent if the derivative of some rows of the output in the z of all other rows is zero, for any
    noise of dropout. It is computed with random noise on the weights; if it does not exist, the types of the layers
    decide.

    Args:
        network: built decoder.
        z: latent codes. Shape [`ROWS`, D].
        *others: further inputs with `ROWS` rows.
    """
    try:
        gradient = _gradient_of_seen_rows(network, tf.convert_to_tensor(z), others)
    except (tf.errors.OpError, TypeError, ValueError):  # such as out of memory
        gradient = None
    seen, unseen = _largest(gradient, SEEN), _largest(gradient, sorted(set(range(ROWS)) - set(SEEN)))
    if not 0.0 < seen < np.inf or not np.isfinite(unseen):
        return bool(mixing_layers(network))
    return unseen > SHARE * seen


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
    """Returns a weight and its value plus noise, scaled so that the outputs keep their scale."""
    fan_in = max(1, int(np.prod(weight.shape[:-1])))
    noise = generator.normal(scale=SPREAD / np.sqrt(fan_in), size=tuple(weight.shape))
    return weight, tf.convert_to_tensor(weight) + tf.cast(noise, weight.dtype)


def _largest(gradient, rows) -> float:
    """Returns the largest absolute value of some rows, or 0 without a gradient."""
    if gradient is None:
        return 0.0
    return float(np.max(np.abs(np.asarray(gradient)[list(rows)])))
