"""The learning rate halves on a plateau, and a resumed training knows what came before."""

import keras
import pytest

from rme_tf.callbacks import HalveOnPlateau

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
