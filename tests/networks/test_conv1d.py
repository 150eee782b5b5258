"""Convolutional networks of signals [T, C]: any number of steps, options, and shapes that are refused."""

import math
import re

import keras
import numpy as np
import pytest
import tensorflow as tf

import rme_tf
from rme_tf.networks import conv1d_decoder, conv1d_encoder, images
from test_networks import check_network

SMALL = {"filters": (2, 3), "hidden": 4}
SIGNAL = (13, 2)
every_build = pytest.mark.parametrize("build", ["encoder", "decoder"])


def built(build, shape, **options):
    if build == "encoder":
        return conv1d_encoder(shape, 6, **options)
    return conv1d_decoder(3, shape, **options)


def test_an_encoder_turns_signals_into_params():
    x = tf.random.stateless_normal([4, *SIGNAL], seed=(0, 1))
    check_network(conv1d_encoder(SIGNAL, 6, **SMALL), x, (4, 6))


def test_a_decoder_turns_codes_into_signals():
    check_network(conv1d_decoder(3, SIGNAL, **SMALL), tf.random.stateless_normal([4, 3], seed=(0, 1)), (4, *SIGNAL))


@pytest.mark.parametrize("steps", [1, 2, 7, 8, 30])
@pytest.mark.parametrize("options", [{}, {"strides": 1}, {"strides": 3, "kernel_size": 6}, {"filters": (2,)}], ids=str)
def test_any_number_of_steps(steps, options):
    options = {**SMALL, **options}
    assert conv1d_encoder((steps, 2), 5, **options).output_shape == (None, 5)
    assert conv1d_decoder(2, (steps, 2), **options).output_shape == (None, steps, 2)


@pytest.mark.parametrize("steps", [1, 7])
def test_a_signal_of_one_channel_needs_no_axis_of_channels(steps):
    x = tf.random.stateless_normal([4, steps, 1], seed=(0, 1))
    with_axis, without = conv1d_encoder((steps, 1), 5, **SMALL), conv1d_encoder((steps,), 5, **SMALL)
    without.set_weights(with_axis.get_weights())
    np.testing.assert_array_equal(without(x[..., 0]), with_axis(x))
    with_axis, without = conv1d_decoder(3, (steps, 1), **SMALL), conv1d_decoder(3, (steps,), **SMALL)
    without.set_weights(with_axis.get_weights())
    z = tf.random.stateless_normal([4, 3], seed=(0, 1))
    np.testing.assert_array_equal(without(z), with_axis(z)[..., 0])


def test_each_convolution_shortens_the_signal_by_its_stride():
    network = conv1d_encoder((27, 2), 5, filters=(2, 3), strides=3, hidden=4)
    lengths = [layer.output.shape[1] for layer in network.layers if isinstance(layer, keras.layers.Conv1D)]
    assert lengths == [9, 3]


def test_features_are_what_is_before_the_last_layer():
    assert conv1d_encoder(SIGNAL, None, **SMALL).output_shape == (None, 4)
    assert conv1d_encoder(SIGNAL, 5, name="named", **SMALL).name == conv1d_decoder(2, SIGNAL, name="named").name


@every_build
@pytest.mark.parametrize("shape", [(8, 4, 1), 8, (None,), (0,), (), (None, 3), (0, 3), (8, 1.5), (-1, 2)], ids=str)
def test_what_is_no_signal_is_refused(build, shape):
    with pytest.raises(ValueError, match=r"The conv1d network needs signals (of shape|whose steps).*Received: "):
        built(build, shape)


def test_signals_of_several_lengths_are_refused_with_a_remedy():
    with pytest.raises(ValueError, match="Cut or pad the signals to one length"):
        conv1d_encoder((None, 3), 4)


@every_build
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"strides": 5}, "`strides` must be at most `kernel_size`, 4. Received: 5."),
        ({"kernel_size": 0}, "`kernel_size` must be an integer of at least 1"),
        ({"filters": (0,)}, "`filters` must be a sequence"),
        ({"hidden": 0}, "`hidden` must be an integer of at least 1"),
    ],
    ids=str,
)
def test_options_are_checked(build, options, words):
    with pytest.raises(ValueError, match=words):
        built(build, SIGNAL, **options)


def test_a_decoder_needs_a_convolution():
    with pytest.raises(ValueError, match="`filters` must be a sequence of one or more"):
        conv1d_decoder(2, SIGNAL, filters=())


@every_build
def test_what_is_far_too_large_is_refused_before_there_are_weights(build):
    with pytest.raises(ValueError, match=r"would have [\d,]+ weights. Expected at most .* shortens the signal"):
        built(build, (10**8, 3))


@every_build
def test_the_number_that_is_refused_is_that_of_the_weights(build, monkeypatch):
    actual = built(build, (4000, 3)).count_params()
    monkeypatch.setattr(images, "MAX_WEIGHTS", 0)
    with pytest.raises(ValueError, match="would have") as refusal:
        built(build, (4000, 3))
    named = int(re.search(r"would have ([\d,]+) weights", str(refusal.value))[1].replace(",", ""))
    assert 0.5 * actual < named <= actual


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_a_model_of_signals_by_name_learns_them(tmp_path):
    """Sines of two frequencies: their signs and phases are in the code, and a loaded model says the same."""
    rng = np.random.default_rng(0)
    time, phase = np.arange(24.0)[:, None], rng.uniform(0.0, 2.0 * math.pi, (32, 1, 1))
    x = np.sin(2.0 * math.pi * time / 12.0 + phase + np.array([0.0, 1.0])).astype("float32")
    model = rme_tf.VAE.from_names(
        encoder="conv1d",
        decoder="conv1d",
        input_shape=x.shape[1:],
        latent_dim=2,
        num_components=2,
        trunk="shared",
        likelihood="normal",
        likelihood_options={"interval": None, "scale": "decoded"},
        encoder_options={"filters": (4, 8), "hidden": 16},
        decoder_options={"filters": (4, 8), "hidden": 16},
        seed=0,
    )
    model.compile(keras.optimizers.Adam(0.03), rme_tf.RecursiveMixture(warm_start_epochs=1))
    elbo = model.fit(x, epochs=6, batch_size=32, verbose=0).history["elbo"]
    assert elbo[-1] > elbo[0] + 5.0
    model.save(tmp_path / "signals.keras")
    loaded = keras.saving.load_model(tmp_path / "signals.keras")
    np.testing.assert_allclose(loaded.reconstruct(x[:3]), model.reconstruct(x[:3]), rtol=1e-5)
