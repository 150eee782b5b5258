import keras
import numpy as np
import pytest
import tensorflow as tf

from rme_tf import VAE
from rme_tf.networks import DECODERS, ENCODERS
from rme_tf.networks.copies import fresh_copy

IMAGE = (5, 7, 2)  # no side divides by a stride
SMALL = {
    "conv": {"filters": (2, 3), "hidden": 4},
    "dcgan": {"filters": 2},
    "gated_conv": {"filters": (2, 3)},
    "mlp": {"units": (4,)},
    "resnet": {"filters": (2, 3), "hidden": 4},
}

# See tests/networks/test_lstm.py, test_pixelcnn.py and test_conv1d.py there.
ELSEWHERE = {"constant", "conv1d", "lstm", "pixelcnn"}

every_encoder = pytest.mark.parametrize("name", sorted(set(ENCODERS) - ELSEWHERE))
every_decoder = pytest.mark.parametrize("name", sorted(set(DECODERS) - ELSEWHERE))


def encoder(name, output_size=6):
    return ENCODERS[name](IMAGE, output_size, **SMALL.get(name, {}))


def decoder(name, latent_dim=3):
    return DECODERS[name](latent_dim, IMAGE, **SMALL.get(name, {}))


def check_network(network, inputs, output_shape):
    """Shape, finite gradients of all weights, independent rows, and the round trip of the configuration."""
    with tf.GradientTape() as tape:
        outputs = network(inputs)
        loss = tf.reduce_sum(tf.square(outputs - 1.0))
    assert outputs.shape == output_shape
    for gradient in tape.gradient(loss, [variable.value for variable in network.trainable_variables]):
        assert np.isfinite(gradient).all()

    others = tf.concat([inputs[:1], inputs[1:] * 7.0 - 3.0], axis=0)
    # A row's result may move by rounding with the matrices' sizes, no more.
    np.testing.assert_allclose(network(others)[0], outputs[0], rtol=1e-5, atol=1e-6)

    copy = fresh_copy(network)
    assert copy.get_config() == network.get_config()
    assert any((np.asarray(a) != np.asarray(b)).any() for a, b in zip(copy.weights, network.weights, strict=True))
    copy.set_weights(network.get_weights())
    np.testing.assert_allclose(copy(inputs), outputs, rtol=1e-6)


@every_encoder
def test_encoders_turn_observations_into_params(name):
    check_network(encoder(name), tf.random.stateless_normal([4, *IMAGE], seed=(0, 1)), (4, 6))


@every_decoder
def test_decoders_turn_codes_into_params_of_the_likelihood(name):
    check_network(decoder(name), tf.random.stateless_normal([4, 3], seed=(0, 1)), (4, *IMAGE))


@every_encoder
def test_the_last_layer_changes_no_weights_of_the_others(name):
    """Initializers get their seeds in the order of the layers, which results of a seed depend on."""
    weights = []
    for output_size in (4, None):
        keras.utils.set_random_seed(0)
        weights.append(encoder(name, output_size).get_weights())
    whole, without = weights
    assert len(without) > 0
    for one, other in zip(without, whole, strict=False):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", sorted((set(ENCODERS) & set(DECODERS)) - ELSEWHERE))
@pytest.mark.parametrize("shape", [(4, 4, 1), (1, 1, 1), (9, 2, 3)])
def test_any_height_width_and_channels(name, shape):
    options = SMALL.get(name, {})
    assert ENCODERS[name](shape, 2, **options).output_shape == (None, 2)
    assert DECODERS[name](2, shape, **options).output_shape == (None, *shape)


@every_encoder
def test_networks_bear_the_name_that_they_are_given(name):
    assert ENCODERS[name](IMAGE, 2, name="some_name", **SMALL.get(name, {})).name == "some_name"


