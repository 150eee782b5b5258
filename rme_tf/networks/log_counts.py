"""Encoders of counts, which read logarithms."""

import keras


@keras.saving.register_keras_serializable("rme_tf")
class LogCounts(keras.layers.Layer):
    """log(1 + x) of counts x, in float32 under every policy."""

    def __init__(self, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})

    def call(self, x):
        """Returns log(1 + x), of the shape of x."""
        return keras.ops.log1p(keras.ops.cast(x, "float32"))

    def compute_output_shape(self, input_shape):
        """Returns the shape of the input."""
        return input_shape


@keras.saving.register_keras_serializable("rme_tf")
class OnLogCounts(keras.Sequential):
    """A network behind `LogCounts`.

    Its input is not rounded to 16 bits, where counts above 65,504 are infinite.
    """

    def __init__(self, layers=None, **kwargs):
        super().__init__(layers, **kwargs)
        self.autocast = False


def on_log_counts(network, input_shape, name: str | None = None):
    """Returns a Keras model x -> network(log(1 + x)).

    Args:
        network: Keras model [N, *input_shape] -> [N, F].
        input_shape: shape of an observation.
        name: name of the model.
    """
    return OnLogCounts([keras.layers.Input(tuple(input_shape)), LogCounts(), network], name=name)
