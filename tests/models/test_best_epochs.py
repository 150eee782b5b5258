"""The best epochs of a training with a warm start, of Keras's callbacks and of users'."""

import warnings

import keras
import numpy as np
import pytest

from rme_tf import RecursiveMixture

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("eagerly")]
WARM = 2


class Score(keras.callbacks.Callback):
    """Logs a number an epoch, which worsens from the first one on unless told otherwise."""

    def __init__(self, values=range(100)):
        super().__init__()
        self.values = iter(values)

    def on_epoch_end(self, epoch, logs=None):
        logs["score"] = next(self.values)


@pytest.fixture
def warming(tiny_model, binary_data):
    """Trainer of a model of three components and two epochs of warm start."""
    model, x = tiny_model(3, mixing="learned"), binary_data(4)
    model.compile("sgd", RecursiveMixture(warm_start_epochs=WARM))

    def fit(*callbacks, epochs=6, **options):
        return model, model.fit(x, epochs=epochs, verbose=0, callbacks=list(callbacks), **options)

    return fit


def worsening(mode):
    """Arguments that make the first epoch the best one."""
    return {"monitor": "score", "mode": mode}, Score(range(100) if mode == "min" else range(0, -100, -1))


@pytest.mark.parametrize("mode", ["min", "max"])
def test_early_stopping_puts_back_an_epoch_of_the_whole_mixture(warming, mode):
    options, score = worsening(mode)
    stop = keras.callbacks.EarlyStopping(**options, patience=2, restore_best_weights=True)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*warm start")
        model, history = warming(score, stop)
    assert int(model.num_active) == 3
    assert stop.best_epoch == WARM
    assert int(model.epochs_trained) == WARM + 1
    assert len(history.epoch) == WARM + 3  # the best one, and its patience
    assert stop.start_from_epoch == 0  # as the user has left it


@pytest.mark.parametrize("mode", ["min", "max"])
def test_a_checkpoint_saves_the_best_epoch_of_the_whole_mixture(warming, tmp_path, mode):
    options, score = worsening(mode)
    path = tmp_path / "best.keras"
    save = keras.callbacks.ModelCheckpoint(path, **options, save_best_only=True)
    saved = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(path.exists()))
    seen = []
    warming(score, save, saved, epochs=4)
    assert seen == [False, False, True, True]
    assert abs(save.best) == WARM
    loaded = keras.saving.load_model(path)
    assert int(loaded.num_active) == 3
    assert int(loaded.epochs_trained) == WARM + 1


@pytest.mark.parametrize("verbose", [0, 1])
def test_a_verbose_checkpoint_says_once_from_which_epoch_on_it_saves(warming, tmp_path, capsys, verbose):
    options, score = worsening("max")
    save = keras.callbacks.ModelCheckpoint(tmp_path / "a.keras", **options, save_best_only=True, verbose=verbose)
    warming(score, save, epochs=8, initial_epoch=4)
    printed = capsys.readouterr().out
    assert printed.count(f"Best weights count from epoch {4 + WARM + 1} on, after the warm start.") == verbose
    assert "nan" not in printed
    saved = [line.partition(":")[0] for line in printed.splitlines() if "improve" in line]
    assert saved == verbose * [f"Epoch {4 + WARM + 1}", f"Epoch {4 + WARM + 2}"]
    assert save.verbose == verbose


def test_a_threshold_still_counts(warming, tmp_path):
    options, path = {"monitor": "score", "mode": "min", "save_best_only": True}, tmp_path / "best.weights.h5"
    save = keras.callbacks.ModelCheckpoint(path, **options, save_weights_only=True, initial_value_threshold=-1.0)
    warming(Score(), save, epochs=4)
    assert save.best == -1.0
    assert not path.exists()


def test_the_epochs_of_a_life_count_whatever_the_calls_of_fit(warming):
    """Epoch 0 of the second call is the third of the model's life; of the first call none counts."""
    stop = keras.callbacks.EarlyStopping("score", mode="min", patience=2, restore_best_weights=True)
    with pytest.warns(UserWarning, match="did not go beyond the warm start of .*: only component 0 of 3 is in use"):
        _, history = warming(Score(), stop, epochs=WARM)
    assert len(history.epoch) == WARM
    assert stop.best_weights is None
    model, _ = warming(Score(), stop)
    assert stop.best_epoch == 0
    assert int(model.epochs_trained) == WARM + 1
    assert int(model.num_active) == 3


def test_a_first_epoch_that_is_not_0_is_heeded(warming):
    stop = keras.callbacks.EarlyStopping("score", mode="min", patience=2, restore_best_weights=True)
    warming(Score(), stop, initial_epoch=7, epochs=20)
    assert stop.best_epoch == 7 + WARM


def test_an_interrupted_training_leaves_the_callbacks_as_they_were(warming, tmp_path):
    def interrupt(epoch, logs):
        raise KeyboardInterrupt

    stop = keras.callbacks.EarlyStopping("score", mode="min", start_from_epoch=1)
    save = keras.callbacks.ModelCheckpoint(tmp_path / "best.keras", monitor="score", mode="min", save_best_only=True)
    with pytest.raises(KeyboardInterrupt):
        warming(Score(), stop, save, keras.callbacks.LambdaCallback(on_epoch_end=interrupt))
    assert stop.start_from_epoch == 1
    assert save.best is None


def test_a_callback_of_a_user_that_puts_back_the_warm_start_is_told(warming):
    class KeepFirst(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 0:
                self.weights = self.model.get_weights()

        def on_train_end(self, logs=None):
            self.model.set_weights(self.weights)

    with pytest.warns(UserWarning, match="A callback has put back weights of the warm start of 2 epochs: only compon"):
        model, _ = warming(KeepFirst(), epochs=4)
    np.testing.assert_array_equal(model.call(model.likelihood.example())["weights"], [[1.0, 0.0, 0.0]])


def test_without_a_warm_start_every_epoch_counts(tiny_model, binary_data):
    model, x = tiny_model(2), binary_data(4)
    model.compile("sgd", RecursiveMixture(warm_start_epochs=0))
    stop = keras.callbacks.EarlyStopping("score", mode="min", patience=2, restore_best_weights=True)
    model.fit(x, epochs=6, verbose=0, callbacks=[Score(), stop])
    assert stop.best_epoch == 0
    assert int(model.epochs_trained) == 1
