"""Options of Keras that a VAE refuses, and those that it keeps."""

import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf

from rme_tf.models.compile_options import COMPILE_OPTIONS, OF_OTHER_MODELS

FOREIGN = {"loss": "mse", "loss_weights": [3.0], "metrics": ["mae"], "weighted_metrics": ["mse"]}


@pytest.mark.parametrize("name", sorted(OF_OTHER_MODELS))
def test_options_of_other_models_are_refused_by_name(tiny_model, name):
    model = tiny_model(1)
    with pytest.raises(ValueError, match=f"takes no `{name}`: .*Received"):
        model.compile("sgd", "elbo", **{name: FOREIGN[name]})
    assert not model.compiled
    model.compile("sgd", "elbo", **{name: None})
    assert model.compiled


def test_every_option_of_keras_is_taken_or_refused():
    """One that a later Keras adds shows here."""
    options = set(inspect.signature(keras.Model.compile).parameters) - {"self", "optimizer"}
    assert options == {*COMPILE_OPTIONS, *OF_OTHER_MODELS}


def test_unknown_options_are_listed_with_the_known_ones(tiny_model):
    with pytest.raises(
        ValueError,
        match="Unknown arguments of `compile`. .*'steps_per_execution'. Received: .'jit', 'step_per_execution'",
    ):
        tiny_model(1).compile("sgd", "elbo", step_per_execution=2, jit=True)


def test_what_a_model_was_compiled_with_is_saved(tiny_model, tmp_path):
    options = {"auto_scale_loss": False, "run_eagerly": True, "steps_per_execution": 3, "jit_compile": False}
    assert set(options) == set(COMPILE_OPTIONS)
    model = tiny_model(1)
    model.compile("sgd", "elbo", **options)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert {name: getattr(loaded, name) for name in options} == options
    assert not loaded.chooses_steps


def test_a_choice_of_the_steps_of_an_execution_is_saved(tiny_model, tmp_path):
    model = tiny_model(1)
    model.compile("sgd", "elbo")
    assert model.get_compile_config()["steps_per_execution"] == "auto"
    model.save(tmp_path / "model.keras")
    assert keras.saving.load_model(tmp_path / "model.keras").chooses_steps


def dataset(*arrays):
    return tf.data.Dataset.from_tensor_slices(arrays).batch(4)


WEIGHTS = {  # x, labels, weights: a call
    "fit": lambda model, x, y, w: model.fit(x, sample_weight=w, verbose=0),
    "fit, labels": lambda model, x, y, w: model.fit(x, y, sample_weight=w, verbose=0),
    "fit, classes": lambda model, x, y, w: model.fit(x, y, class_weight={0: 1.0, 1: 2.0}, verbose=0),
    "fit, dataset": lambda model, x, y, w: model.fit(dataset(x, y, w), verbose=0),
    "fit, validation": lambda model, x, y, w: model.fit(x, validation_data=(x, y, w), verbose=0),
    "fit, validation dataset": lambda model, x, y, w: model.fit(x, validation_data=dataset(x, y, w), verbose=0),
    "evaluate": lambda model, x, y, w: model.evaluate(x, sample_weight=w, verbose=0),
    "evaluate, dataset": lambda model, x, y, w: model.evaluate(dataset(x, y, w), verbose=0),
    "train_on_batch": lambda model, x, y, w: model.train_on_batch(x, y, sample_weight=w),
    "train_on_batch, classes": lambda model, x, y, w: model.train_on_batch(x, y, class_weight={0: 1.0, 1: 2.0}),
    "test_on_batch": lambda model, x, y, w: model.test_on_batch(x, y, sample_weight=w),
}


@pytest.mark.parametrize("call", WEIGHTS.values(), ids=WEIGHTS)
def test_sample_weights_are_refused_before_a_weight_moves(tiny_model, binary_data, call):
    model, x = tiny_model(1), binary_data(4)
    model.compile("sgd", "elbo", run_eagerly=True)
    before = [variable.numpy() for variable in model.trainable_variables]
    with pytest.raises(ValueError, match="sample_weight"):
        call(model, x, np.array([0, 1, 0, 1]), np.ones(4))
    for variable, value in zip(model.trainable_variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)


def test_none_in_the_place_of_weights_passes(tiny_model, binary_data):
    model, x = tiny_model(1), binary_data(4)
    model.compile("sgd", "elbo", run_eagerly=True)
    data = tf.data.Dataset.from_tensors((x, x, None))
    model.fit(data, validation_data=(x, None, None), verbose=0)
    assert model.evaluate(data, verbose=0) == model.evaluate(x, verbose=0)
