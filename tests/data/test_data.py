import functools
import importlib
import os
import time
import zlib
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from data_sources import crc32_of, facts_of
from rme_tf import data
from rme_tf.data import BINARIZATIONS, DATASETS, evaluation_array, load_images, training_dataset

BESIDE_THE_REPOSITORY = Path(__file__).parents[3] / "shared" / "data" / "tfds"
DATA_DIR = Path(os.environ.get("RME_TF_TEST_DATA_DIR", BESIDE_THE_REPOSITORY))

FACTS = facts_of()
CHECKSUMS = {name: crc32_of(name) for name in sorted(DATASETS) if crc32_of(name)}

NUM_IMAGES, BATCH_SIZE = 22, 5  # two images do not fill a batch
STEPS = data.steps_per_epoch(NUM_IMAGES, BATCH_SIZE)


@functools.cache
def splits_of(name):
    try:
        return load_images(name, data_dir=DATA_DIR, download=False)
    except ValueError as error:
        pytest.skip(str(error))  # it would have to be downloaded


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(1).integers(1, 255, (NUM_IMAGES, 4, 3, 1), dtype=np.uint8)


def batches(dataset, num_batches):
    return [batch.numpy() for batch in dataset.take(num_batches)]


def epochs(images, num_epochs, **options):
    dataset = training_dataset(images, batch_size=BATCH_SIZE, **options)
    return np.split(np.stack(batches(dataset, num_epochs * STEPS)), num_epochs)


def test_public_names_are_sorted_and_exist():
    assert data.__all__ == sorted(data.__all__)
    assert all(hasattr(data, name) for name in data.__all__)


# Data sets


@pytest.mark.slow
@pytest.mark.parametrize("name", CHECKSUMS)
def test_splits_are_the_published_pixels(name):
    splits = splits_of(name)
    assert tuple(map(len, splits)) == FACTS[name].sizes
    # A changed shuffle, scale or source would change what results are about.
    assert tuple(zlib.crc32(images.tobytes()) for images in splits) == CHECKSUMS[name]
    for images in splits:
        assert (images.dtype, images.ndim) == (np.uint8, 4)
        assert images.shape[1:] == splits.train.shape[1:]
        assert (images.min(), images.max()) == (0, 255)


@pytest.mark.parametrize("name", CHECKSUMS)
def test_no_image_is_in_two_splits(name):
    distinct = [{image.tobytes() for image in images} for images in splits_of(name)]
    assert len(set.union(*distinct)) == sum(map(len, distinct))


def test_sizes_keep_the_first_images():
    whole, part = load_images("digits"), load_images("digits", train_size=10, test_size=200)
    assert tuple(map(len, part)) == (10, 180, 200)  # validation has no more than 180
    for some, all_images in zip(part, whole, strict=True):
        np.testing.assert_array_equal(some, all_images[: len(some)])


@pytest.mark.parametrize(("argument", "size"), [("train_size", 0), ("train_size", 1258), ("test_size", 0)])
def test_sizes_outside_the_data_are_refused(argument, size):
    with pytest.raises(ValueError, match=rf"`{argument}` must be an integer (from|of) .*\. Received: {size}"):
        load_images("digits", **{argument: size})


def test_mnist_that_is_missing_is_reported_at_once(tmp_path):
    importlib.import_module("tensorflow_datasets")  # its time is not the loader's
    start = time.perf_counter()
    with pytest.raises(ValueError, match="`download` is False") as error:
        load_images("mnist", data_dir=tmp_path, download=False)
    assert time.perf_counter() - start < 5
    assert str(tmp_path / "mnist") in str(error.value)
    assert f"tfds.load('mnist', data_dir='{tmp_path}')" in str(error.value)
    assert not list(tmp_path.iterdir())


def test_mnist_that_cannot_be_downloaded_is_reported(tmp_path, monkeypatch):
    tfds = importlib.import_module("tensorflow_datasets")

    def no_network(_):
        raise ConnectionError("no route to host")

    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", no_network)
    with pytest.raises(ValueError, match="ConnectionError: no route to host") as error:
        load_images("mnist", data_dir=tmp_path)
    assert isinstance(error.value.__cause__, ConnectionError)


# Binarization


