"""Rows of the pipelines of images: the batches that `fit` gathers are the batches of the data set."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from rme_tf.core.resident import ResidentBatches, rows_of, with_rows
from rme_tf.data import BINARIZATIONS, held_out_dataset, reshuffled_dataset, training_dataset
from rme_tf.models.step_groups import GroupedModel

IMAGES = np.arange(7 * 40, dtype=np.uint8).reshape(7, 8, 5, 1)  # nearly all levels
PIPELINES = {
    "training": lambda name: training_dataset(IMAGES, batch_size=3, binarization=name, seed=4, first_epoch=2),
    "training, all": lambda name: training_dataset(
        IMAGES, batch_size=3, binarization=name, seed=4, drop_remainder=False
    ),
    "held out": lambda name: held_out_dataset(IMAGES, batch_size=3, binarization=name, seed=4),
    "reshuffled": lambda name: reshuffled_dataset(IMAGES, batch_size=3, binarization=name, seed=4),
}


@pytest.mark.parametrize("name", sorted(BINARIZATIONS))
@pytest.mark.parametrize("kind", PIPELINES)
def test_rows_are_the_batches_of_the_pipeline(name, kind):
    """In two iterations, by a data set each, since one may count its iterations."""
    dataset, other = PIPELINES[kind](name), PIPELINES[kind](name)
    batches = ResidentBatches(rows_of(other))
    for _ in range(2):
        found, expected = (list(itertools.islice(source, 7)) for source in (batches, dataset))
        assert len(found) == len(expected)
        for batch, right in zip(found, expected, strict=True):
            assert batch.dtype == right.dtype == tf.float32
            np.testing.assert_array_equal(batch, right)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(name for name, mode in BINARIZATIONS.items() if mode.redrawn))
def test_xla_draws_the_bits_of_the_graph(name):
    """For all levels of a pixel, each with much noise, and with the noise that decides."""
    mode = BINARIZATIONS[name]
    pixels = tf.constant(np.repeat(np.arange(256, dtype=np.uint8), 64).reshape(64, 256, 1, 1))
    rows = rows_of(PIPELINES["training"](name))
    compiled = tf.function(lambda *batch: rows.transform(*batch, True), jit_compile=True)
    batch = pixels, tf.constant([4, 9], tf.int64), tf.constant(3, tf.int64)
    np.testing.assert_array_equal(compiled(*batch), rows.transform(*batch, False))
    levels = tf.range(256, dtype=tf.float32)
    edges = levels / 255
    transform = tf.function(mode.compiled or mode.transform, jit_compile=True)
    for noise in (edges, edges - 2.0**-23, edges + 2.0**-23):
        np.testing.assert_array_equal(transform(levels, noise), mode.transform(levels, noise))


class Sums(GroupedModel):
    """A model whose state is exact for binary pixels."""

    def __init__(self):
        super().__init__()
        self.state = self.add_weight(name="state", shape=IMAGES.shape[1:], initializer="zeros", trainable=False)
        self.traced = []
        self.built = True

    @property
    def metrics(self):
        return []

    def train_step(self, data):
        x = keras.utils.unpack_x_y_sample_weight(data)[0]
        self.traced.append(x.shape)
        weights = tf.constant([1.0, 2.0, 4.0])[:, None, None, None]
        self.state.assign(2.0 * self.state.value + tf.reduce_sum(weights * x, axis=0))
        return {"loss": tf.reduce_sum(self.state.value)}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "options"), [("dynamic", {"jit_compile": True}), ("static", {})], ids=str)
def test_a_training_takes_the_rows_from_the_device(name, options):
    models = []
    for keep in (True, False):
        dataset, model = PIPELINES["training"](name), Sums()
        model.compile(steps_per_execution=3, **options)
        dataset = dataset if keep else dataset.map(lambda x: x)
        model.fit(dataset, steps_per_epoch=2, epochs=3, shuffle=False, verbose=0)
        models.append(model)
    assert models[0].state.numpy().max() > 0
    assert models[0].traced == models[1].traced == [(3, 8, 5, 1)]
    np.testing.assert_array_equal(models[0].state, models[1].state)


@pytest.mark.slow
def test_values_outside_of_the_support_are_refused_before_the_training(tiny_model):
    model = tiny_model(1, likelihood="bernoulli", input_shape=(8, 5, 1))
    model.compile("sgd", "elbo")
    dataset = training_dataset(IMAGES, batch_size=3)
    wrong = rows_of(dataset)._replace(examples=lambda: np.full([1, 8, 5, 1], 7.0, "float32"))
    with pytest.raises(ValueError, match="expects .*7.0 among its values"):
        model.fit(with_rows(dataset, wrong), steps_per_epoch=2)


@pytest.mark.parametrize("name", sorted(BINARIZATIONS))
def test_examples_have_the_values_of_the_batches(name):
    dataset = PIPELINES["training"](name)
    found = rows_of(dataset).examples()
    assert found.shape[1:] == IMAGES.shape[1:]
    seen = np.concatenate([batch.numpy().ravel() for batch in dataset.take(10)])
    assert found.min() <= seen.min()
    assert found.max() >= seen.max()
    if BINARIZATIONS[name].values != "real":
        assert set(seen) <= set(found.ravel())


def test_a_memory_mapped_array_has_no_rows(tmp_path):
    mapped = np.memmap(tmp_path / "x", np.uint8, "w+", shape=IMAGES.shape)
    assert rows_of(training_dataset(mapped, batch_size=3)) is None
    assert rows_of(held_out_dataset(mapped, batch_size=3)) is None