@every_encoder
def test_the_same_seed_gives_the_same_weights(name):
    keras.utils.set_random_seed(3)
    first = encoder(name).get_weights()
    keras.utils.set_random_seed(3)
    for a, b in zip(first, encoder(name).get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", ["conv", "dcgan", "gated_conv", "resnet"])
@pytest.mark.parametrize("shape", [(4,), (4, 4), (2, 4, 4, 1)])
def test_the_convolutional_networks_refuse_what_is_no_image(name, shape):
    with pytest.raises(ValueError, match=f"The {name} network .*height, width, channels"):
        ENCODERS[name](shape, 2)
    with pytest.raises(ValueError, match=f"The {name} network .*height, width, channels"):
        DECODERS[name](2, shape)


@pytest.mark.parametrize(("side", "count"), [(4, 0), (8, 1), (28, 3), (32, 3), (64, 4)])
def test_dcgan_halves_an_image_until_it_is_small(side, count):
    for network in (ENCODERS["dcgan"]((side, side, 3), 2, filters=2), DECODERS["dcgan"](2, (side, side, 3), filters=2)):
        strided = [layer for layer in network.layers if getattr(layer, "strides", None) == (2, 2)]
        assert len(strided) == count


def test_the_gated_decoder_departs_from_the_published_one_as_it_says():
    layers = DECODERS["gated_conv"](64, (28, 28, 1)).layers
    dense = [layer for layer in layers if isinstance(layer, keras.layers.Dense)]
    assert [layer.activation.__name__ for layer in dense] == ["linear"]
    strided = [layer.filters for layer in layers if getattr(layer, "strides", None) == (2, 2)]
    assert strided == [64, 64, 32, 32]  # each beside its gate
    for words in ("dense layer without a gate", "here 64, as many as the current stage"):
        assert words in " ".join(DECODERS["gated_conv"].__doc__.split())


def test_a_residual_block_starts_as_the_identity():
    network = ENCODERS["resnet"](IMAGE, 6, filters=(2,), hidden=4, blocks=2)
    for block in (layer for layer in network.layers if isinstance(layer, keras.layers.Add)):
        inner = keras.Model(network.inputs, [block.input[0], block.output])
        before, after = inner(tf.random.stateless_normal([3, *IMAGE], seed=(0, 1)))
        np.testing.assert_array_equal(before, after)
    blocks = [len(ENCODERS["resnet"](IMAGE, 6, filters=(2,), hidden=4, blocks=n).weights) for n in (0, 1, 2)]
    assert np.diff(blocks).tolist() == [4, 4]  # two convolutions with a bias each


@pytest.mark.parametrize("shape", [(4,), (4, 4), (2, 3, 4, 1)])
def test_the_mlp_networks_take_any_shape(shape):
    assert ENCODERS["mlp"](shape, 2, units=(3,))(tf.zeros([5, *shape])).shape == (5, 2)
    assert DECODERS["mlp"](2, shape, units=())(tf.zeros([5, 2])).shape == (5, *shape)


@every_encoder
def test_a_model_refuses_an_encoder_of_another_output_size(name):
    with pytest.raises(ValueError, match=r"encoder 0 must turn .* Received: \(7,\)"):
        VAE.from_names(encoder=encoder(name, 7), decoder=decoder("mlp"), input_shape=IMAGE, latent_dim=3)


@every_decoder
def test_a_model_refuses_a_decoder_of_another_output_shape(name):
    wider = DECODERS[name](3, (6, 7, 2), **SMALL.get(name, {}))
    with pytest.raises(ValueError, match=r"decoder must turn .* Received: \(6, 7, 2\)"):
        VAE.from_names(encoder=encoder("mlp"), decoder=wider, input_shape=IMAGE, latent_dim=3)


@pytest.mark.parametrize("shape", [(0, 4, 1), (None, 28, 1), (28, 28, 1.5), (28, -1, 3), 28, (28, 28)], ids=str)
@pytest.mark.parametrize("name", sorted(set(ENCODERS) - ELSEWHERE - {"mlp"}))
def test_images_of_an_impossible_shape_are_refused(name, shape):
    for build in (lambda: ENCODERS[name](shape, 6), lambda: DECODERS[name](3, shape)):
        with pytest.raises(ValueError, match=r"images (of shape|whose height)"):
            build()


@pytest.mark.parametrize("shape", [(0, 4), (None, 4), (28, -1), (28.5,), 28], ids=str)
def test_the_mlp_networks_refuse_an_impossible_shape(shape):
    for build in (lambda: ENCODERS["mlp"](shape, 6), lambda: DECODERS["mlp"](3, shape)):
        with pytest.raises(ValueError, match="The mlp network needs the shape of one observation: .* at least 1"):
            build()


@pytest.mark.parametrize("latent_dim", [0, -1, None, 2.5])
def test_the_mlp_decoder_refuses_an_impossible_code(latent_dim):
    with pytest.raises(ValueError, match="`latent_dim` must be an integer of at least 1. Received: "):
        DECODERS["mlp"](latent_dim, (4,))
