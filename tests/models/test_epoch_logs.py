"""What callbacks see of an epoch: numbers only; what records keep: every name."""

import csv
import math

import keras
import numpy as np
import pytest

from rme_tf import ELBO, CollapseMonitor, RecursiveMixture, SubsetELBO, algorithms
from rme_tf.models.epoch_logs import append, drop_missing

EVERY_ALGORITHM = {
    **{name: kind(warm_start_epochs=1) for name, kind in algorithms.ALGORITHMS.items()},
    "subset of 1": SubsetELBO(subset_size=1, warm_start_epochs=1),
    "1 component a step": RecursiveMixture(components_per_step=1, warm_start_epochs=1),
    "polish": RecursiveMixture(warm_start_epochs=1, polish_epoch=2),
}


class Seen(keras.callbacks.Callback):
    """The logs of batches and epochs."""

    def __init__(self):
        super().__init__()
        self.batches, self.epochs = [], []

    def on_train_batch_end(self, batch, logs=None):
        self.batches.append(dict(logs))

    def on_epoch_end(self, epoch, logs=None):
        self.epochs.append(dict(logs))


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("name", sorted(EVERY_ALGORITHM))
def test_no_callback_sees_nan_and_the_history_is_complete(tiny_model, binary_data, name):
    """Of two observations in three components, one of which is drawn by none."""
    model, x, seen = tiny_model(3), binary_data(2), Seen()
    model.compile(keras.optimizers.SGD(1e-3), EVERY_ALGORITHM[name])
    history = model.fit(x, epochs=3, validation_data=(x,), verbose=0, callbacks=[seen]).history
    for logs in [*seen.batches, *seen.epochs]:
        assert all(map(math.isfinite, logs.values()))
    assert "elbo_1" not in seen.epochs[0]
    assert {"alpha_1", "val_elbo_1"} <= set(seen.epochs[0]) | ({"alpha_1"} if "subset" in name else set())
    assert set(history) == {f"{prefix}{name}" for name in model.metrics_names for prefix in ("", "val_")}
    for epoch, logs in enumerate(seen.epochs):
        for column, values in history.items():
            assert len(values) == 3
            np.testing.assert_equal(values[epoch], logs.get(column, math.nan))


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_a_stop_by_what_is_not_in_every_epoch_compares_numbers(tiny_model, binary_data):
    """Keras takes a NaN of the first epoch for the best value, to which nothing is an improvement."""
    model, x = tiny_model(2), binary_data(16)
    model.compile(keras.optimizers.SGD(0.0), ELBO())
    monitor = CollapseMonitor(x, every=2, warn=False)
    stop = keras.callbacks.EarlyStopping("mi", mode="max", patience=1)
    with pytest.warns(UserWarning, match="`mi` which is not available"):
        history = model.fit(x, epochs=8, verbose=0, callbacks=[monitor, stop]).history
    # The second report, in epoch 4, is as good as the first.
    np.testing.assert_array_equal(np.isnan(history["mi"]), [True, False, True, False])
    assert stop.best == history["mi"][1]


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_a_csv_file_has_the_columns_of_later_epochs(tiny_model, binary_data, tmp_path):
    model, x = tiny_model(2), binary_data(8)
    model.compile("sgd", RecursiveMixture(warm_start_epochs=1))
    callbacks = [CollapseMonitor(x, every=2, warn=False), keras.callbacks.CSVLogger(tmp_path / "log.csv")]
    options = {"epochs": 2, "verbose": 0, "callbacks": callbacks}
    history = model.fit(x, validation_data=(x,), validation_freq=2, **options).history
    with open(tmp_path / "log.csv", newline="", encoding="utf-8") as file:
        first, second = csv.DictReader(file)
    assert {name for name, value in first.items() if value == "NA"} >= {"elbo_1", "mi", "val_elbo"}
    assert set(history) <= set(second)
    assert all(math.isfinite(float(second[name])) for name in history)
    assert len(history["val_elbo"]) == 1  # as in Keras
    assert len(history["mi"]) == len(history["elbo_1"]) == 2


@pytest.mark.usefixtures("eagerly")
def test_a_history_of_the_user_is_the_result(tiny_model, binary_data):
    model, mine = tiny_model(1), keras.callbacks.History()
    model.compile("sgd", ELBO())
    assert model.fit(binary_data(4), verbose=0, callbacks=[mine]) is mine
    assert set(mine.history) == set(model.metrics_names)


def test_only_components_may_lack_a_value():
    logs = {"elbo": math.nan, "elbo_0": math.nan, "alpha_12": math.nan, "val_elbo_0": math.nan, "alpha_1": 0.5}
    drop_missing(logs)
    assert set(logs) == {"elbo", "val_elbo_0", "alpha_1"}
    drop_missing(None)


def test_a_record_keeps_to_its_epochs():
    history = {}
    for logs in ({"loss": 1.0}, {"loss": 2.0, "mi": 0.5}, {"mi": 0.7}):
        append(history, logs, ["elbo_1"])
    expected = {"loss": [1.0, 2.0, math.nan], "mi": [math.nan, 0.5, 0.7], "elbo_1": [math.nan] * 3}
    assert set(history) == set(expected)
    for name, values in expected.items():
        np.testing.assert_array_equal(history[name], values)
