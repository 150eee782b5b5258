"""Layer types that treat the rows of a batch independently."""

import keras

from rme_tf.core.keras_compat import is_graph, is_of_keras, layers_of

layers = keras.layers
APART = frozenset(
    [
        layers.Activation,
        layers.Add,
        layers.Conv1D,
        layers.Conv1DTranspose,
        layers.Conv2D,
        layers.Conv2DTranspose,
        layers.Cropping1D,
        layers.Cropping2D,
        layers.Dense,
        layers.DepthwiseConv2D,
        layers.Dropout,
        layers.ELU,
        layers.Embedding,
        layers.Flatten,
        layers.GRU,
        layers.GroupNormalization,
        layers.InputLayer,
        layers.LSTM,
        layers.LayerNormalization,
        layers.LeakyReLU,
        layers.Multiply,
        layers.Permute,
        layers.ReLU,
        layers.RepeatVector,
        layers.Reshape,
        layers.SeparableConv2D,
        layers.UpSampling1D,
        layers.UpSampling2D,
        layers.ZeroPadding1D,
        layers.ZeroPadding2D,
    ]
)
CELLS = frozenset([layers.GRUCell, layers.LSTMCell])
OWN = "rme_tf.networks."  # modules whose layers consist of these types


def known_apart(network) -> bool:
    """Returns whether the layer types ensure that rows are independent.

    False means unknown: only a call can decide.
    """
    return all(_is_apart(layer) for layer in layers_of(network))


def is_own(network) -> bool:
    """Returns whether the class of a network belongs to this library."""
    return type(network).__module__.startswith(OWN)


def _is_apart(layer) -> bool:
    if is_graph(layer):
        return all(isinstance(operation, keras.Layer) for operation in getattr(layer, "operations", ()))
    # These arguments of a layer may be a user's function, or the batch axis.
    functions = [getattr(layer, name, None) for name in ("activation", "recurrent_activation")]
    axes = keras.tree.flatten(getattr(layer, "axis", -1))
    return is_own(layer) or (
        type(layer) in APART | CELLS
        and all(function is None or is_of_keras(function) for function in functions)
        and all(axis == -1 or axis > 0 for axis in axes)
    )
