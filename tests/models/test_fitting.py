"""What `fit` makes of the callbacks that it is given."""

import warnings

import keras
import pytest

from rme_tf import ELBO, CollapseMonitor
from rme_tf.callbacks import ResumableCheckpoint


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_bounds_are_known_to_rise(tiny_model, binary_data, tmp_path):
    """Nobody says so to the callbacks: a falling bound stops the training, and the best model is the first."""
    model, x, values = tiny_model(2), binary_data(8), iter([-3.0, -4.0, -5.0, -6.0])
    model.compile("sgd", ELBO())
    stop = keras.callbacks.EarlyStopping("val_elbo", patience=2)
    save = keras.callbacks.ModelCheckpoint(tmp_path / "best.keras", monitor="val_elbo", save_best_only=True)
    plateau = keras.callbacks.ReduceLROnPlateau("reconstruction", patience=9)

    def fall(epoch, logs):
        logs["val_elbo"] = next(values)

    callbacks = [keras.callbacks.LambdaCallback(on_epoch_end=fall), stop, save, plateau]
    model.fit(x, validation_data=x, epochs=9, verbose=0, callbacks=callbacks)
    assert stop.stopped_epoch == 2
    assert int(keras.saving.load_model(tmp_path / "best.keras").epochs_trained) == 1
    assert [callback.mode for callback in (stop, save, plateau)] == ["max", "max", "max"]


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_what_may_fall_as_well_as_rise_is_left_to_the_user(tiny_model, binary_data):
    model = tiny_model(1)
    model.compile("sgd", ELBO())
    with pytest.raises(ValueError, match="Pass `mode='max'`"):
        model.fit(binary_data(), verbose=0, callbacks=keras.callbacks.EarlyStopping("kl"))
    chosen = keras.callbacks.EarlyStopping("elbo", mode="min")
    model.fit(binary_data(), verbose=0, callbacks=[chosen])
    assert chosen.mode == "min"


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_callbacks_that_would_miss_what_the_monitor_logs_are_told(tiny_model, binary_data, tmp_path):
    model, x = tiny_model(1), binary_data(4)
    model.compile("sgd", ELBO())
    monitor = CollapseMonitor(x, warn=False)
    loggers = [keras.callbacks.CSVLogger(tmp_path / "log.csv"), ResumableCheckpoint(model, tmp_path / "kept")]
    with pytest.warns(UserWarning, match="^CSVLogger, ResumableCheckpoint will not see.*Put CollapseMonitor before"):
        model.fit(x, verbose=0, callbacks=[*loggers, monitor])
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*will not see")
        model.fit(x, verbose=0, callbacks=[monitor, *loggers])
        model.fit(x, verbose=0, callbacks=loggers)
