"""The default of `jit_compile`, and the precision of recurrent layers on a GPU."""

import dataclasses
import pathlib
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

import rme_tf
from conftest import build_tiny_model
from rme_tf.core.determinism import is_deterministic
from rme_tf.experiments.recipes import factories
from rme_tf.experiments.runs import runner
from rme_tf.models.execution import default_jit_compile, recurrent_layers
from small_recipes import image_recipe
from test_lstm import ROWS, build_text_model

GPU = tf.config.PhysicalDevice("/physical_device:GPU:0", "GPU")
DOCUMENT = (pathlib.Path(__file__).parents[2] / "docs" / "gpu.md").read_text(encoding="utf-8")


@pytest.fixture
def gpu(monkeypatch):
    """A GPU is visible, and Keras would compile by XLA; nothing runs on it."""
    devices = tf.config.list_physical_devices

    def listed(device_type=None):
        return [GPU] if device_type == "GPU" else [*devices(device_type), *([GPU] if device_type is None else [])]

    monkeypatch.setattr(tf.config, "list_physical_devices", listed)


def counting(model):
    """A model of the user's, one of whose layers counts in int32."""
    model.decoder.counter = model.decoder.add_weight(name="counter", shape=(), dtype="int32", trainable=False)
    return model


MODELS = {
    "several steps an execution are faster": lambda build: build(2),
    "recurrent layers run on cuDNN": lambda build: build_text_model(2),
    "a refinement was not measured": lambda build: build(1, refinement="sa"),
    "no posterior but the diagonal normal was measured": lambda build: build(1, posterior="householder"),
    "a variable is int32, which TensorFlow keeps in the host's memory": lambda build: counting(build(1)),
}


@pytest.mark.parametrize("reason", MODELS)
def test_the_default_on_a_gpu_is_by_measurement(reason, tiny_model, gpu):
    model = MODELS[reason](tiny_model)
    model.compile("adam", "elbo", steps_per_execution=10)
    assert model.jit_compile == (reason == "several steps an execution are faster")
    if model.jit_compile:
        assert default_jit_compile(model) == (True, reason)
    else:
        model.jit_compile = True  # as Keras had it
        assert default_jit_compile(model) == (False, reason)
    assert reason in DOCUMENT


def test_steps_that_are_chosen_are_several(tiny_model, gpu):
    model = tiny_model(2)
    model.compile("adam")
    assert model.jit_compile is True
    assert default_jit_compile(model) == (True, "several steps an execution are faster")


def test_an_autoregressive_decoder_is_not_compiled_by_xla(tiny_model, gpu, monkeypatch):
    model = tiny_model(1)
    model.compile("adam", "elbo", steps_per_execution=10)
    monkeypatch.setattr(type(model), "autoregressive", True)
    assert default_jit_compile(model).reason == "an autoregressive decoder was not measured"
    assert default_jit_compile(model).reason in DOCUMENT


def test_one_step_an_execution_runs_in_the_graph(tiny_model, gpu):
    model = tiny_model(2)
    model.compile("adam", steps_per_execution=1)
    assert model.jit_compile is False
    model.jit_compile = True
    assert default_jit_compile(model) == (False, "one step an execution is as fast in the graph")
    assert default_jit_compile(model).reason in DOCUMENT


def test_without_a_gpu_it_is_the_graph(tiny_model):
    model = tiny_model(2)
    model.compile("adam", steps_per_execution=10)
    assert model.jit_compile is False
    assert default_jit_compile(model) == (False, "there is no GPU")
    assert "there is no GPU" in DOCUMENT


def test_what_keras_finds_impossible_stays_so(tiny_model, gpu):
    model = tiny_model(2)
    model.decoder.layers[-1].supports_jit = False
    model.compile("adam", steps_per_execution=10)
    assert default_jit_compile(model) == (False, "Keras compiles no such model by XLA")
    assert default_jit_compile(model).reason in DOCUMENT


def test_a_model_that_was_never_compiled_predicts_in_the_graph(tiny_model, gpu):
    assert tiny_model(2).jit_compile is False


@pytest.mark.parametrize("asked", [True, False, "auto"])
def test_what_is_asked_for_is_honoured_and_saved(asked, tiny_model, gpu, tmp_path, monkeypatch):
    model = tiny_model(2)
    model.compile("adam", jit_compile=asked, steps_per_execution=1)  # for which "auto" is the graph
    assert model.jit_compile == (asked is True)
    assert model.get_compile_config()["jit_compile"] == asked
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.jit_compile == (asked is True)
    assert loaded.get_compile_config()["jit_compile"] == asked


