"""Directories of runs that were interrupted under earlier names of their methods are resumed."""

import dataclasses
import pathlib

import keras
import pytest
import yaml

import rme_tf.experiments.runs.study
from rme_tf.experiments import ImageRecipe, Run, method_recipes, run_study
from rme_tf.experiments.runs.earlier_names import as_begun
from rme_tf.experiments.runs.former_methods import FORMER, spelling_of
from rme_tf.experiments.runs.methods import METHODS
from rme_tf.experiments.runs.runner import prepare
from small_recipes import image_recipe
from test_study import recorded

BASE = image_recipe(epochs=30, components=3)


def present(former):
    """The recipe that a former name stands for."""
    (recipe,) = method_recipes([spelling_of(former, METHODS)], ImageRecipe, BASE).values()
    return recipe


def interrupted(recipe, folder, config=None):
    """Makes the directory of an interrupted run."""
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(recipe.config if config is None else config), encoding="utf-8")


@pytest.mark.slow
def test_every_former_name_is_found_under_its_present_one(tmp_path):
    recipes = {former: present(former) for former in FORMER}
    for former, recipe in recipes.items():
        interrupted(recipe, tmp_path / f"{former}-seed0")
    renamed = {former: dataclasses.replace(recipe, out="new") for former, recipe in recipes.items()}
    for former, recipe in as_begun(renamed, tmp_path).items():
        there = pathlib.Path(recipe.out).name.removesuffix("-seed0")
        assert recipes[there].identity == recipes[former].identity
        assert prepare(recipe) == pathlib.Path(recipe.out)  # which accepts the configuration that is there


@pytest.mark.parametrize("former", ["vae_annealed", "rme_c500"])
def test_a_study_resumes_the_directory_of_a_former_name(former, tmp_path, monkeypatch):
    ran = []

    def run(recipe, callbacks, page=True):
        ran.append(recipe.out)
        return Run(recipe, None, recorded(recipe), {"elbo": [1.0]}, None)

    monkeypatch.setattr(rme_tf.experiments.runs.study, "run", run)
    monkeypatch.setattr(keras.utils, "clear_session", lambda: None)
    interrupted(present(former), tmp_path / "runs" / f"{former}-seed0")
    methods = method_recipes([spelling_of(former, METHODS)], ImageRecipe, BASE)
    (path,) = run_study(methods, seeds=1, out=str(tmp_path / "runs"), results=str(tmp_path / "results"))
    assert ran == [str(tmp_path / "runs" / f"{former}-seed0")]
    assert path.stem != f"{former}-seed0"


def test_other_directories_are_not_taken(tmp_path):
    recipe = dataclasses.replace(present("vae_annealed"), out=str(tmp_path / "vae"))
    interrupted(recipe, tmp_path / "other_seed", {**recipe.config, "seed": 1})
    interrupted(recipe, tmp_path / "foreign", {"title": "my thesis"})
    interrupted(recipe, tmp_path / "unknown", {**recipe.config, "no_field": 1})
    assert as_begun({"vae": recipe}, tmp_path)["vae"].out == recipe.out
    interrupted(recipe, tmp_path / "same")
    assert as_begun({"vae": recipe}, tmp_path)["vae"].out == str(tmp_path / "same")
    assert as_begun({"vae": dataclasses.replace(recipe, overwrite=True)}, tmp_path)["vae"].out == recipe.out
    interrupted(recipe, tmp_path / "vae")
    assert as_begun({"vae": recipe}, tmp_path)["vae"].out == recipe.out  # its own comes first
