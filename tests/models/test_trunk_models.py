"""Models whose encoders share a trunk: built from names and from parts, saved, resumed and served."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import rme_tf
from definition import algorithm
from rme_tf import VAE
from rme_tf.callbacks import ResumableCheckpoint
from rme_tf.networks import ENCODERS
from test_export import answers_of
from test_lstm import ROWS, build_text_model, log_lik
from test_trunk import LATENT, PIXELS, network, trunk_model

SHAPES = {"conv": (5, 7, 2), "mlp": (5,)}
SMALL = {"conv": {"filters": (2, 3), "hidden": 4}, "mlp": {"units": (4,)}}


def shared(name="mlp", num_components=3, *, encoder_options=None, **choices):
    return VAE.from_names(
        **{"encoder": name, "trunk": "shared", "decoder": "mlp", **choices},
        encoder_options={**SMALL[name], **(encoder_options or {})},
        decoder_options={"units": (4,)},
        input_shape=SHAPES[name],
        latent_dim=LATENT,
        num_components=num_components,
        seed=0,
    )


@pytest.mark.parametrize("name", sorted(SMALL))
@pytest.mark.parametrize("mixing", ["uniform", "learned"])
def test_every_encoder_has_a_trunk_and_last_layers(name, mixing):
    model = shared(name, mixing=mixing)
    x = np.zeros((2, *SHAPES[name]), np.float32)
    assert model.trunk(x).shape == (2, 4)
    assert [tuple(head.kernel.shape) for head in model.encoders] == [(4, 2 * LATENT)] * 3
    assert model(x)["means"].shape == (2, 3, LATENT)
    assert (model.mixing_network is not None) == (mixing == "learned")
    whole = ENCODERS[name](SHAPES[name], 2 * LATENT, **SMALL[name])
    whole.set_weights([*model.trunk.get_weights(), *model.encoders[1].get_weights()])
    np.testing.assert_allclose(whole(x), model.encoders[1](model.trunk(x)), rtol=1e-6)


def test_one_component_shares_with_nobody():
    model = shared(num_components=1, mixing="learned")
    assert model.mixing_network is None
    assert model.count_params() == shared(num_components=1, trunk=None).count_params()


def test_one_more_component_is_one_more_last_layer():
    counts = [shared(num_components=m).count_params() for m in (1, 2, 3)]
    assert np.diff(counts).tolist() == [(4 + 1) * 2 * LATENT] * 2


def test_one_head_is_copied_for_every_component(binary_data):
    model = trunk_model(3, encoder=network(6, 2 * LATENT))
    assert model.num_components == 3
    assert model(binary_data())["means"].shape == (3, 3, LATENT)


TWO_OUTPUTS = keras.Model(inputs := keras.Input((PIXELS,)), [inputs, inputs])


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"trunk": "lstm"}, "one of: 'amortised', .* Received: 'lstm'"),
        ({"trunk": True}, "observations -> features. Received: True"),
        ({"trunk": TWO_OUTPUTS}, "one output, a tensor.* Received: list"),
        ({"trunk": "shared"}, "needs the name of an encoder"),
        ({"encoder": "mlp"}, "encoders of your own, features -> params.* encoder 'mlp'"),
        ({"trunk": network(PIXELS, 7)}, "incompatible|expected"),
        ({"trunk": network(4, 6)}, "incompatible|expected"),
        ({"encoder": network(6, 3)}, r"encoder 0 must turn inputs of shape \(6,\) .* \(4,\). Received: \(3,\)"),
        ({"mixing_network": network(6, 7), "mixing": "learned"}, "mixing network must turn inputs of shape"),
    ],
    ids=str,
)
def test_a_trunk_that_does_not_fit_is_refused(choices, words):
    with pytest.raises(ValueError, match=words):
        trunk_model(**choices)


def test_a_head_that_has_weights_of_the_trunk_is_refused():
    trunk = network(PIXELS, PIXELS)
    with pytest.raises(ValueError, match="needs weights of its own.* in encoder 0 and trunk"):
        trunk_model(1, trunk=trunk, encoder=[keras.Sequential([trunk, network(PIXELS, 2 * LATENT)])])
    with pytest.raises(ValueError, match="needs weights of its own.* in mixing network and trunk"):
        trunk_model(6, trunk=trunk, encoder=network(PIXELS, 2 * LATENT), mixing="learned", mixing_network=trunk)


def test_an_encoder_without_features_cannot_be_shared():
    with pytest.raises(ValueError, match="'constant' encoder has no features"):
        shared(encoder="constant")


# Life on disk.


@pytest.mark.slow
@pytest.mark.parametrize(
    "build",
    [
        lambda: shared(mixing="learned", encoder_options={"mean_scale": 0.6}),
        lambda: trunk_model(2, mixing="learned"),
        lambda: build_text_model(2, trunk="shared", encoder_options={"bidirectional": True}),
    ],
    ids=["names", "own", "text"],
)
def test_a_model_comes_back_from_disk(binary_data, tmp_path, build):
    model = build()
    x = ROWS if model.autoregressive else binary_data()
    model.compile("sgd", algorithm(warm_start_epochs=1))
    for variable in model.variables:
        if variable.dtype == "float32":
            variable.assign_add(0.1 * tf.random.stateless_uniform(variable.shape, seed=(0, 1)))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert len(loaded.trainable_variables) == len(model.trainable_variables)
    assert loaded.algorithm == model.algorithm
    expected, result = (each.predict(x, verbose=0) for each in (model, loaded))
    for name, value in expected.items():
        np.testing.assert_array_equal(result[name], value)


@pytest.mark.slow
def test_training_resumes_exactly(binary_data, tmp_path):
    x, states = binary_data(8), []
    for interrupted in (False, True):
        keras.utils.set_random_seed(1)
        for epochs in (1, 2) if interrupted else (2,):
            model = shared(num_components=2)
            model.compile(keras.optimizers.Adam(0.01), algorithm(), run_eagerly=True)
            callback = ResumableCheckpoint(model, tmp_path / str(interrupted))
            options = {"epochs": epochs, "initial_epoch": callback.epoch, "shuffle": False, "verbose": 0}
            model.fit(x, callbacks=[callback], **options)
        states.append([variable.numpy() for variable in model.trainable_variables])
    for one, other in zip(*states, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_a_text_model_with_a_trunk_trains_and_is_served(tmp_path):
    model = build_text_model(2, trunk="shared", mixing="learned", encoder_options={"bidirectional": True})
    model.compile(keras.optimizers.SGD(0.5), rme_tf.RecursiveMixture(warm_start_epochs=1))
    history = model.fit(np.repeat(ROWS, 20, axis=0), epochs=10, batch_size=20, verbose=0).history
    assert history["elbo"][-1] > history["elbo"][0] + 2.0
    assert np.isfinite(log_lik(model, ROWS)).all()
    answers = answers_of(model, ROWS, "", tmp_path, max_length=6)
    for name, value in model(tf.constant(ROWS)).items():
        np.testing.assert_allclose(answers[name], value, atol=1e-5, err_msg=name)
