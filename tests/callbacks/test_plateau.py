"""The learning rate halves on a plateau, and a resumed training knows what came before."""

import math

import keras
import numpy as np
import pytest

from rme_tf import ELBO
from rme_tf.callbacks import HalveOnPlateau, ResumableCheckpoint
from rme_tf.experiments.recipes import factories
from rme_tf.experiments.runs import runner
from small_recipes import image_recipe

VALUES = [-5.0, -4.0, -4.5, -4.2, -3.0, -3.5, -3.1, -3.2, -3.3]
RATES = [1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.25, 0.25, 0.125]  # after two epochs that are no better, and again


def rates(values, history, learning_rate):
    """The learning rate after each epoch of a training whose optimizer starts with `learning_rate`."""
    model = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(learning_rate), "mse")
    callback = HalveOnPlateau(1.0, 2, history)
    callback.set_model(model)
    callback.on_train_begin()
    seen = []
    for epoch, value in enumerate(values, start=len(history.get("val_elbo", []))):
        callback.on_epoch_end(epoch, {"val_elbo": value})
        seen.append(float(model.optimizer.learning_rate.numpy()))
    return seen


def test_the_rate_halves_after_epochs_that_are_no_better():
    assert rates(VALUES, {}, 1.0) == RATES


@pytest.mark.parametrize("done", [1, 3, 4, 6])
def test_a_resumed_training_halves_when_the_whole_one_does(done):
    """Wherever it was cut, and with the rate that its optimizer was restored with."""
    resumed = rates(VALUES[done:], {"val_elbo": VALUES[:done]}, RATES[done - 1])
    assert resumed == RATES[done:]


def halvings(values, **options):
    """The epochs after which the rate is halved."""
    counts = [HalveOnPlateau(1.0, 2, {"val_elbo": values[:n]}, **options).halvings for n in range(len(values) + 1)]
    return [n - 1 for n in range(1, len(counts)) if counts[n] > counts[n - 1]]


def test_early_epochs_halve_nothing_but_are_counted():
    assert halvings(VALUES) == [3, 6, 8]
    assert halvings(VALUES, start_epoch=4) == [6, 8]
    assert halvings([-1.0, -2.0, -2.0, -2.0, -2.0], start_epoch=3) == [3]  # the third epoch in a row, at once


def test_a_halving_that_goes_back_to_the_best_compares_with_its_own_epoch():
    """Else an epoch from the best weights would have to be better than any."""
    values = [-1.0, -5.0, -4.0, -3.0, -3.5, -3.2]
    assert halvings(values) == [2, 4]
    assert halvings(values, best="somewhere") == [2, 5]


def test_epochs_that_are_no_number_are_no_better():
    assert halvings([math.nan, -1.0, math.nan, math.nan]) == [3]


class Told(keras.callbacks.Callback):
    """Puts values in the place of the validation ELBO, and every weight to the number of the epoch."""

    def __init__(self, values):
        super().__init__()
        self.values, self.began = values, []

    def on_epoch_begin(self, epoch, logs=None):
        self.began.append(first_weight(self.model))

    def on_epoch_end(self, epoch, logs=None):
        logs["val_elbo"] = self.values[epoch]
        for variable in self.model.trainable_variables:
            variable.assign(np.full(variable.shape, epoch, np.float32))


def told(tiny_model, x, folder, values, *, cut=None, **options):
    """Trains on such values, `cut` epochs of them in a process before; returns the model and its checkpoint."""
    for epochs in filter(None, (cut, len(values))):
        model = tiny_model(2)
        model.compile(keras.optimizers.SGD(1.0), ELBO(), run_eagerly=True)
        checkpoint = ResumableCheckpoint(model, folder / "checkpoints")
        plateau = HalveOnPlateau(1.0, 1, checkpoint.history, best=folder / "best", **options)
        teller = Told(values)
        callbacks = [teller, plateau, checkpoint]
        model.fit(x, epochs=epochs, initial_epoch=checkpoint.epoch, verbose=0, callbacks=callbacks)
    return model, checkpoint, plateau, teller


