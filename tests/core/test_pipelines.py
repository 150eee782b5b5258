"""Pipelines of arrays: the order of Keras's own, and no autotuning."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from packaging.version import Version

from rme_tf.core.pipelines import array_batches, untuned


class Reader(keras.Model):
    """Keeps the batches that Keras hands to its steps."""

    def __init__(self):
        super().__init__()
        self.compile(run_eagerly=True)
        self.batches = []

    def train_step(self, data):
        self.batches.append(keras.utils.unpack_x_y_sample_weight(data)[0].numpy())
        return {"loss": tf.zeros([])}


def read(x, cut=lambda x: x, epochs=2, **options):
    """The batches of each step of Keras's `fit` on what is made of an array, from the same state of the global seed."""
    keras.utils.set_random_seed(3)
    model = Reader()
    model.fit(cut(x), epochs=epochs, verbose=0, **options)
    return model.batches


def observations(count, dtype="float32"):
    return np.arange(count * 2).reshape(count, 2).astype(dtype)


def assert_equal(batches, others):
    assert len(batches) == len(others) > 0
    for batch, other in zip(batches, others, strict=True):
        assert batch.dtype == other.dtype
        np.testing.assert_array_equal(batch, other)


@pytest.mark.skipif(Version(keras.__version__) >= Version("3.16.dev0"), reason="Keras 3.16 draws another order")
@pytest.mark.parametrize("shuffle", [True, False, "batch"])
@pytest.mark.parametrize("count", [3, 8, 10])  # less than a batch, whole batches, and a rest
def test_array_batches_come_in_the_order_of_keras(count, shuffle):
    x = observations(count)
    batches = read(x, lambda x: array_batches(x, 4, shuffle=shuffle), shuffle=False)
    assert_equal(batches, read(x, batch_size=4, shuffle=shuffle))


@pytest.mark.filterwarnings("ignore:Limiting steps_per_epoch")
@pytest.mark.parametrize(
    ("batch_size", "steps", "most"),
    [(None, None, None), (None, 3, None), (None, None, 2), (None, 3, 2), (None, 1, 2), (16, 3, None), (16, 3, 2)],
)
def test_array_batches_are_of_the_sizes_of_keras(batch_size, steps, most):
    x = observations(70)
    options = {"epochs": 1, "steps_per_epoch": steps, "shuffle": False}
    keras.config.set_max_steps_per_epoch(most)
    try:
        batches = read(x, lambda x: array_batches(x, batch_size, steps=steps), **options)
        assert_equal(batches, read(x, batch_size=batch_size, **options))
    finally:
        keras.config.set_max_steps_per_epoch(None)


@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16", "int32", "uint8"])
@pytest.mark.parametrize("convert", [np.asarray, tf.convert_to_tensor], ids=["array", "tensor"])
def test_array_batches_are_of_the_dtypes_of_keras(convert, dtype):
    x = convert(observations(4, tf.as_dtype(dtype).as_numpy_dtype))
    options = {"epochs": 1, "shuffle": False}
    assert_equal(read(x, lambda x: array_batches(x, 4), **options), read(x, batch_size=4, **options))


def test_array_batches_know_their_number_and_do_not_tune_themselves():
    batches = array_batches(observations(10), 4, shuffle=True)
    assert int(batches.cardinality()) == 3
    assert batches.options().autotune.enabled is False
    assert batches.element_spec == tf.TensorSpec((None, 2), tf.float32)


@pytest.mark.parametrize("batch_size", [0, -1, 2.0, "4"])
def test_a_batch_size_that_is_no_positive_integer_is_refused(batch_size):
    with pytest.raises(ValueError, match=r"`batch_size` must be an integer of at least 1. Received: "):
        array_batches(observations(4), batch_size)


def test_an_untuned_data_set_keeps_its_other_options():
    options = tf.data.Options()
    options.deterministic = False
    found = untuned(tf.data.Dataset.range(3).with_options(options)).options()
    assert found.autotune.enabled is False
    assert found.deterministic is False