def test_a_recipe_that_asks_for_xla_gets_it(monkeypatch, tmp_path):
    """Where TensorFlow's operations are made deterministic, Keras compiles nothing by XLA."""
    found = {}

    def make(recipe, callbacks, page):
        found[recipe.jit_compile] = is_deterministic()
        return factories.make_model(recipe, {"input_shape": (5,)})

    monkeypatch.setattr(runner, "_run", make)
    sizes = {"encoder": "mlp", "decoder": "mlp", "mlp_units": (3,), "latent_dim": 2, "components": 2}
    recipe = image_recipe(dataset="digits", **sizes, warm_start_epochs=0, out=str(tmp_path / "run"))
    assert runner.run(dataclasses.replace(recipe, jit_compile=True)).jit_compile
    assert not runner.run(recipe).jit_compile
    assert found == {True: False, False: True}
    assert not is_deterministic()


# Recurrent layers in bfloat16.


@pytest.fixture
def bfloat16():
    keras.config.set_dtype_policy("mixed_bfloat16")
    yield
    keras.config.set_dtype_policy("float32")


@pytest.fixture
def under():
    """Compiles a model that is built under a dtype policy."""

    def compile_under(policy):
        keras.config.set_dtype_policy(policy)
        build_tiny_model().compile("sgd", "elbo")

    yield compile_under
    keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize("policy", ["bfloat16", "float16"])
def test_weights_in_16_bits_are_warned_of_and_mixed_policies_are_not(policy, under):
    with pytest.warns(UserWarning, match=f"The weights are {policy}, .* the policy 'mixed_{policy}' keeps them"):
        under(policy)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        under(f"mixed_{policy}")


def own_encoder(layer):
    """A user's own encoder of sentences."""
    tokens = keras.layers.Input((None,), dtype="int32")
    return keras.Model(tokens, keras.layers.Dense(6)(layer(keras.layers.Embedding(9, 3)(tokens))))


LAYERS = {
    "lstm": lambda **options: keras.layers.LSTM(4, **options),
    "gru": lambda **options: keras.layers.GRU(4, **options),
    "bidirectional": lambda **options: keras.layers.Bidirectional(keras.layers.LSTM(4, name="inner", **options)),
}


def sentences(encoder):
    """A model of sentences with the user's own encoder, which one component has."""
    return rme_tf.VAE.from_names(
        encoder=[encoder],
        decoder="lstm",
        likelihood="categorical_sequence",
        input_shape=(None,),
        latent_dim=3,
        likelihood_options={"vocabulary_size": 9, "features": 4},
    )


@pytest.mark.usefixtures("bfloat16", "gpu")
@pytest.mark.parametrize("kind", LAYERS)
def test_a_users_recurrent_layer_in_bfloat16_is_refused_on_a_gpu(kind):
    model = sentences(own_encoder(LAYERS[kind]()))
    with pytest.raises(ValueError, match=r"gradient .* is 0.*dtype='float32'.*use_cudnn=False"):
        model.compile("adam", "elbo")
    assert not model.compiled


REMEDIES = [{"dtype": "float32"}, {"use_cudnn": False}, {"recurrent_dropout": 0.1}, {"activation": "relu"}]


@pytest.mark.usefixtures("bfloat16", "gpu")
@pytest.mark.parametrize("options", REMEDIES, ids=str)
@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_a_recurrent_layer_that_cudnn_does_not_compute_in_bfloat16_passes(kind, options):
    sentences(own_encoder(LAYERS[kind](**options))).compile("adam", "elbo")


@pytest.mark.usefixtures("bfloat16")
def test_without_a_gpu_every_recurrent_layer_passes():
    sentences(own_encoder(LAYERS["lstm"]())).compile("adam", "elbo")


@pytest.mark.usefixtures("bfloat16", "gpu")
@pytest.mark.parametrize("bidirectional", [False, True])
def test_the_librarys_own_layers_are_float32_and_pass(bidirectional):
    model = build_text_model(2, encoder_options={"bidirectional": bidirectional})
    layers = recurrent_layers(model)
    assert len(layers) == 1 + 2 * (1 + bidirectional)
    assert {layer.compute_dtype for layer in layers} == {"float32"}
    model.compile("adam", rme_tf.RecursiveMixture(warm_start_epochs=0))
    assert model(ROWS)["means"].dtype == tf.float32
    assert np.isfinite(model(ROWS)["means"]).all()
