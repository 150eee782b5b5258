"""One ready network for all components, and what else copies networks: all that Keras would save of one is copied."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from rme_tf import ELBO, VAE, RecursiveMixture
from rme_tf.algorithms.warm_start import copy_first_encoder
from rme_tf.callbacks import ResetDecoder, ResumableCheckpoint
from rme_tf.core.keras_compat import layers_of
from rme_tf.networks import copies

layers = keras.layers
PIXELS, PARAMS = 5, 4
DATA = np.random.default_rng(0).integers(0, 2, size=(16, PIXELS)).astype("float32")


def normalization(adapted=True):
    layer = layers.Normalization()
    if adapted:
        layer.adapt(DATA)
    return layer


def randomised(network):
    """Weights as after a training: none at zero or one."""
    generator = np.random.default_rng(1)
    for weight in network.weights:
        if weight.path.rpartition("/")[2] not in ("mean", "variance", "count"):
            weight.assign(generator.random(weight.shape) + 0.1)
    return network


def sequential(adapted=True):
    frozen = layers.Dense(6, activation="tanh", trainable=False)
    parts = [normalization(adapted), frozen, layers.BatchNormalization(), layers.Dense(PARAMS)]
    return randomised(keras.Sequential([layers.Input((PIXELS,)), *parts]))


def functional():
    x = keras.Input((PIXELS,))
    frozen = layers.Dense(6, activation="tanh", trainable=False)
    outputs = layers.BatchNormalization()(frozen(normalization()(x)))
    return randomised(keras.Model(x, layers.Dense(PARAMS)(outputs)))


@keras.saving.register_keras_serializable("test_copies")
class Subclassed(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.parts = [normalization(False), layers.Dense(6), layers.BatchNormalization(), layers.Dense(PARAMS)]

    def build(self, input_shape):
        for part, size in zip(self.parts, (PIXELS, PIXELS, 6, 6), strict=True):
            part.build((None, size))

    def call(self, x, training=False):
        for part in self.parts:
            x = part(x, training=training) if isinstance(part, layers.BatchNormalization) else part(x)
        return x


def subclassed():
    network = Subclassed()
    network(DATA)
    network.parts[0].adapt(DATA)
    network.parts[1].trainable = False  # of which the configuration knows nothing
    network.parts[2].gamma.trainable = False
    return randomised(network)


def unbuilt():
    """Of layers that are built by `adapt` alone."""
    return keras.Sequential([normalization(), layers.Dense(PARAMS)])


KINDS = {"functional": functional, "sequential": sequential, "subclassed": subclassed, "unbuilt": unbuilt}


def vae(encoder, decoder="mlp", **choices):
    sizes = {"input_shape": (PIXELS,), "latent_dim": 2, "num_components": 3, "seed": 0}
    return VAE.from_names(encoder=encoder, decoder=decoder, **{**sizes, **choices})


def check_same(network, other):
    """All but the noise of what trains; the same weights train."""
    assert [weight.trainable for weight in network.weights] == [weight.trainable for weight in other.weights]
    frozen, its_frozen = ([layer.trainable for layer in layers_of(each)] for each in (network, other))
    assert frozen == its_frozen
    for own, its in zip(network.weights, other.weights, strict=True):
        a, b = own.numpy(), its.numpy()
        if own.trainable and np.any(a):
            assert (a != b).all(), own.path
            # The largest of 30 normal numbers is hardly above 4.
            assert np.abs(a - b).max() < 5 * copies.NOISE * np.sqrt(np.mean(a**2)), own.path
        else:
            np.testing.assert_array_equal(a, b, err_msg=own.path)


def normalizations(network):
    return [layer for layer in layers_of(network) if isinstance(layer, layers.Normalization)]


@pytest.mark.slow
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_ready_encoder_reaches_every_component_at_once_and_survives_save_and_load(kind, tmp_path):
    network = KINDS[kind]()
    model = vae(network)
    assert model.encoders[0] is network
    for encoder in model.encoders[1:]:
        check_same(network, encoder)
        np.testing.assert_array_equal(normalizations(encoder)[0].mean, normalizations(network)[0].mean)
    assert np.abs(np.diff(model(DATA)["means"], axis=1)).max() < 0.3  # as the noise is small
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for name, values in model(DATA).items():
        np.testing.assert_array_equal(loaded(DATA)[name], values)


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", [ELBO(), RecursiveMixture(warm_start_epochs=1)], ids=["elbo", "warm start"])
@pytest.mark.usefixtures("eagerly")
def test_frozen_and_adapted_layers_stay_so_in_training(algorithm):
    network = sequential()
    frozen = network.layers[1].get_weights()
    model = vae(network)
    model.compile(keras.optimizers.SGD(0.01), algorithm)
    model.fit(DATA, epochs=2, verbose=0)
    for encoder in model.encoders:
        for a, b in zip(frozen, encoder.layers[1].get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(encoder.layers[0].mean, network.layers[0].mean)


def test_copies_come_from_the_seed_and_differ_in_noise_alone():
    kernels = []
    for seed in (0, 0, 1):
        keras.utils.set_random_seed(5)
        model = vae(sequential(), seed=seed)
        kernels.append([encoder.layers[-1].get_weights()[0] for encoder in model.encoders])
    np.testing.assert_array_equal(kernels[0], kernels[1])
    assert (kernels[0][1] != kernels[2][1]).all()
    assert (kernels[0][1] != kernels[0][2]).all()


def test_components_that_begin_as_one_part_by_the_noise_of_their_samples():
    """Weights of zero get no noise, which has their scale."""
    last = layers.Dense(PARAMS, kernel_initializer="zeros")
    model = vae(keras.Sequential([layers.Input((PIXELS,)), layers.Dense(6, trainable=False), last]))
    kernels = [encoder.layers[-1].kernel for encoder in model.encoders]
    assert all((kernel.numpy() == 0.0).all() for kernel in kernels)
    model.compile(keras.optimizers.SGD(0.1), ELBO())
    model.algorithm.step(model, tf.constant(DATA), tf.constant([1, 2]))
    assert (kernels[0].numpy() != kernels[1].numpy()).all()


def test_copies_drop_units_by_random_numbers_of_their_own():
    network = keras.Sequential([layers.Input((PIXELS,)), layers.Dropout(0.5), layers.Dense(PARAMS)])
    model = vae(network)
    states = {tuple(encoder.layers[0].seed_generator.state.numpy()) for encoder in model.encoders}
    assert len(states) == 3


TOKENS = np.random.default_rng(0).integers(0, 9, size=(16, PIXELS))
WORDS = np.array([["a b"], ["b c"], ["d d"]])


def discretization():
    return (
        layers.Discretization(num_bins=3, output_mode="multi_hot"),
        np.random.default_rng(0).random((9, 2)),
        "float32",
    )


ADAPTED = {
    "discretization": discretization,
    "integer lookup": lambda: (layers.IntegerLookup(output_mode="multi_hot"), TOKENS, "int64"),
    "integer lookup, ids": lambda: (layers.IntegerLookup(), TOKENS, "int64"),
    "string lookup": lambda: (layers.StringLookup(output_mode="count"), WORDS, "string"),
    "text vectorization": lambda: (layers.TextVectorization(output_mode="tf_idf"), WORDS[:, 0], "string"),
    "normalization": lambda: (layers.Normalization(axis=None), DATA, "float32"),
}


@pytest.mark.parametrize("name", sorted(ADAPTED))
@pytest.mark.parametrize("built", [True, False])
def test_every_layer_that_keras_adapts_is_copied(name, built):
    layer, data, dtype = ADAPTED[name]()
    layer.adapt(data)
    first = [layers.Input(data.shape[1:], dtype=dtype)] if built else []
    network = keras.Sequential([*first, layer])
    data = tf.constant(data)
    outputs = network(data) if built else layer(data)
    (copy,) = copies.copies_of(network, 1)
    np.testing.assert_array_equal(copy(data), outputs)
    assert copy.layers[-1] is not layer


# The end of a warm start.


def test_a_warm_start_copies_what_layers_keep_beside_their_weights():
    pair = [sequential(), sequential(adapted=False)]
    assert copy_first_encoder(pair, noise=0.0, seed=0)
    np.testing.assert_array_equal(pair[0](DATA), pair[1](DATA))
    layer, data, dtype = ADAPTED["string lookup"]()
    layer.adapt(data)
    other, *_ = ADAPTED["string lookup"]()
    other.adapt(np.array([["e f"], ["g h"], ["i j"]]))
    pair = [keras.Sequential([layers.Input((1,), dtype=dtype), each]) for each in (layer, other)]
    assert copy_first_encoder(pair, noise=0.0, seed=0)
    np.testing.assert_array_equal(pair[0](tf.constant(data)), pair[1](tf.constant(data)))


def test_a_warm_start_of_plain_layers_traces_no_more_than_before():
    pair = [keras.Sequential([layers.Input((PIXELS,)), layers.Dense(3), layers.BatchNormalization()]) for _ in "ab"]
    assert not copy_first_encoder(pair, noise=0.1, seed=0)


@pytest.mark.slow
def test_what_was_compiled_in_the_warm_start_sees_what_it_copies():
    model = vae([sequential(), sequential(adapted=False)], num_components=2)
    model.compile("sgd", RecursiveMixture(warm_start_epochs=1, warm_start_noise=0.0))
    note = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: model.predict(DATA, verbose=0))
    model.fit(DATA, epochs=2, validation_data=(DATA,), callbacks=[note], verbose=0)
    np.testing.assert_allclose(model.predict(DATA, verbose=0)["means"], model(DATA)["means"], rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_a_resumed_training_normalizes_as_the_interrupted_one_did(tmp_path):
    outputs = []
    for adapted in (True, False):
        model = vae(sequential(adapted), num_components=1)
        model.compile("sgd", ELBO())
        checkpoint = ResumableCheckpoint(model, tmp_path)
        if adapted:
            model.fit(DATA, callbacks=[checkpoint], verbose=0)
        outputs.append(model(DATA)["means"])
    np.testing.assert_array_equal(*outputs)


# The decoder begins anew.


def test_a_decoder_that_begins_anew_keeps_what_was_frozen_or_adapted(tmp_path):
    codes = layers.Normalization()
    codes.adapt(np.random.default_rng(0).normal(3.0, 2.0, size=(9, 2)))
    frozen = [layers.Dense(6, trainable=False, activation="tanh"), layers.BatchNormalization(trainable=False)]
    trains = [layers.BatchNormalization(center=False, scale=False), layers.Dense(PIXELS)]
    decoder = randomised(keras.Sequential([layers.Input((2,)), codes, *frozen, *trains]))
    model = vae("mlp", decoder, num_components=1, encoder_options={"units": (3,)})
    model.compile("adam", ELBO())
    before = [layer.get_weights() for layer in decoder.layers]
    callback = ResetDecoder(0)
    callback.set_model(model)
    callback.on_epoch_begin(0)
    for index, layer in enumerate(decoder.layers):
        for old, new in zip(before[index], layer.get_weights(), strict=True):
            assert (old != new).all() if index >= 3 else (old == new).all(), layer.name
    np.testing.assert_array_equal(decoder.layers[3].moving_mean.value, 0.0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    z = np.ones((3, 2), "float32")
    np.testing.assert_array_equal(loaded.decoder(z), decoder(z))
