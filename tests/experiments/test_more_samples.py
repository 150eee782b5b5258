"""The log-likelihood of the test set by a second number of samples: evaluated, recorded, shown where it is there."""

import dataclasses

import numpy as np
import pytest

from rme_tf import log_likelihood
from rme_tf.experiments.recipes import factories
from rme_tf.experiments.recipes.base import EVALUATION_SEED
from rme_tf.experiments.reports import tables
from rme_tf.experiments.runs import runner
from small_recipes import image_recipe
from test_report import record, text_record

TINY = {"dataset": "digits", "encoder": "mlp", "decoder": "mlp", "train_size": 64, "test_size": 20, "batch_size": 32}


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_it_is_of_the_test_set_and_by_its_own_name():
    recipe = image_recipe(**TINY, components=2, latent_dim=2, importance_samples=4, more_importance_samples=6)
    task = recipe.load()
    model = factories.make_model(recipe, task.model_options)
    metrics = runner.assess(recipe, model, task)
    expected = log_likelihood(model, task.example, num_samples=6, seed=EVALUATION_SEED, progress=False)
    assert metrics["test"]["log_likelihood_6"] == pytest.approx(expected.mean)
    assert metrics["test"]["log_likelihood_6_standard_error"] == pytest.approx(expected.standard_error)
    assert not [name for name in metrics["train"] if "6" in name]
    assert metrics["test"]["log_likelihood"] != metrics["test"]["log_likelihood_6"]
    without = runner.assess(dataclasses.replace(recipe, more_importance_samples=None), model, task)
    assert without["test"].keys() == metrics["test"].keys() - {"log_likelihood_6", "log_likelihood_6_standard_error"}


def test_a_smoke_run_has_few_of_both():
    small = image_recipe(more_importance_samples=5000, smoke=True).resolved()
    assert (small.importance_samples, small.more_importance_samples) == (64, 128)
    with pytest.raises(ValueError, match="`more_importance_samples` must be an integer of at least 1"):
        image_recipe(more_importance_samples=0)


def with_more(given, value):
    test = {**given["metrics"]["test"], "log_likelihood_5000": value, "log_likelihood_5000_standard_error": 0.25}
    config = {**given["config"], "importance_samples": 500, "more_importance_samples": 5000}
    return {**given, "config": config, "metrics": {**given["metrics"], "test": test}}


def columns_of(table):
    header, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    return [dict(zip(header, row, strict=True)) for row in rows]


def test_studies_show_it_beside_the_other_where_it_is_there():
    records = [text_record("lm"), *(with_more(text_record(nll=nll), 1.0 - nll) for nll in (44.0, 46.0))]
    table = tables.study_table(records)
    lm, rme = columns_of(table)
    assert (lm["NLL, 5,000 samples"], rme["NLL, 5,000 samples"]) == ("", "44.00 ± 1.00")
    names = list(rme)
    assert names.index("NLL, 5,000 samples") == names.index("NLL") + 1
    assert "5,000" not in tables.study_table(records[:1])
    (row,) = columns_of(tables.study_table([with_more(record(), -94.5)]))
    assert row["test log p(x), 500 samples"] == "-95.00"
    assert row["test log p(x), 5,000 samples"] == "-94.50"


def test_summaries_show_it_with_its_error():
    for given in (record(), text_record()):
        (row,) = columns_of(tables.summary_table({"RME": with_more(given, -40.5)}, style="github"))
        assert row["test log p(x), 5,000 samples"] == "-40.50 ± 0.25"
    assert np.isfinite(record()["metrics"]["test"]["log_likelihood"])
