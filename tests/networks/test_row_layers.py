"""Decoders that are known to keep rows apart by the types of their layers: no others, and none is looked at twice."""

import keras
import numpy as np
import pytest

from rme_tf import VAE
from rme_tf.algorithms import row_mixing
from rme_tf.models import compatibility
from rme_tf.networks import DECODERS, output_activation
from rme_tf.networks.row_layers import APART, known_apart
from rme_tf.networks.training_mode import ROWS, mixes_rows
from small_networks import SMALL_DECODERS, fitting
from test_row_mixing import MIXING

layers = keras.layers
LATENT, LENGTH, SIDE = 2, 8, 4
Z = np.random.default_rng(3).normal(size=(ROWS, LATENT)).astype("float32")
OF_IMAGES = [kind for kind in APART if "2D" in kind.__name__]
OF_SEQUENCES = [kind for kind in APART if "1D" in kind.__name__ or kind in (layers.LSTM, layers.GRU)]
ARGUMENTS = {
    "Activation": {"activation": "softmax"},
    "Conv": {"filters": 3, "kernel_size": 2},
    "Dense": {"units": 3},
    "DepthwiseConv": {"kernel_size": 2},
    "Dropout": {"rate": 0.5},
    "GRU": {"units": 3},
    "GroupNormalization": {"groups": 2},
    "LSTM": {"units": 3},
    "Permute": {"dims": (1,)},
    "RepeatVector": {"n": 2},
    "Reshape": {"target_shape": (2, 4)},
    "SeparableConv": {"filters": 3, "kernel_size": 2},
}


def beginning(*sizes):
    z = keras.Input((LATENT,))
    return z, layers.Reshape(sizes)(layers.Dense(int(np.prod(sizes)), activation="tanh")(z))


def network_of(kind):
    """A decoder with a layer of that kind, of arguments that it needs."""
    sizes = (SIDE, SIDE, 2) if kind in OF_IMAGES else (SIDE, 2) if kind in OF_SEQUENCES else (LENGTH,)
    z, hidden = beginning(*sizes)
    name = kind.__name__.removesuffix("1D").removesuffix("2D").removesuffix("Transpose")
    name = name.removesuffix("1D").removesuffix("2D")
    layer = kind(**ARGUMENTS.get(name, {}))
    outputs = layer([hidden, layers.Dense(sizes[-1])(hidden)] if kind in (layers.Add, layers.Multiply) else hidden)
    return keras.Model(z, layers.Dense(5)(layers.Flatten()(outputs)))


@pytest.mark.parametrize("kind", sorted(APART - {layers.InputLayer, layers.Embedding}, key=lambda kind: kind.__name__))
def test_every_layer_of_the_list_keeps_rows_apart(kind):
    network = network_of(kind)
    assert any(type(layer) is kind for layer in network.layers)
    assert known_apart(network)
    assert not mixes_rows(network, Z)


def with_operation(function):
    z, hidden = beginning(LENGTH)
    return keras.Model(z, layers.Dense(5)(function(hidden)))


UNKNOWN = {
    "a function of the user's": lambda: with_operation(layers.Dense(4, activation=lambda h: h - h[::-1])),
    "in an activation": lambda: with_operation(layers.Activation(lambda h: h - h[::-1])),
    "the axis of the batch": lambda: keras.Sequential(
        [layers.Input((LATENT,), batch_size=ROWS), layers.LayerNormalization(axis=0), layers.Dense(5)]
    ),
    "an operation of the graph": lambda: with_operation(lambda h: h - keras.ops.mean(h, axis=0, keepdims=True)),
    "in a network within": lambda: keras.Sequential([layers.Input((LATENT,)), MIXING["batch normalization"]()]),
    **MIXING,
}


@pytest.mark.parametrize("name", sorted(UNKNOWN))
def test_no_network_that_mixes_rows_passes_by_the_types_of_its_layers(name):
    network = UNKNOWN[name]()
    network(Z)
    assert not known_apart(network)
    assert mixes_rows(network, Z)


class Mixer(keras.Sequential):
    def call(self, inputs, training=None):
        outputs = super().call(inputs, training=training)
        return outputs - keras.ops.flip(outputs, axis=0)


def test_a_subclass_is_no_layer_of_the_list():
    network = Mixer([layers.Input((LATENT,)), layers.Dense(5)])
    assert not known_apart(network)
    assert mixes_rows(network, Z)


def decoder_of_the_table(name):
    tokens = name == "lstm"
    small = {"vocabulary_size": 9} if tokens else SMALL_DECODERS.get(name, {})
    return DECODERS[name](LATENT, (None, 9) if tokens else fitting(name, (8, 8, 1)), **small)


@pytest.mark.parametrize("name", sorted(DECODERS))
def test_no_decoder_of_the_table_is_differentiated_or_traced_to_know_it(name, monkeypatch):
    def refuse(*args, **kwargs):
        pytest.fail("A decoder of the table was looked at.")

    monkeypatch.setattr(row_mixing, "mixes_rows", refuse)
    monkeypatch.setattr(output_activation.tf, "function", refuse)
    decoder = decoder_of_the_table(name)
    assert output_activation.output_activation(decoder, None) is None
    model = type("Model", (), {"decoder": decoder})
    assert not row_mixing.decoder_mixes_rows(model)
    compatibility.warn_of_mixed_rows(model, None)


@pytest.mark.parametrize("name", sorted(DECODERS))
def test_what_a_decoder_of_the_table_ends_in_is_what_its_graph_says(name, monkeypatch):
    decoder = decoder_of_the_table(name)
    z = Z[:1]
    inputs = [z, np.ones((1, 3), "int32") if name == "lstm" else np.ones((1, 8, 8, 1), "float32")]
    inputs = inputs if getattr(decoder, "autoregressive", False) else z
    decoder(inputs)
    monkeypatch.setattr(output_activation, "is_own", lambda network: False)
    monkeypatch.setattr(output_activation, "_ends_in_linear_layer", lambda network: False)
    assert output_activation.output_activation(decoder, inputs) is None


def test_a_decoder_of_known_layers_compiles_without_a_look_at_its_gradients(monkeypatch):
    monkeypatch.setattr(row_mixing, "mixes_rows", lambda *args: pytest.fail("It was differentiated."))
    decoder = keras.Sequential([layers.Input((LATENT,)), layers.Dense(5, activation="relu"), layers.Dense(5)])
    sizes = {"input_shape": (5,), "latent_dim": LATENT, "num_components": 2}
    VAE.from_names(encoder="mlp", decoder=decoder, encoder_options={"units": (4,)}, **sizes).compile("adam")
