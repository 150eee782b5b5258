"""Detection of a network's output activation from its graph."""

import keras
import tensorflow as tf

from rme_tf.core.keras_compat import clear_losses, inputs_of_origin, is_graph, origin
from rme_tf.networks.row_layers import is_own

VALUES = {  # range of values of a TensorFlow operation
    "Elu": "above -1",
    "Exp": "above 0",
    "Relu": "of at least 0",
    "Relu6": "from 0 to 6",
    "Selu": "above -1.76",
    "Sigmoid": "from 0 to 1",
    "Softmax": "from 0 to 1",
    "Softplus": "above 0",
    "Softsign": "from -1 to 1",
    "Tanh": "from -1 to 1",
}
PASSED_OVER = {  # operations that keep, select or clip values
    "BroadcastTo",
    "Cast",
    "CheckNumerics",
    "ClipByValue",
    "EnsureShape",
    "ExpandDims",
    "GatherV2",
    "Identity",
    "IdentityN",
    "Maximum",
    "Minimum",
    "Reshape",
    "Slice",
    "Squeeze",
    "StopGradient",
    "StridedSlice",
    "Tile",
    "Transpose",
}
LINEAR = (
    keras.layers.Dense,
    keras.layers.Conv1D,
    keras.layers.Conv1DTranspose,
    keras.layers.Conv2D,
    keras.layers.Conv2DTranspose,
)
SHAPING = (keras.layers.Cropping1D, keras.layers.Cropping2D, keras.layers.Flatten, keras.layers.Reshape)


def output_activation(network, inputs) -> str | None:
    """Returns the operation of a network's output activation, or None.

    The operation is a key of `VALUES`; None stands for no activation and for an unknown one.

    Args:
        network: built Keras layer.
        inputs: tensor or tensors for a call of the network.
    """
    if is_own(network) or _ends_in_linear_layer(network):
        return None  # without a trace, which takes longer
    try:
        traced = tf.function(lambda: network(inputs, training=False), autograph=False).get_concrete_function()
    except Exception:  # the network may run eagerly only, and raise any error
        return None
    finally:
        clear_losses(network)  # of activity regularization, which belong to the graph
    tensor = traced.graph.outputs[0]
    while tensor.op.type in PASSED_OVER and tensor.op.inputs:
        tensor = tensor.op.inputs[tensor.value_index if tensor.op.type == "IdentityN" else 0]
    return tensor.op.type if tensor.op.type in VALUES else None


def _ends_in_linear_layer(network) -> bool:
    """Returns whether a functional network ends in a linear layer, followed at most by layers of `SHAPING`."""
    outputs = network.outputs if is_graph(network) else None
    while outputs is not None and len(outputs) == 1:
        layer = origin(outputs[0])
        if is_graph(layer):
            outputs = layer.outputs
        elif type(layer) in SHAPING:
            outputs = inputs_of_origin(outputs[0])
        else:
            return type(layer) in LINEAR and layer.activation is keras.activations.linear
    return False
