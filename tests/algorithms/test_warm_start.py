"""The warm start: who moves, who waits, and what the losses of layers have to do with it."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from rme_tf import ELBO, VAE, RecursiveMixture
from rme_tf.algorithms.warm_start import copy_first_encoder

ALGORITHMS = {
    "elbo": ELBO(warm_start_epochs=1),
    "joint": RecursiveMixture(update="joint", warm_start_epochs=1),
    "sequential": RecursiveMixture(update="sequential", warm_start_epochs=1),
}

every_algorithm = pytest.mark.parametrize("algorithm", ALGORITHMS.values(), ids=ALGORITHMS)


def regularised_model(**regularisers):
    def encoder():
        layers = [keras.layers.Input((5,)), keras.layers.Dense(3, activation="tanh", **regularisers)]
        return keras.Sequential([*layers, keras.layers.Dense(4)])

    sizes = {"input_shape": (5,), "latent_dim": 2, "num_components": 2}
    return VAE.from_names(encoder=[encoder(), encoder()], decoder="mlp", decoder_options={"units": (4,)}, **sizes)


@every_algorithm
@pytest.mark.parametrize(
    ("regulariser", "eager"),
    [
        pytest.param(None, True, id="plain"),
        pytest.param(keras.regularizers.L2(0.1), True, id="decaying"),
        pytest.param(keras.regularizers.L2(0.1), False, id="decaying, compiled", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("mixing", ["uniform", "learned"])
def test_who_waits_does_not_move(tiny_model, binary_data, eagerly, algorithm, regulariser, eager, mixing):
    """Neither by its objective, nor by weight decay, nor by its regularisers."""
    tf.config.run_functions_eagerly(eager)
    model = tiny_model(2, mixing=mixing)
    for layer in model.encoders[1].layers:
        layer.kernel_regularizer = regulariser
        if getattr(layer, "kernel", None) is not None:
            layer.kernel.regularizer = regulariser
    model.compile(keras.optimizers.AdamW(0.01, weight_decay=0.1), algorithm)
    waiting = [model.encoders[1], *([model.mixing_network] if mixing == "learned" else [])]
    before = [weight for network in waiting for weight in network.get_weights()]
    first = model.encoders[0].get_weights()
    with pytest.warns(UserWarning, match="warm start"):
        model.fit(binary_data(8), epochs=1, verbose=0)
    after = [weight for network in waiting for weight in network.get_weights()]
    for a, b in zip(before, after, strict=True):
        np.testing.assert_array_equal(a, b)
    assert any((a != b).any() for a, b in zip(first, model.encoders[0].get_weights(), strict=True))


@pytest.mark.slow
@every_algorithm
def test_activity_regularisers_live_through_a_warm_start(binary_data, algorithm):
    """What idle layers added to the losses of another graph must not reach this one."""
    model, x = regularised_model(activity_regularizer=keras.regularizers.L2(0.1)), binary_data(8)
    model.compile("sgd", algorithm)
    history = model.fit(x, epochs=2, validation_data=x, verbose=0).history
    assert np.isfinite(history["val_loss"]).all()


@pytest.mark.usefixtures("eagerly")
def test_the_loss_counts_each_activity_once(binary_data):
    model, x = regularised_model(activity_regularizer=keras.regularizers.L2(0.1)), binary_data(8)
    model.compile("sgd", RecursiveMixture(warm_start_epochs=0))
    result = model.evaluate(x, verbose=0, return_dict=True)
    # Keras divides an activity regulariser's loss by the batch size.
    activity = sum(0.1 * np.square(encoder.layers[0](x)).sum() / len(x) for encoder in model.encoders)
    assert result["loss"] + result["elbo"] == pytest.approx(float(activity), rel=1e-4)


@pytest.mark.filterwarnings("error")
def test_copies_are_noisy_and_of_the_first(tiny_model):
    model = tiny_model(3)
    copy_first_encoder(model.encoders, noise=0.01, seed=3)
    first = np.concatenate([weight.ravel() for weight in model.encoders[0].get_weights()])
    for encoder in model.encoders[1:]:
        noise = np.concatenate([weight.ravel() for weight in encoder.get_weights()]) - first
        assert 0.005 < noise.std() < 0.02
        assert (noise != 0).all()


@pytest.mark.parametrize("name", ["num_samples", "warm_start_epochs"])
@pytest.mark.parametrize("value", [1.5, 2.0, -1, "1", float("nan"), float("inf")])
def test_counts_that_are_no_counts_are_refused(name, value):
    with pytest.raises(ValueError, match=f"`{name}` must be an integer"):
        ELBO(**{name: value})
