"""Recorded runs, methods and recipe scripts build what they did when recipes were flat dataclasses.

tests/golden/recipe_builds.json has digests of all that they built then: see `built`.
"""

import functools
import importlib.util
import json
import pathlib
import sys

import pytest

from built import digest, kind_of
from rme_tf.experiments import Recipe, load_study, method_recipes, with_fields
from rme_tf.experiments.runs.former_methods import spelling_of
from rme_tf.experiments.runs.methods import METHODS

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOLDEN = json.loads((ROOT / "tests" / "golden" / "recipe_builds.json").read_text(encoding="utf-8"))
RESULTS = ROOT / "recipes" / "results"


@functools.cache
def module_of(name):
    """A recipe script, imported."""
    spec = importlib.util.spec_from_file_location(f"built_{name.removesuffix('.py')}", ROOT / "recipes" / name)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("study", sorted(GOLDEN["records"]))
def test_a_recorded_run_builds_what_it_did(study):
    configs = {record["method"]: record["config"] for record in load_study(RESULTS / f"{study}.jsonl")}
    assert configs.keys() == GOLDEN["records"][study].keys()
    for method, config in configs.items():
        recipe = kind_of(config).of_config(config)
        assert digest(recipe) == GOLDEN["records"][study][method], method
        assert recipe.differences(config) == recipe.differences(recipe.identity) == {}, method


def recipes_of(script):
    """The recipes of a script, and of the methods of a study, by name."""
    module = module_of(script)
    for name, value in list(vars(module).items()):
        if isinstance(value, Recipe):
            yield name, value
        elif isinstance(value, type) and issubclass(value, Recipe) and value.__module__ == module.__name__:
            study, methods = value(), getattr(module, "METHODS", METHODS)
            yield name, study
            for former in (key.rpartition("/")[2] for key in GOLDEN["recipes"][script] if "/" in key):
                spelling = spelling_of(former, methods)
                (recipe,) = method_recipes([spelling], value.__base__, study, methods=methods).values()
                yield f"{name}/{former}", recipe


def with_former_defaults(recipe):
    """A recipe that draws one component for each image, with all components in every step and encoders of their own."""
    drawing = recipe.option("algorithm.components_per_step") is not None
    return with_fields(recipe, {"trunk": None, "algorithm.components_per_step": None}) if drawing else recipe


@pytest.mark.parametrize("script", sorted(GOLDEN["recipes"]))
def test_a_recipe_script_builds_what_it_did(script):
    expected = GOLDEN["recipes"][script]
    found = {name: with_former_defaults(recipe) for name, recipe in recipes_of(script) if name in expected}
    assert found.keys() == expected.keys()
    for name, recipe in found.items():
        assert digest(recipe) == expected[name], name
