"""Rows on the device: the batches of a data set, in its order, and what does not fit."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from rme_tf.core import resident
from rme_tf.core.pipelines import array_batches
from rme_tf.core.resident import ResidentBatches, on_device, rows_of


def observations(count, dtype="float32"):
    return np.arange(count * 2).reshape(count, 2).astype(dtype)


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("count", [3, 8, 10])  # less than a batch, whole batches, and a rest
def test_rows_are_the_batches_of_their_data_set(count, shuffle):
    keras.utils.set_random_seed(3)
    dataset = array_batches(observations(count), 4, shuffle=shuffle)
    batches = ResidentBatches(rows_of(dataset))
    for _ in range(2):
        found, expected = list(batches), list(dataset)
        assert len(found) == len(expected)
        for batch, other in zip(found, expected, strict=True):
            np.testing.assert_array_equal(batch, other)


@pytest.mark.parametrize("dtype", ["float64", "float16", "int32", "int64", "uint8", "bool"])
@pytest.mark.parametrize("convert", [np.asarray, tf.convert_to_tensor], ids=["array", "tensor"])
def test_rows_are_of_the_dtype_of_their_data_set(convert, dtype):
    dataset = array_batches(convert(observations(4, dtype)), 4)
    assert next(iter(ResidentBatches(rows_of(dataset)))).dtype == dataset.element_spec.dtype


def test_a_data_set_made_from_another_has_no_rows():
    dataset = array_batches(observations(4), 4)
    assert rows_of(dataset) is not None
    assert rows_of(dataset.map(lambda x: x)) is None
    assert rows_of(array_batches(observations(4), 4, shuffle="batch")) is None
    assert rows_of(observations(4)) is None


def test_steps_are_taken_in_segments_of_batches_of_one_size():
    iterator = iter(ResidentBatches(rows_of(array_batches(observations(10), 4))))

    def taken(steps):
        return [(s.batches.shape.as_list(), s.first, s.begin, s.steps) for s in iterator.take(steps)]

    assert taken(1) == [([2, 4], 0, 0, 1)]
    assert taken(5) == [([2, 4], 0, 1, 1), ([1, 2], 2, 2, 1)]
    assert taken(1) == []


def test_each_epoch_of_one_iterator_has_its_own_order_and_seeds():
    epochs = tf.data.Dataset.range(3).map(lambda epoch: (tf.range(4, dtype=tf.int64) * epoch % 4, tf.stack([7, epoch])))
    rows = resident.ResidentRows(
        tf.range(4.0),
        epochs,
        4,
        lambda batch, seeds, step, compiled: batch + tf.cast(10 * seeds[1] + 100 * step, tf.float32),
    )
    found = [batch.numpy().tolist() for batch in ResidentBatches(rows)]
    assert found == [[0.0, 0.0, 0.0, 0.0], [10.0, 11.0, 12.0, 13.0], [20.0, 22.0, 20.0, 22.0]]


# What does not fit.


@pytest.fixture
def gpu(monkeypatch):
    """A GPU is visible, and the CPU has its name."""
    device = tf.device
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind=None: ["GPU:0"])
    monkeypatch.setattr(tf, "device", lambda name: device("CPU:0"))


def rows(dtype="float32"):
    return rows_of(array_batches(observations(4, dtype), 4))


def test_rows_stay_where_they_are_without_a_gpu(monkeypatch):
    monkeypatch.setattr(resident, "MOST_BYTES", 0)
    found = rows()
    assert on_device(found, jit_compile=False) is found


@pytest.mark.usefixtures("gpu")
def test_an_array_that_is_too_large_for_a_gpu_stays_in_tf_data(monkeypatch):
    assert on_device(rows(), jit_compile=True) is not None
    monkeypatch.setattr(resident, "MOST_BYTES", 31)  # of 32
    assert on_device(rows(), jit_compile=True) is None


@pytest.mark.usefixtures("gpu")
def test_an_array_for_which_a_gpu_has_no_room_stays_in_tf_data(monkeypatch):
    def full(array):
        raise tf.errors.ResourceExhaustedError(None, None, "no room")

    kept = rows()
    monkeypatch.setattr(tf, "identity", full)
    assert on_device(kept, jit_compile=True) is None


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize("dtype", ["uint8", "int32", "float32", "int64"])
def test_rows_that_a_gpu_gathers_only_by_xla_need_it(dtype):
    assert on_device(rows(dtype), jit_compile=True) is not None
    assert (on_device(rows(dtype), jit_compile=False) is None) == (dtype in ("uint8", "int32"))


def test_rows_that_are_transformed_go_to_the_device_for_xla_alone():
    """Otherwise the threads of `tf.data` transform them while the steps run."""
    noisy = rows()._replace(transform=lambda batch, seeds, step, compiled: batch)
    assert on_device(noisy, jit_compile=True) is noisy
    assert on_device(noisy, jit_compile=False) is None
