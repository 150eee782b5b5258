"""Which likelihoods a recipe puts on which values, and of which it says bits per dimension."""

import json
import math

import pytest

import rme_tf
from rme_tf.data import BINARIZATIONS
from rme_tf.experiments import ImageRecipe
from rme_tf.experiments.recipes import factories
from rme_tf.experiments.recipes.images import is_density
from rme_tf.experiments.reports.tables import summary_table
from small_recipes import image_recipe

BINARY = ["dynamic", "static", "threshold"]
LEVELS = ["categorical_pixels", "discretized_logistic", "discretized_logistic_mixture"]
DENSITIES = [name for name in ImageRecipe.PARTS["likelihood"].table if is_density(name)]
ALLOWED = [
    *(("bernoulli", name) for name in [*BINARY, "none"]),  # of a data set that is binary there is nothing to do
    *((name, "none") for name in LEVELS + DENSITIES),
    *((name, "dequantized") for name in DENSITIES),
]
PAIRS = [(name, binarization) for name in ImageRecipe.PARTS["likelihood"].table for binarization in BINARIZATIONS]
TINY = {
    "dataset": "digits",
    "encoder": "mlp",
    "decoder": "mlp",
    "mlp_units": (4,),
    "latent_dim": 2,
    "components": 1,
    "train_size": 64,
    "test_size": 8,
    "epochs": 1,
    "batch_size": 32,
    "importance_samples": 2,
}


@pytest.mark.parametrize(("likelihood", "binarization"), PAIRS)
def test_a_likelihood_is_put_on_values_that_it_is_for(likelihood, binarization):
    if (likelihood, binarization) in ALLOWED:
        image_recipe(likelihood=likelihood, binarization=binarization)
    else:
        message = "need the likelihood 'bernoulli'" if binarization in BINARY else "need a density"
        with pytest.raises(ValueError, match=f"{message}.*Received: '{likelihood}'"):
            image_recipe(likelihood=likelihood, binarization=binarization)


@pytest.mark.parametrize(("likelihood", "binarization"), sorted(ALLOWED))
def test_bits_of_a_density_are_those_of_dequantised_pixels_alone(likelihood, binarization):
    recipe = image_recipe(**TINY, likelihood=likelihood, binarization=binarization)
    task = recipe.load()
    model = factories.make_model(recipe, task.model_options)
    for split in ("test", "train"):
        found = task.metrics(model, split, None).get("bits_per_dimension", 0.0)
        assert math.isnan(found) == (likelihood in DENSITIES and binarization == "none")


def test_a_recipe_says_how_many_images_there_were():
    """More than there are may be asked for: `--test-size 1000` is for folders of any size."""
    task = image_recipe(**{**TINY, "test_size": 1000}).load()
    assert task.facts == {"train": 64, "validation": 180, "test": 360}
    assert len(task.evaluations["test"]) == 360


@pytest.mark.slow
@pytest.mark.parametrize("binarization", ["none", "dequantized"])
@pytest.mark.usefixtures("eagerly")
def test_a_record_has_no_bits_that_mean_nothing(binarization, tmp_path):
    run = rme_tf.experiments.run(
        image_recipe(**TINY, likelihood="normal", binarization=binarization, out=str(tmp_path / "run"))
    )
    record = json.loads((tmp_path / "run" / "metrics.json").read_text(encoding="utf-8"))
    for split in ("test", "train"):
        assert (record["metrics"][split]["bits_per_dimension"] is None) == (binarization == "none")
    assert "bits/dim" in summary_table({"VAE": run.record})
