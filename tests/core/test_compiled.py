"""Functions of a model that are traced once, and no longer kept than the model is."""

import gc
import logging
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf

from rme_tf.core import compiled as compiled_module
from rme_tf.core.compiled import compiled


def built():
    layer = keras.layers.Dense(2, bias_initializer="ones")
    layer.build((None, 3))
    return layer


def scaled(model, x, factor):
    traced.append(factor)
    return factor * model(x)


traced: list = []


def test_a_function_is_traced_once_for_each_of_its_options():
    model, other = built(), built()
    traced.clear()
    for factor in (2, 3, 2):
        np.testing.assert_allclose(compiled(scaled, model, factor)(tf.ones([4, 3])), factor * model(tf.ones([4, 3])))
    assert traced == [2, 3]
    for rows in (5, 6, 7):  # the second number of rows stands for any
        compiled(scaled, model, 2)(tf.ones([rows, 3]))
    assert traced == [2, 3, 2]
    compiled(scaled, other, 2)(tf.ones([4, 3]))
    assert traced == [2, 3, 2, 2]


def test_many_models_are_no_retracing_of_one(caplog):
    """TensorFlow counts by the code of a function, and would warn of five models that are each traced once."""
    with caplog.at_level(logging.WARNING, logger="tensorflow"):
        for model in [built() for _ in range(12)]:
            compiled(scaled, model, 3)(tf.ones([4, 3]))
    assert not [each.getMessage() for each in caplog.records if "retracing" in each.getMessage()]


def test_with_a_signature_it_is_traced_once_for_all_shapes():
    model = built()
    traced.clear()
    for rows in (4, 5, 6):
        x = tf.ones([rows, 3])
        function = compiled(scaled, model, 2, signature=(tf.TensorSpec([None, 3]),))
        np.testing.assert_allclose(function(x), 2 * model(x))
    assert traced == [2]


def test_weights_are_those_of_the_call():
    model = built()
    compiled(scaled, model, 1)(tf.ones([1, 3]))
    model.kernel.assign(tf.zeros([3, 2]))
    np.testing.assert_array_equal(compiled(scaled, model, 1)(tf.ones([1, 3])), [[1.0, 1.0]])


@pytest.mark.slow
def test_what_was_compiled_goes_with_the_model_or_before(monkeypatch):
    monkeypatch.setattr(compiled_module, "MOST", 3)
    model = built()
    for factor in range(compiled_module.MOST + 5):
        compiled(scaled, model, factor)(tf.ones([1, 3]))
    assert len(compiled_module._COMPILED[model]) == compiled_module.MOST
    reference = weakref.ref(model)
    del model
    gc.collect()
    assert reference() is None
