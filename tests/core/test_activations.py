"""Checks of activations."""

import keras
import numpy as np
import pytest

from rme_tf.core.activations import check_activation


@pytest.mark.parametrize(
    "activation", ["relu", None, keras.activations.tanh, keras.layers.PReLU(), keras.ops.sin, "leaky_relu"]
)
def test_names_functions_and_layers_are_activations(activation):
    assert check_activation(activation) is activation


@pytest.mark.parametrize(
    "activation", ["rellu", 3, (), np, len, object, keras.layers.Dense(2), lambda x: x[:1], keras.ops.sum]
)
def test_other_values_and_functions_of_other_shapes_are_refused(activation):
    with pytest.raises(ValueError, match="`activation` must be the name of a Keras activation, or a function"):
        check_activation(activation)
