"""Sizes that a VAE takes from its networks, and what it says of networks without any."""

import keras
import numpy as np
import pytest

from rme_tf import VAE, posteriors
from rme_tf.networks import mlp_decoder

SHAPE, D = (2, 3, 1), 2
PARTS = {"posterior": "diag_normal", "likelihood": "bernoulli", "num_components": 2}


@keras.saving.register_keras_serializable("test_sizes_from_networks")
class Network(keras.Model):
    """A subclassed model, whose shapes are unknown before its first call."""

    def __init__(self, shape=(2 * D,), **kwargs):
        super().__init__(**kwargs)
        self.shape = shape
        self.flatten = keras.layers.Flatten()
        self.dense = keras.layers.Dense(int(np.prod(shape)))
        self.reshape = keras.layers.Reshape(shape)

    def call(self, inputs):
        return self.reshape(self.dense(self.flatten(inputs)))

    def get_config(self):
        return {**super().get_config(), "shape": self.shape}


def called(network, *shape):
    network(np.zeros((1, *shape), "float32"))
    return network


def test_the_output_of_the_decoder_tells_the_shape_of_x():
    model = VAE(Network(), mlp_decoder(D, SHAPE, units=(3,)), **PARTS)
    assert model.likelihood.event_shape == SHAPE
    assert model(np.zeros((5, *SHAPE), "float32"))["means"].shape == (5, 2, D)


def test_an_output_of_another_shape_than_x_does_not_tell_it():
    """Two params for each pixel: the output [2, 3, 2] is no shape of x."""
    decoder = mlp_decoder(D, (2, 3, 2), units=(3,))
    with pytest.raises(ValueError, match="'discretized_logistic' needs `event_shape`.* call it once, `encoder.x"):
        VAE(Network(), decoder, **{**PARTS, "likelihood": "discretized_logistic"})


def test_a_call_of_each_network_tells_the_sizes():
    encoder, decoder = called(Network(), *SHAPE), called(Network(SHAPE), D)
    model = VAE(encoder, decoder, **PARTS)
    assert model.likelihood.event_shape == SHAPE
    assert model.latent_dim == D


@pytest.mark.parametrize("trunk", [False, True])
def test_a_network_without_an_input_shape_is_named_with_the_remedy(trunk):
    name = "trunk" if trunk else "encoder"
    networks = {"encoders": [keras.layers.Dense(4)], "trunk": Network()} if trunk else {"encoders": Network()}
    with pytest.raises(ValueError, match="'bernoulli' needs `event_shape`") as error:
        VAE(decoder=called(Network(SHAPE), D), **networks, posterior="diag_normal", likelihood="bernoulli")
    assert f"The {name} has no input shape yet: call it once, `{name}(x[:1])`." in str(error.value)
    assert "`likelihood=rme_tf.likelihoods.Bernoulli(event_shape=...)`" in str(error.value)


def test_a_decoder_without_an_input_shape_is_named_unless_the_posterior_has_a_size():
    encoder = called(Network(), *SHAPE)
    with pytest.raises(ValueError, match="'diag_normal' needs `latent_dim`") as error:
        VAE(encoder, Network(SHAPE), **PARTS)
    assert "The decoder has no input shape yet: call it once, `decoder(z[:1])`." in str(error.value)
    assert "`posterior=rme_tf.posteriors.DiagNormal(latent_dim=...)`" in str(error.value)
    assert VAE(encoder, Network(SHAPE), **{**PARTS, "posterior": posteriors.DiagNormal(D)}).latent_dim == D
