"""A run in whose epochs a mixture cannot grow is refused, and one that did not grow is not listed as a mixture."""

import dataclasses
import runpy
import sys

import pytest

import rme_tf
from rme_tf.algorithms import ALGORITHMS
from rme_tf.experiments import ImageRecipe, TextRecipe
from rme_tf.experiments.recipes.growth import check_growth
from rme_tf.experiments.reports import paired_comparison, tables
from rme_tf.experiments.reports.growth import components_trained
from rme_tf.experiments.runs import runner
from rme_tf.experiments.runs.methods import METHODS, method_recipes
from small_recipes import image_recipe
from test_recipes import ROOT, recipes_of
from test_report import record

TINY = {
    "dataset": "digits",
    "encoder": "mlp",
    "decoder": "mlp",
    "mlp_units": (4,),
    "latent_dim": 2,
    "components": 3,
    "train_size": 64,
    "test_size": 20,
    "batch_size": 32,
    "importance_samples": 3,
}


@pytest.fixture
def nothing_is_loaded(monkeypatch):
    for kind in (ImageRecipe, TextRecipe):
        monkeypatch.setattr(kind, "load", lambda self: pytest.fail("read the data"))


@pytest.mark.parametrize("algorithm", sorted(ALGORITHMS))
@pytest.mark.parametrize("kind", [ImageRecipe, TextRecipe])
@pytest.mark.usefixtures("nothing_is_loaded")
def test_a_mixture_that_cannot_grow_is_refused_before_any_work(kind, algorithm, tmp_path):
    part = {"name": algorithm, "warm_start_epochs": 3}
    recipe = kind(epochs=2, components=5, algorithm=part, out=str(tmp_path / "run"))
    message = r"not 5. Expected: `epochs` of at least 4, or a smaller `warm_start_epochs`. Received: 2 and 3\."
    out, results = str(tmp_path / "runs"), str(tmp_path / "results")
    with pytest.raises(ValueError, match=f"RME: .*{message}"):
        rme_tf.experiments.run(recipe)
    with pytest.raises(ValueError, match=f"mine: .*{message}"):
        rme_tf.experiments.compare({"vae": kind(components=1), "mine": recipe}, out=out)
    for study in (rme_tf.experiments.run_study, rme_tf.experiments.run_comparison):
        with pytest.raises(ValueError, match=f"mine: .*{message}"):
            study({"vae": kind(components=1), "mine": recipe}, seeds=1, out=out, results=results)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("script", ["table.py", "mnist_study.py"])
@pytest.mark.usefixtures("nothing_is_loaded")
def test_a_study_names_the_method_that_cannot_grow(script, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = [script, "--dataset", "digits", "--seeds", "1", "--epochs", "3", "--warm-start-epochs", "3"]
    monkeypatch.setattr(sys, "argv", [*words, "--methods", "vae,rme"])
    with pytest.raises(ValueError, match="rme2?: the warm start takes all epochs.*Received: 3 and 3"):
        runpy.run_path(str(ROOT / "recipes" / script), run_name="__main__")
    assert list(tmp_path.iterdir()) == []


def test_a_polish_that_never_comes_is_refused():
    for algorithm in sorted(ALGORITHMS):
        has_one = any(field.name == "polish_epoch" for field in dataclasses.fields(ALGORITHMS[algorithm]))
        if not has_one:
            check_growth({"": image_recipe(epochs=5, algorithm=algorithm)})
            continue
        recipe = image_recipe(epochs=5, polish_epoch=5, algorithm=algorithm)
        with pytest.raises(ValueError, match=r"mine: `polish_epoch` must be less than `epochs`.*Received: 5 of 5\."):
            check_growth({"mine": recipe})
        check_growth({"mine": dataclasses.replace(recipe, epochs=6)})


def test_one_component_has_no_warm_start_to_survive():
    check_growth({"": image_recipe(components=1, epochs=1, warm_start_epochs=3)})


def test_the_methods_grow_in_the_epochs_that_they_have_and_in_seconds():
    recipes = method_recipes(METHODS, ImageRecipe, image_recipe(), components=[2, 5])
    check_growth(recipes)
    check_growth({name: dataclasses.replace(recipe, smoke=True) for name, recipe in recipes.items()})


@pytest.mark.parametrize(("epochs", "shown"), [(2, "1 of 5"), (3, "1 of 5"), (4, 5)])
def test_a_record_that_ended_in_the_warm_start_is_named(epochs, shown):
    whole, short = record(components=5), record(components=5)
    for each, number in ((whole, 9), (short, epochs)):
        each["config"] |= {"warm_start_epochs": 3, "seed": number}
        each["epochs"], each["history"] = number, {"seconds": [1.0] * number}
    older = {name: value for name, value in short.items() if name != "epochs"}
    for records in ([short], [whole, short], [older]):
        assert components_trained(records) == shown
    assert components_trained([whole]) == 5
    assert paired_comparison.comparison_rows([whole, short], "rme")[0]["M"] == shown
    assert ("1 of 5" in tables.study_table([whole, short])) == (shown != 5)
    assert ("RME (1 of 5 components)" in tables.summary_table({"RME": short})) == (shown != 5)
    assert "RME (" not in tables.summary_table({"RME": whole})
    assert "1 of" not in tables.summary_table({"VAE": {**short, "config": {**short["config"], "components": 1}}})


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_a_run_whose_minutes_end_in_the_warm_start_says_so(tmp_path, monkeypatch):
    recipe = image_recipe(**TINY, epochs=9, warm_start_epochs=3, train_minutes=1e-9, out=str(tmp_path))
    with pytest.warns(UserWarning, match="only component 0 of 3 is in use"):
        finished = rme_tf.experiments.run(recipe)
    assert "RME (1 of 3 components)" in tables.summary_table({"RME": finished.record})
    monkeypatch.setattr(runner, "check_growth", lambda recipes: pytest.fail("a finished run is only read"))
    assert rme_tf.experiments.run(recipe).record == finished.record


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_a_run_whose_minutes_end_before_its_polish_says_so(tmp_path):
    choices = {**TINY, "warm_start_epochs": 0, "train_minutes": 1e-9}
    with pytest.warns(UserWarning, match=r"ended after 1 epochs, before its polish from epoch 4 on .*nothing was"):
        rme_tf.experiments.run(image_recipe(**choices, epochs=9, polish_epoch=4, out=str(tmp_path / "cut")))


@pytest.mark.parametrize("script", ["collapse", "gaussian", "mnist_study", "pixelcnn"])
def test_every_study_s_own_methods_grow(script):
    namespace = type("Module", (), runpy.run_path(str(ROOT / "recipes" / f"{script}.py"), run_name=script))
    recipes = recipes_of(namespace)
    assert len(recipes) > 2
    check_growth(recipes)
    check_growth({name: dataclasses.replace(recipe, smoke=True) for name, recipe in recipes.items()})