def first_weight(model):
    return float(np.ravel(model.decoder.trainable_variables[0])[0])


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("cut", [None, 1, 2, 3])
def test_training_goes_on_from_the_best_weights_and_ends_with_them(tiny_model, binary_data, tmp_path, cut):
    """After epoch 2, which is worse than the one before; the counters stay."""
    values = [-3.0, -2.0, -2.5, -2.2, -2.1]
    model, checkpoint, _, teller = told(tiny_model, binary_data(4), tmp_path, values, cut=cut)
    assert teller.began[-2:] == [1.0, 3.0]  # after the halving, and after an epoch that has moved on
    assert checkpoint.history["learning_rate"] == [1.0, 1.0, 1.0, 0.5, 0.5]
    assert first_weight(model) == 1.0
    assert checkpoint.epoch == int(model.epochs_trained) == int(model.optimizer.iterations) == 5
    again = tiny_model(2)
    again.compile(keras.optimizers.SGD(1.0), ELBO())
    ResumableCheckpoint(again, tmp_path / "checkpoints")
    assert first_weight(again) == 1.0


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_the_last_halving_ends_the_training(tiny_model, binary_data, tmp_path):
    values = [-1.0, -2.0, -3.0, -4.0, -5.0]
    model, checkpoint, plateau, _ = told(tiny_model, binary_data(4), tmp_path, values, max_halvings=2)
    assert checkpoint.epoch == 3
    assert plateau.is_over
    assert HalveOnPlateau(1.0, 1, checkpoint.history, max_halvings=2).is_over
    assert first_weight(model) == 0.0


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_epochs_of_a_warm_start_are_not_among_the_best(tiny_model, binary_data, tmp_path):
    model, *_ = told(tiny_model, binary_data(4), tmp_path, [-1.0, -3.0, -2.0, -2.5], best_from=1)
    assert first_weight(model) == 2.0


RECIPE = {"dataset": "digits", "encoder": "mlp", "decoder": "mlp", "train_size": 64, "test_size": 20, "batch_size": 32}


def test_a_recipe_describes_it_and_a_training_that_has_ended_is_not_taken_up_again(tmp_path, monkeypatch):
    recipe = image_recipe(**RECIPE, patience=1, halve_from_epoch=2, max_halvings=1, restore_best=True, components=2)
    task = recipe.load()
    model = factories.make_model(recipe, task.model_options)
    plateau = runner.make_plateau(recipe, model, {}, tmp_path)
    found = (plateau.patience, plateau.start_epoch, plateau.max_halvings, plateau.best_from, plateau.directory)
    assert found == (1, 2, 1, 3, tmp_path / "best")
    assert runner.make_plateau(image_recipe(), model, {}, tmp_path) is None
    monkeypatch.setattr(ResumableCheckpoint, "history", {"val_elbo": [-1.0, -2.0, -3.0]}, raising=False)
    monkeypatch.setattr(ResumableCheckpoint, "__init__", lambda self, model, directory, **_: None)
    monkeypatch.setattr(ResumableCheckpoint, "epoch", 3)
    runner.train(recipe, model, task, tmp_path)  # else it would read a checkpoint that is not there


@pytest.mark.parametrize(
    ("values", "choices", "expected"),
    [
        ([-3.0, -1.0, -2.0, -2.5], {"max_halvings": 2, "restore_best": True}, [2, 4]),
        ([-3.0, -1.0, -2.0, -2.5], {"max_halvings": 2}, [4]),
        ([-3.0, -1.0, -2.0, -2.5], {"max_halvings": 3, "restore_best": True}, [2]),
        ([-3.0, -1.0, -2.0, -2.5], {}, []),
    ],
)
def test_a_run_says_where_it_ended_and_what_it_restored(values, choices, expected, tmp_path):
    recipe = image_recipe(**RECIPE, patience=1, components=1, algorithm="elbo", **choices)
    model = factories.make_model(recipe, recipe.load().model_options)
    plateau = runner.make_plateau(recipe, model, {"val_elbo": values}, tmp_path)
    text = runner.end_of(recipe, plateau, len(values))
    assert ("ended after epoch 4: 2 times" in text) == (4 in expected)
    assert ("best epoch, 2." in text) == (2 in expected)
    assert len(text.splitlines()) == len(expected)


@pytest.mark.parametrize(("name", "value"), [("halve_from_epoch", 1), ("max_halvings", 1), ("restore_best", True)])
def test_what_needs_patience_is_refused_without(name, value):
    with pytest.raises(ValueError, match=f"`{name}` needs `patience`"):
        image_recipe(**{name: value})
    image_recipe(**{name: value}, patience=2)
