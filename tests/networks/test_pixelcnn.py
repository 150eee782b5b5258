"""The PixelCNN alone: what its outputs have seen, and that its steps are the whole."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import rme_tf
from rme_tf.core.keras_compat import layers_of
from rme_tf.networks import PixelCNNDecoder, pixelcnn_decoder
from rme_tf.networks.copies import fresh_copy
from rme_tf.networks.pixelcnn import CONDITIONINGS

D, P = 3, 4
SHAPES = [(5, 6, 3), (1, 1, 1), (1, 5, 1), (6, 1, 3), (2, 2, 1)]
KERNELS = [{"num_layers": 1}, {"num_layers": 2, "first_kernel_size": 3}, {"kernel_size": 5, "first_kernel_size": 3}]
SMALL = {"num_layers": 3, "filters": 4, "first_kernel_size": 5}

every_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)
every_conditioning = pytest.mark.parametrize("conditioning", CONDITIONINGS)


def network(shape, **options):
    """A decoder with generic weights, its biases too; codes [2, D] and images [2, *shape] for it."""
    keras.utils.set_random_seed(0)
    decoder = PixelCNNDecoder(D, (*shape[:2], P), **{**SMALL, **options})
    z = tf.random.stateless_normal([2, D], seed=(0, 1))
    x = tf.random.stateless_uniform([2, *shape], seed=(0, 2))
    decoder([z, x])
    for index, variable in enumerate(decoder.trainable_variables):
        variable.assign_add(0.2 * tf.random.stateless_normal(variable.shape, seed=(1, index), dtype=variable.dtype))
    return decoder, z, x


def influences(decoder, z, x):
    """Whether the output at a place changes with the pixel at another. Boolean [H W, H W]: pixel, output.

    In float64, where rounding and an influence through many layers are far from each other.
    """
    height, width = x.shape[1:3]
    places = height * width
    changed = np.repeat(np.asarray(x[:1]), places, axis=0).reshape(places, places, -1)
    changed[np.arange(places), np.arange(places)] = 1.0 - changed[np.arange(places), np.arange(places)]
    changed = np.concatenate([x[:1], changed.reshape(places, height, width, -1)])
    outputs = np.asarray(decoder([tf.repeat(z[:1], places + 1, axis=0), changed]))
    difference = np.abs(outputs[1:] - outputs[:1]).max(axis=-1)
    return difference.reshape(places, places) > 1e-12


@pytest.mark.parametrize("options", KERNELS, ids=str)
@pytest.mark.parametrize("size", [(8, 9), (7, 4)], ids=str)
def test_an_output_sees_every_pixel_of_its_receptive_field_and_no_other(options, size):
    decoder, z, x = network((*size, 1), dtype="float64", **options)
    config = decoder.config
    radius = config["first_kernel_size"] // 2 + (config["num_layers"] - 1) * (config["kernel_size"] // 2)
    expected = np.zeros([size[0] * size[1]] * 2, bool)
    for output, (row, column) in enumerate(np.ndindex(*size)):
        for pixel, (other_row, other_column) in enumerate(np.ndindex(*size)):
            above = 1 <= row - other_row <= radius + 1 and abs(column - other_column) <= radius
            left = row == other_row and 1 <= column - other_column <= radius + 1
            expected[pixel, output] = above or left
    np.testing.assert_array_equal(influences(decoder, z, x), expected)


def test_a_deep_one_sees_all_that_came_before_and_nothing_after():
    """With every pixel in reach: the influences are those of the order itself."""
    decoder, z, x = network((4, 5, 3), num_layers=4, dtype="float64")
    np.testing.assert_array_equal(influences(decoder, z, x), np.triu(np.ones((20, 20), bool), k=1))


@every_shape
@every_conditioning
def test_steps_equal_the_whole(shape, conditioning):
    decoder, z, x = network(shape, conditioning=conditioning)
    whole = np.asarray(decoder([z, x]))
    assert whole.shape == (2, *shape[:2], P)
    assert np.isfinite(whole).all()
    state, previous = decoder.initial_state(z), tf.fill([2, shape[2]], 0.7)  # before the first pixel is none
    for row, column in np.ndindex(*shape[:2]):
        params, state = decoder.step(previous, state, z)
        np.testing.assert_allclose(params, whole[:, row, column], rtol=1e-4, atol=1e-5)
        previous = x[:, row, column]


@every_conditioning
def test_it_depends_on_z_unless_told_not_to(conditioning):
    decoder, z, x = network((4, 5, 1), conditioning=conditioning)
    difference = np.abs(decoder([z, x]) - decoder([2.0 * z + 1.0, x])).max(axis=(0, 3))  # [H, W]
    assert (difference > 0).all() if conditioning != "none" else (difference == 0).all()
    where_it_begins = np.asarray(decoder([z, tf.zeros_like(x)]))[:, 0, 0]
    if conditioning != "none":
        assert np.abs(where_it_begins[0] - where_it_begins[1]).max() > 0


@pytest.mark.slow
def test_a_map_of_z_tells_places_apart_that_look_alike():
    """Far from the borders a constant image looks the same everywhere; only a map can break the tie."""
    spread = {}
    for conditioning in CONDITIONINGS:
        decoder, z, _ = network((16, 16, 1), conditioning=conditioning, num_layers=2, first_kernel_size=3)
        middle = np.asarray(decoder([z, tf.ones([2, 16, 16, 1])]))[:, 4:12, 4:12]
        spread[conditioning] = np.ptp(middle, axis=(1, 2)).max()
    assert max(spread["none"], spread["bias"]) < 1e-5
    assert min(spread["map"], spread["both"]) > 1e-2


def test_all_weights_get_gradients_and_rows_are_independent():
    decoder, z, x = network((5, 6, 3))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.square(decoder([z, x]) - 1.0))
    for gradient in tape.gradient(loss, [variable.value for variable in decoder.trainable_variables]):
        assert np.isfinite(gradient).all()
        assert np.abs(gradient).max() > 0
    others = [tf.concat([part[:1], 0.5 - part[1:]], axis=0) for part in (z, x)]
    np.testing.assert_allclose(decoder(others)[0], decoder([z, x])[0], rtol=1e-5, atol=1e-6)
    assert not any(isinstance(layer, keras.layers.BatchNormalization) for layer in layers_of(decoder))


@pytest.mark.slow
def test_a_copy_has_the_configuration_and_new_weights():
    decoder, z, x = network((5, 6, 3), conditioning="map")
    copy = fresh_copy(decoder)
    assert copy.get_config() == decoder.get_config()
    assert np.abs(copy([z, x]) - decoder([z, x])).max() > 1e-3
    copy.set_weights(decoder.get_weights())
    np.testing.assert_allclose(copy([z, x]), decoder([z, x]), rtol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_layers": 0}, "`num_layers` must be an integer of at least 1. Received: 0"),
        ({"filters": 0}, "`filters` must be an integer of at least 1"),
        ({"kernel_size": 4}, "`kernel_size` must be an odd integer of at least 3. Received: 4"),
        ({"first_kernel_size": 1}, "`first_kernel_size` must be an odd integer of at least 3"),
        ({"conditioning": "film"}, "`conditioning` must be one of .*'bias', 'both', 'map', 'none'.* 'film'"),
    ],
    ids=str,
)
def test_options_out_of_range_raise(options, message):
    with pytest.raises(ValueError, match=message):
        pixelcnn_decoder(D, (4, 4, 1), **options)


@pytest.mark.parametrize("shape", [(4,), (4, 4), (2, 4, 4, 1)], ids=str)
def test_what_is_no_image_is_refused(shape):
    with pytest.raises(ValueError, match="The pixelcnn network .*height, width, channels"):
        pixelcnn_decoder(D, shape)


def vae_of(decoder):
    return rme_tf.VAE.from_names(encoder="mlp", decoder=decoder, input_shape=(4, 4, 1), latent_dim=2)


def test_a_model_refuses_it_where_the_shape_is_another():
    with pytest.raises(ValueError, match=r"decoder must turn .* into outputs of shape \(4, 4, 1\)"):
        vae_of(pixelcnn_decoder(2, (4, 4, 3), num_layers=1, filters=2))
    with pytest.raises(ValueError, match=r"images of 4 x 5 pixels. Received: \(4, 4\)"):
        vae_of(pixelcnn_decoder(2, (4, 5, 1), num_layers=1, filters=2))