@pytest.mark.parametrize("name", sorted(BINARIZATIONS))
def test_evaluation_arrays_depend_on_the_place_of_an_image_and_the_seed_alone(name, images):
    array = evaluation_array(images, name, 3)
    assert (array.dtype, array.shape) == (np.float32, images.shape)
    assert 0 <= array.min() <= array.max() <= 1
    np.testing.assert_array_equal(evaluation_array(images, name, 3), array)
    np.testing.assert_array_equal(evaluation_array(images[:7], name, 3), array[:7])
    if name not in ("none", "threshold"):
        assert (evaluation_array(images, name, 4) != array).any()


@pytest.mark.parametrize("name", ["dynamic", "static"])
def test_dynamic_and_static_evaluation_are_the_same_draw(name, images):
    binary = data.binarize(images, seed=4)
    np.testing.assert_array_equal(evaluation_array(images, name, 4), binary)


def test_binarize_draws_a_bernoulli_variable_per_pixel():
    pixels = np.tile(np.arange(256, dtype=np.uint8), (20_000, 1)).reshape(20_000, 16, 16, 1)
    binary = data.binarize(pixels, seed=0)
    assert set(np.unique(binary)) == {0, 1}
    assert not binary[pixels == 0].any()
    assert binary[pixels == 255].all()
    # 0.0035 is the largest standard error of 20,000 draws; 256 of them stay within 5.
    np.testing.assert_allclose(binary.mean(axis=0), pixels[0] / 255, atol=5 * 0.0035)


def test_binarizations_without_noise():
    pixels = np.array([0, 127, 128, 255], np.uint8).reshape(1, 2, 2, 1)
    threshold, none = (evaluation_array(pixels, name, 0) for name in ("threshold", "none"))
    np.testing.assert_array_equal(threshold.ravel(), [0, 0, 1, 1])
    np.testing.assert_allclose(none.ravel(), pixels.ravel() / 255, rtol=1e-6)


def test_dequantized_pixels_stay_in_their_bins(images):
    fraction = evaluation_array(images, "dequantized", 0) * 256 - images
    assert 0 <= fraction.min() < fraction.max() <= 1


# Training


@pytest.mark.parametrize("name", sorted(BINARIZATIONS))
def test_training_batches_have_a_static_shape_and_values_in_range(name, images):
    dataset = training_dataset(images, batch_size=BATCH_SIZE, binarization=name, seed=0)
    assert dataset.element_spec == tf.TensorSpec([BATCH_SIZE, 4, 3, 1], tf.float32)
    (batch,) = batches(dataset, 1)
    assert 0 <= batch.min() <= batch.max() <= 1
    if name in ("dynamic", "static", "threshold"):
        assert set(np.unique(batch)) == {0, 1}


@pytest.mark.parametrize("name", sorted(BINARIZATIONS))
def test_an_epoch_depends_on_its_number_and_the_seed_alone(name, images):
    options = {"binarization": name, "seed": 5}
    uninterrupted = epochs(images, 4, **options)
    resumed = epochs(images, 2, first_epoch=2, **options)
    np.testing.assert_array_equal(resumed, uninterrupted[2:])
    assert len({epoch.tobytes() for epoch in uninterrupted}) == 4
    assert (epochs(images, 1, binarization=name, seed=6)[0] != uninterrupted[0]).any()


def test_an_epoch_is_a_permutation_of_the_images():
    options = {"batch_size": BATCH_SIZE, "drop_remainder": False}
    numbered = np.arange(NUM_IMAGES, dtype=np.uint8).reshape(-1, 1, 1, 1)
    dataset = training_dataset(numbered, binarization="none", **options)
    steps = data.steps_per_epoch(NUM_IMAGES, **options)
    for epoch in range(2):
        values = np.concatenate(batches(dataset.skip(epoch * steps), steps)).ravel() * 255
        assert sorted(np.rint(values)) == list(range(NUM_IMAGES))


@pytest.mark.parametrize(("name", "redrawn"), [("dynamic", True), ("static", False)])
def test_only_dynamic_binarization_is_redrawn(name, redrawn, images):
    dataset = training_dataset(images[:1], batch_size=1, binarization=name, seed=0)
    distinct = {batch.tobytes() for batch in batches(dataset, 20)}
    assert (len(distinct) > 10) if redrawn else (len(distinct) == 1)


def test_dynamic_batches_have_the_mean_of_the_pixels(images):
    dataset = training_dataset(images[:BATCH_SIZE], batch_size=BATCH_SIZE)
    drawn = np.stack(batches(dataset, 400))  # 0.5 / sqrt(400 * 60) is the largest standard error
    assert drawn.mean() == pytest.approx(images[:BATCH_SIZE].mean() / 255, abs=5 * 0.0033)


