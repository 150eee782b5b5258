"""Encoders that cannot be copied for several components, and what the error says."""

import keras
import pytest

from rme_tf import VAE
from rme_tf.networks import mlp_decoder
from rme_tf.networks.copies import fresh_copy

PARTS = {"posterior": "diag_normal", "likelihood": "bernoulli"}


class Sampling(keras.layers.Layer):
    """The layer of keras.io's VAE, which is not registered there."""

    def call(self, inputs):
        mean, log_var = inputs
        return mean + keras.ops.exp(0.5 * log_var) * keras.random.normal(keras.ops.shape(mean))


def encoder(outputs=lambda mean, log_var, z: keras.layers.Concatenate()([z, log_var])):
    x = keras.Input((5,))
    mean, log_var = keras.layers.Dense(2)(x), keras.layers.Dense(2)(x)
    return keras.Model(x, outputs(mean, log_var, Sampling()([mean, log_var])))


def vae(network, num_components):
    return VAE(network, mlp_decoder(2, (5,), units=(3,)), **PARTS, num_components=num_components)


@pytest.mark.parametrize("num_components", [1, 4])
def test_outputs_of_another_shape_are_told_whether_or_not_the_encoder_is_copied(num_components):
    with pytest.raises(ValueError, match="encoder 0 must turn .* outputs of shape .4,.. Received: ") as error:
        vae(encoder(lambda *outputs: list(outputs)), num_components)
    assert str(error.value).endswith("[(2,), (2,), (2,)].")


def test_a_class_that_is_not_registered_is_named_with_the_remedies():
    assert vae(encoder(), 1).num_components == 1
    with pytest.raises(ValueError, match="To copy the encoder for 4 components") as error:
        vae(encoder(), 4)
    assert error.value.__context__ is None  # Keras's message has the whole configuration
    assert str(error.value) == (
        "To copy the encoder for 4 components, its classes must be registered: decorate `Sampling` with "
        '`@keras.saving.register_keras_serializable("my_package")`, or pass a list of encoders.'
    )


def test_encoders_of_a_list_are_not_copied():
    assert vae([encoder(), encoder()], None).num_components == 2


def test_a_class_without_a_configuration_is_told_in_a_line():
    class Scaled(keras.Model):
        def __init__(self, function):
            super().__init__()
            self.function = function

        def call(self, inputs):
            return self.function(inputs)

    with pytest.raises(ValueError, match="To copy the decoder, `get_config` .* write them for Scaled. Rec") as error:
        fresh_copy(Scaled(lambda x: 2.0 * x), "decoder")
    assert len(str(error.value)) < 350
