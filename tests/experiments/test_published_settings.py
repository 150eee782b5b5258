"""The settings of He et al. (2019) reach the networks and the optimizer."""

import numpy as np
import pytest

from rme_tf.experiments import HE_2019, HE_2019_DOCUMENTS
from rme_tf.experiments.recipes import factories
from small_recipes import text_recipe

SMALL = {"units": 6, "embedding_size": 5, "components": 2, "data_dir": None}


def model_of(**choices):
    recipe = text_recipe(**{**SMALL, **choices})
    return factories.make_model(recipe, recipe.model_options(30), steps_per_epoch=4)


def rates(model):
    encoders = [encoder.config["dropout"] for encoder in model.encoders]
    return *encoders, model.decoder.config["input_dropout"], model.decoder.config["output_dropout"]


@pytest.mark.slow
def test_the_encoders_have_no_dropout_and_the_decoder_has():
    assert rates(model_of(**HE_2019)) == (0.0, 0.0, 0.5, 0.5)
    assert rates(model_of(input_dropout=0.3)) == (0.3, 0.3, 0.3, 0.0)  # one rate for both, unless it is another
    assert rates(model_of(encoder_dropout=0.2)) == (0.2, 0.2, 0.0, 0.0)


@pytest.mark.slow
def test_weights_start_within_their_ranges():
    model = model_of(**HE_2019)
    variables = model.trainable_variables
    assert {variable.name for variable in variables} >= {"embeddings", "kernel", "bias", "table"}
    for variable in variables:
        within = 0.1 if variable.name == "embeddings" else 0.01
        assert np.abs(variable.numpy()).max() <= within, variable.path
        assert np.abs(variable.numpy()).max() > 0.5 * within, variable.path  # 6 numbers at least, biases among them
    one, other = (encoder.get_weights()[0] for encoder in model.encoders)
    assert np.abs(one - other).max() > 0.01
    again, elsewhere = model_of(**HE_2019), model_of(**HE_2019, seed=1)
    np.testing.assert_array_equal(again.decoder.get_weights()[0], model.decoder.get_weights()[0])
    assert (elsewhere.decoder.get_weights()[0] != model.decoder.get_weights()[0]).any()


@pytest.mark.slow
def test_embeddings_are_as_other_weights_unless_told_and_these_as_keras_has_them():
    assert np.abs(model_of(weight_range=0.01).decoder.embedding.embeddings.numpy()).max() <= 0.01
    assert np.abs(model_of().decoder.lstm.cell.kernel.numpy()).max() > 0.1


def test_the_rate_is_halved_late_and_five_times():
    recipe = text_recipe(**HE_2019_DOCUMENTS)
    assert (recipe.patience, recipe.halve_from_epoch, recipe.max_halvings, recipe.restore_best) == (2, 15, 5, True)


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"weight_range": 0.0}, "`weight_range` must be a finite number above 0. Received: 0.0"),
        ({"weight_range": 0.1, "embedding_range": float("inf")}, "`embedding_range` must be a finite number above 0"),
        ({"embedding_range": 0.1}, "`embedding_range` needs a `weight_range`"),
    ],
    ids=str,
)
def test_impossible_settings_are_refused(choices, message):
    with pytest.raises(ValueError, match=message):
        text_recipe(**choices)


def test_a_record_made_before_they_were_fields_is_of_the_same_run():
    recipe = text_recipe(input_dropout=0.5)
    older = dict(recipe.identity)
    for name in ("weight_range", "embedding_range", "halve_from_epoch", "restore_best"):
        del older[name]
    assert recipe.differences(older) == {}
