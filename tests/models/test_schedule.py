"""The learning rate of a recipe falls along a cosine, step by step, and a resumed training goes on falling."""

import math

import keras
import numpy as np
import pytest

from rme_tf.callbacks import ResumableCheckpoint
from rme_tf.experiments.recipes.factories import make_model
from small_recipes import image_recipe

RECIPE = {"dataset": "digits", "encoder": "mlp", "decoder": "mlp", "batch_size": 32, "components": 2}
STEPS = 3  # an epoch


def fall(share):
    """The rate after a share of all steps, of a first one of 0.5."""
    return 0.25 * (1.0 + math.cos(math.pi * share))


def make(tmp_path, **fields):
    """A model of a recipe of four epochs, its images, and its checkpoint."""
    recipe = image_recipe(**RECIPE, epochs=4, learning_rate=0.5, optimizer="sgd", warm_start_epochs=1, **fields)
    task = recipe.load()
    options = {**task.model_options, "encoder_options": {"units": (4,)}, "decoder_options": {"units": (4,)}}
    model = make_model(recipe, options, STEPS)
    return model, next(iter(task.batches(0))), ResumableCheckpoint(model, tmp_path)


class Rates(keras.callbacks.Callback):
    """Keeps the learning rate before each step."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_train_batch_begin(self, batch, logs=None):
        self.seen.append(float(self.model.optimizer.learning_rate))


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("update", ["joint", "sequential"])
def test_the_rate_falls_to_zero_over_all_steps_of_all_epochs(update, tmp_path):
    """Also where the step is a loop over the components, and where the training was cut."""
    rates = Rates()
    for epochs in (2, 4):
        model, x, checkpoint = make(tmp_path, schedule="cosine", update=update)
        fit = {"steps_per_epoch": STEPS, "epochs": epochs, "initial_epoch": checkpoint.epoch, "verbose": 0}
        model.fit(x, batch_size=-(-len(x) // STEPS), callbacks=[rates, checkpoint], **fit)
    np.testing.assert_allclose(rates.seen, [fall(step / (4 * STEPS)) for step in range(4 * STEPS)], rtol=1e-5)
    assert float(model.optimizer.learning_rate) == pytest.approx(0.0, abs=1e-7)


def test_a_constant_rate_is_what_a_recipe_has_unless_it_says_more(tmp_path):
    model, *_ = make(tmp_path)
    model.optimizer.iterations.assign(7)
    assert float(model.optimizer.learning_rate) == 0.5


def test_a_rate_that_falls_by_itself_is_not_halved():
    with pytest.raises(ValueError, match=r"`patience` halves a constant learning rate. Received: `schedule` 'cosine'"):
        image_recipe(**RECIPE, schedule="cosine", patience=1)
    with pytest.raises(ValueError, match="`schedule` must be 'constant' or 'cosine'. Received: 'linear'"):
        image_recipe(**RECIPE, schedule="linear")
