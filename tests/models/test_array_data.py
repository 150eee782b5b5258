"""Arrays that `fit`, `evaluate` and `predict` are given: what Keras iterates over in their place."""

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

ARRAYS = {"array": np.asarray, "tensor": tf.convert_to_tensor}
CALLS = {
    "fit": lambda model, x: model.fit(x, batch_size=8, verbose=0),
    "fit with labels": lambda model, x: model.fit(x, np.zeros(5), batch_size=8, verbose=0),
    "fit validated": lambda model, x: model.fit(x, validation_data=x, batch_size=8, verbose=0),
    "fit validated with labels": lambda model, x: model.fit(x, validation_data=(x, np.zeros(5)), verbose=0),
    "fit split": lambda model, x: model.fit(x, np.zeros(5), validation_split=0.4, batch_size=8, verbose=0),
    "evaluate": lambda model, x: model.evaluate(x, np.zeros(5), batch_size=8, verbose=0),
    "predict": lambda model, x: model.predict(x, batch_size=8, verbose=0),
}
pytestmark = pytest.mark.usefixtures("eagerly")


@pytest.fixture
def model(tiny_model):
    model = tiny_model(num_components=1)
    model.compile("sgd", "elbo")
    return model


@pytest.fixture
def tuned(monkeypatch):
    """Whether tf.data tunes each data set that is iterated over: None where its options leave that open."""
    found, iterate = [], tf.data.Dataset.__iter__

    def watched(dataset):
        found.append(dataset.options().autotune.enabled)
        return iterate(dataset)

    monkeypatch.setattr(tf.data.Dataset, "__iter__", watched)
    return found


@pytest.mark.parametrize("convert", ARRAYS.values(), ids=ARRAYS)
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_no_pipeline_of_an_array_is_tuned(model, binary_data, tuned, call, convert):
    call(model, convert(binary_data(5)))
    assert set(tuned) == {False}


def test_no_pipeline_of_an_array_on_disk_is_tuned(model, binary_data, tuned, tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["x"] = binary_data(5)
        model.fit(file["x"], validation_split=0.4, verbose=0)
    assert set(tuned) == {False}


@pytest.mark.parametrize("enabled", [None, True, False])
def test_data_sets_of_users_keep_their_own_options(model, binary_data, tuned, enabled):
    options = tf.data.Options()
    if enabled is not None:
        options.autotune.enabled = enabled
    dataset = tf.data.Dataset.from_tensor_slices(binary_data(5)).batch(8).with_options(options)
    model.fit(dataset, validation_data=dataset, verbose=0)
    model.evaluate(dataset, verbose=0)
    model.predict(dataset, verbose=0)
    assert set(tuned) == {enabled}


class Kept(keras.callbacks.Callback):
    """Counts the batches of each epoch and of each validation."""

    def __init__(self):
        super().__init__()
        self.steps = {"train": 0, "test": 0}

    def on_train_batch_end(self, batch, logs=None):
        self.steps["train"] += 1

    def on_test_batch_end(self, batch, logs=None):
        self.steps["test"] += 1


@pytest.mark.parametrize(
    ("options", "train", "test"),
    [
        ({"batch_size": 4}, 5, 0),
        ({"batch_size": 4, "validation_split": 0.3}, 4, 2),  # 14 and 6
        ({"batch_size": 4, "validation_split": 0.3, "validation_batch_size": 2}, 4, 3),
        ({"batch_size": 4, "steps_per_epoch": 2, "validation_split": 0.3, "validation_steps": 1}, 2, 1),
        ({"steps_per_epoch": 4}, 4, 0),
        ({}, 1, 0),
    ],
    ids=str,
)
def test_fit_cuts_an_array_as_keras_does(model, binary_data, options, train, test):
    kept = Kept()
    model.fit(binary_data(20), verbose=0, callbacks=[kept], **options)
    assert kept.steps == {"train": train, "test": test}


def test_validation_split_takes_the_last_observations(model, binary_data):
    x = binary_data(10)
    split = model.fit(x, validation_split=0.3, batch_size=4, verbose=0).history["val_loss"]
    loss = model.evaluate(x[7:], batch_size=4, verbose=0, return_dict=True)["loss"]
    assert split == [loss]


@pytest.mark.parametrize(
    ("share", "expected"),
    [(0.95, "leave .* 10 observations"), (1.0, r"be a number in \[0, 1\)"), (-0.1, r"be a number in \[0, 1\)")],
)
def test_a_validation_split_that_leaves_one_side_empty_is_refused(model, binary_data, share, expected):
    with pytest.raises(ValueError, match=f"`validation_split` must {expected}.* Received: {share}"):
        model.fit(binary_data(10), validation_split=share)


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("x", lambda model, x, y: model.fit(x, y)),
        ("x", lambda model, x, y: model.evaluate(x, y)),
        ("validation_data", lambda model, x, y: model.fit(x, validation_data=(x, y))),
    ],
    ids=["fit", "evaluate", "validation"],
)
def test_labels_of_another_length_are_refused(model, binary_data, name, call):
    with pytest.raises(ValueError, match=f"`{name}` must have as many labels as observations. Received: 9 labels"):
        call(model, binary_data(10), np.zeros(9))


@pytest.mark.parametrize("name", ["fit", "evaluate", "predict"])
def test_an_impossible_batch_size_is_refused_before_any_work(model, binary_data, name):
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"`batch_size` must be an integer of at least 1. Received: 0"):
        getattr(model, name)(binary_data(10), batch_size=0)
    for weight, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, other)
