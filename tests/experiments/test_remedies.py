"""What a recipe says of remedies against posterior collapse reaches the training."""

import copy
import dataclasses
import warnings

import pytest
import tensorflow as tf

import rme_tf
from rme_tf import CyclicalAnnealing, FreeBits, LinearAnnealing
from rme_tf.algorithms import Aggressive
from rme_tf.callbacks import ResetDecoder
from rme_tf.experiments import with_fields
from rme_tf.experiments.recipes import factories
from rme_tf.experiments.runs import runner
from small_recipes import image_recipe

ONE = {"components": 1, "algorithm": "elbo"}
TINY = {**ONE, "dataset": "digits", "encoder": "mlp", "decoder": "mlp", "train_size": 64, "test_size": 20}


def test_a_recipe_describes_them():
    def algorithm(**choices):
        return factories.make_algorithm(image_recipe(**choices), steps_per_epoch=7)

    assert algorithm(annealing="linear", annealing_steps=5, annealing_start=0.1).kl_weight == LinearAnnealing(
        steps=5, start=0.1
    )
    assert algorithm(annealing="linear", annealing_delay=3).kl_weight.delay == 3
    cyclical = algorithm(annealing="cyclical", annealing_cycles=2, annealing_rise=0.25, kl_weight=0.5).kl_weight
    assert cyclical == CyclicalAnnealing(steps=1000, end=0.5, cycles=2, rise=0.25)
    assert algorithm(free_bits=0.25).free_bits == FreeBits(nats=0.25)
    assert algorithm(free_bits=5.0, free_bits_groups=1).free_bits == FreeBits(nats=5.0, groups=1)
    assert algorithm(free_bits=0.0).free_bits is None
    assert algorithm(aggressive=True).aggressive == Aggressive()
    numbers = {"aggressive_window": 3, "aggressive_max_steps": 9}
    assert algorithm(aggressive=True, **numbers).aggressive == Aggressive(window=3, max_steps=9)


def test_the_weight_rises_once_the_decoder_begins_anew():
    """Unless the recipe says when."""
    recipe = image_recipe(annealing="linear", reset_decoder_epoch=3)
    assert factories.make_algorithm(recipe, steps_per_epoch=7).kl_weight.delay == 21
    sooner = with_fields(recipe, {"annealing_delay": 0})
    assert factories.make_algorithm(sooner, steps_per_epoch=7).kl_weight.delay == 0


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"reset_decoder_epoch": 0}, "`reset_decoder_epoch` must be an integer of at least 1"),
        (
            {"reset_decoder_epoch": 5, "epochs": 5},
            "`reset_decoder_epoch` must come before `epochs`. Received: 5 of 5",
        ),
        ({"annealing": "linear", "annealing_delay": -1}, "`delay` must be a finite number of at least 0"),
        ({"annealing": "cyclical", "annealing_cycles": 0}, "`cycles`"),
        ({"annealing": "cyclical", "annealing_rise": 2.0}, "`rise`"),
        ({"free_bits": 1.0, "free_bits_groups": 0}, "`groups` must be an integer of at least 1"),
        ({"free_bits": 1.0, "free_bits_groups": 3}, "`algorithm.free_bits.groups` must divide.*Received: 3 of 20"),
        ({"aggressive_window": 0}, "`window`"),
    ],
    ids=str,
)
def test_impossible_ones_are_refused(choices, message):
    with pytest.raises(ValueError, match=message):
        image_recipe(**choices)


def test_a_record_made_before_they_were_fields_is_of_the_same_run():
    recipe = image_recipe(annealing="linear")
    older = copy.deepcopy(recipe.identity)
    for name in ("delay", "start"):
        del older["algorithm"]["kl_weight"][name]
    del older["algorithm"]["free_bits"], older["reset_decoder_epoch"]
    assert recipe.differences(older) == {}


def test_a_run_hands_the_reset_to_fit(tmp_path, monkeypatch):
    seen = {}
    monkeypatch.setattr(rme_tf.VAE, "fit", lambda self, x, **options: seen.update(options))
    recipe = image_recipe(**TINY, batch_size=16, epochs=3, annealing="linear", reset_decoder_epoch=2)
    task = recipe.load()
    model = factories.make_model(recipe, task.model_options, task.steps_per_epoch)
    assert model.algorithm.kl_weight.delay == 2 * 4
    runner.train(recipe, model, task, tmp_path)
    assert [callback.epoch for callback in seen["callbacks"] if isinstance(callback, ResetDecoder)] == [2]
    assert dataclasses.replace(recipe, smoke=True).resolved().reset_decoder_epoch == 1


@pytest.mark.slow
@pytest.mark.parametrize("tensorboard", [False, True])
def test_curves_are_written_for_tensorboard_if_wanted(tmp_path, tensorboard):
    """After the monitor, whose numbers are among them."""
    pytest.importorskip("tensorboard")
    recipe = image_recipe(**TINY, batch_size=32, epochs=1, diagnosed=20, tensorboard=tensorboard)
    task = recipe.load()
    model = factories.make_model(recipe, task.model_options)
    model.run_eagerly = True
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of collapse
        runner.train(recipe, model, task, tmp_path)
    names = {
        value.tag
        for file in tmp_path.rglob("*tfevents*")
        for event in tf.compat.v1.train.summary_iterator(str(file))
        for value in event.summary.value
    }
    assert ({"epoch_mi", "epoch_elbo"} <= names) == tensorboard
    assert (tmp_path / "tensorboard").exists() == tensorboard