def test_noise_differs_from_batch_to_batch_of_an_epoch():
    grey = np.full((20, 8, 8, 1), 128, np.uint8)
    drawn = epochs(grey, 1)[0]  # every batch has the same pixels
    assert len({image.tobytes() for image in drawn.reshape(20, -1)}) == 20


def test_keras_reads_one_epoch_per_epoch(images):
    class Recorder(keras.Model):
        def train_step(self, batch):
            seen.append(batch.numpy())
            return {"loss": tf.reduce_mean(batch)}

    seen, model = [], Recorder()
    model.compile(run_eagerly=True)
    dataset = training_dataset(images, batch_size=BATCH_SIZE, first_epoch=1)
    model.fit(dataset, steps_per_epoch=STEPS, initial_epoch=1, epochs=4, shuffle=False, verbose=0)
    np.testing.assert_array_equal(np.split(np.stack(seen), 3), epochs(images, 3, first_epoch=1))


def test_steps_per_epoch_count_the_remainder_if_it_is_kept():
    assert data.steps_per_epoch(22, 5) == 4
    assert data.steps_per_epoch(22, 5, drop_remainder=False) == 5
    assert data.steps_per_epoch(20, 5, drop_remainder=False) == 4


# What a user calls


def test_loaded_training_split_is_one_pass_that_reshuffles():
    dataset = data.load("digits", "train", 100, binarization="none")
    passes = [np.concatenate(list(dataset.as_numpy_iterator())) for _ in range(2)]
    assert len(dataset) == 13
    assert (passes[0] != passes[1]).any()
    pixels = np.sort(load_images("digits").train / np.float32(255), axis=0)
    for each in passes:
        np.testing.assert_allclose(np.sort(each, axis=0), pixels, rtol=1e-6)


def test_loaded_training_split_redraws_dynamic_binarization_reproducibly():
    def two_passes():
        dataset = data.load("digits", "train", 1, limit=1, seed=2)
        return [next(iter(dataset)).numpy() for _ in range(2)]

    passes = two_passes()
    assert (passes[0] != passes[1]).any()
    np.testing.assert_array_equal(two_passes(), passes)


@pytest.mark.parametrize("split", ["validation", "test"])
def test_loaded_evaluation_splits_are_fixed_and_in_order(split):
    dataset = data.load("digits", split, 64, seed=9, limit=150)
    expected = data.binarize(getattr(load_images("digits"), split)[:150], seed=9)
    for _ in range(2):
        np.testing.assert_array_equal(np.concatenate(list(dataset)), expected)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (("digit", "train", 8), {}, "Unknown data set. .*'digits'"),
        (("digits", "dev", 8), {}, "Unknown split. Expected one of: 'test', 'train', 'validation'"),
        (("digits", "train", 8), {"binarization": "binary"}, "Unknown binarization. .*'dynamic'"),
        (("digits", "test", 8), {"binarization": "binary"}, "Unknown binarization. .*'dynamic'"),
        (("digits", "train", 0), {}, "`batch_size` must be an integer of at least 1. Received: 0"),
        (("digits", "test", -2), {}, "`batch_size` must be an integer of at least 1. Received: -2"),
        (("digits", "validation", 8), {"limit": 181}, "`limit` must be an integer from 1 to 180"),
    ],
)
def test_load_says_what_it_expected(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        data.load(*arguments, **options)


FLOATS, NO_CHANNELS = np.zeros([6, 4, 3, 1], np.float32), np.zeros([6, 4, 3], np.uint8)


@pytest.mark.parametrize("wrong", [FLOATS, NO_CHANNELS, [[0]] * 6])
def test_only_arrays_of_pixels_are_accepted(wrong):
    with pytest.raises(ValueError, match="uint8 NumPy array of shape"):
        evaluation_array(wrong, "dynamic", 0)
    with pytest.raises(ValueError, match="uint8 NumPy array of shape"):
        training_dataset(wrong, batch_size=2)


def test_too_few_images_and_negative_epochs_are_refused(images):
    with pytest.raises(ValueError, match=r"Expected: 23 at least. Received: 22"):
        training_dataset(images, batch_size=23)
    with pytest.raises(ValueError, match=r"Expected: 1 at least. Received: 0"):
        data.evaluation_dataset(images[:0], 5)
    with pytest.raises(ValueError, match=r"`first_epoch` must be an integer of at least 0. Received: -1"):
        training_dataset(images, batch_size=5, first_epoch=-1)
