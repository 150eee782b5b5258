"""Checks of the arguments of `fit`, `evaluate` and `predict`, and of layers."""

import keras
import pytest

from rme_tf.models.fit_options import check_fit_options
from rme_tf.models.layer_options import check_layer_options

RIGHT = {
    "epochs": [1, 7],
    "batch_size": [None, 3],
    "verbose": ["auto", 0, 1, 2, False],
    "validation_freq": [1, [1, 3]],
    "validation_split": [0.0, 0.5],
    "callbacks": [None, [], [keras.callbacks.Callback()], keras.callbacks.Callback()],
    "shuffle": [True],
    "steps": [None, 2],
}
WRONG = {
    "epochs": [0, 1.5, "x", None, True],
    "initial_epoch": [-1, None],
    "batch_size": [0, 2.0, "3"],
    "verbose": [3, "x", None, 1.5],
    "validation_freq": [0, "x", None, [0]],
    "validation_split": [1.0, -0.1, "x"],
    "callbacks": [[3], bytearray(b"x"), [keras.callbacks.Callback], "x"],
    "shuffle": ["batch", 1],
    "steps_per_epoch": [0, 1.5],
}


@pytest.mark.parametrize("name", RIGHT)
def test_valid_arguments_pass(name):
    for value in RIGHT[name]:
        check_fit_options(**{name: value})


@pytest.mark.parametrize("name", WRONG)
def test_others_are_refused_by_name(name):
    for value in WRONG[name]:
        with pytest.raises(ValueError, match=f"^`{name}` must be .* Received: "):
            check_fit_options(**{name: value})


@pytest.mark.parametrize("options", [{"name": 3}, {"name": "a/b"}, {"dtype": "floaty"}, {"trainable": 1}], ids=repr)
def test_arguments_of_layers_are_refused_by_name(options):
    with pytest.raises(ValueError, match=f"^`{next(iter(options))}` must be .* Received: "):
        check_layer_options(**options)
    check_layer_options(name="vae", dtype="mixed_bfloat16", trainable=False)
