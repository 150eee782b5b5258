"""Defaults of a recipe's choices: those of their classes, the same in every form of a recipe."""

import dataclasses
import pathlib

import pytest
import yaml

from built import kind_of
from rme_tf import ELBO, ImportanceWeighted
from rme_tf.algorithms import ALGORITHMS
from rme_tf.experiments import IMAGE_RECIPES, ImageRecipe, Part, TextRecipe, parse, with_fields
from rme_tf.experiments.cli import from_yaml
from rme_tf.experiments.recipes import factories
from rme_tf.experiments.recipes.growth import check_growth
from rme_tf.experiments.reports.records import load_study
from rme_tf.experiments.runs import runner

RESULTS = pathlib.Path(__file__).resolve().parents[2] / "recipes" / "results"

every_kind = pytest.mark.parametrize("kind", [ImageRecipe, TextRecipe])
every_algorithm = pytest.mark.parametrize("name", sorted(ALGORITHMS))


def recipe_of(kind, **fields):
    return with_fields(kind(), fields)


@every_kind
@every_algorithm
def test_a_recipe_of_an_algorithm_is_the_algorithm(kind, name):
    algorithm = ALGORITHMS[name]
    assert factories.make_algorithm(kind(algorithm=name, components=1)) == algorithm(warm_start_epochs=0)
    recipe = kind(algorithm=name)  # mixtures all start alike
    epochs = recipe.option("algorithm.warm_start_epochs")
    assert factories.make_algorithm(recipe) == algorithm(warm_start_epochs=epochs)
    assert factories.make_algorithm(recipe.resolved()) == factories.make_algorithm(recipe)


def test_importance_weighting_of_one_component_is_no_plain_elbo(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text("algorithm: importance_weighted\ncomponents: 1\nnum_samples: 1\n", encoding="utf-8")
    recipe = parse(ImageRecipe(), args=["--algorithm", "importance_weighted", "--components", "1"])
    assert factories.make_algorithm(recipe) == ImportanceWeighted()
    assert recipe.option("algorithm.num_samples") == ImportanceWeighted().num_samples > 1
    one = parse(ImageRecipe(), args=["--config", str(path)])
    assert factories.make_algorithm(one).num_samples == one.option("algorithm.num_samples") == 1
    assert recipe.differences(one.identity) == {"algorithm.num_samples": (1, 5)}


def test_a_choice_of_another_name_keeps_the_options_that_both_take():
    recipe = recipe_of(ImageRecipe, kl_bound=5.0, warm_start_noise=0.5)
    elbo = with_fields(recipe, {"algorithm": "elbo"})
    assert factories.make_algorithm(elbo) == ELBO(warm_start_epochs=3, warm_start_noise=0.5)
    assert with_fields(elbo, {"algorithm": "recursive_mixture"}) == recipe
    importance = with_fields(recipe, {"algorithm": "importance_weighted"})
    assert factories.make_algorithm(importance).num_samples == 5  # its own
    pixelcnn = recipe_of(ImageRecipe, decoder="pixelcnn", pixelcnn_filters=3)
    assert with_fields(pixelcnn, {"decoder": "conv"}).option("decoder.filters") == [32, 64]  # sizes of another kind


@every_kind
@every_algorithm
def test_equal_choices_have_equal_identities_in_every_form(kind, name, tmp_path):
    samples = ALGORITHMS[name].num_samples
    default = kind(algorithm=name)
    path = tmp_path / "recipe.yaml"
    path.write_text(f"algorithm:\n  name: {name}\n  num_samples: {samples}\n", encoding="utf-8")
    forms = [
        kind(algorithm={"name": name, "num_samples": samples}),
        kind(algorithm=Part(name, num_samples=samples)),
        recipe_of(kind, algorithm=name, num_samples=samples),
        parse(kind(), args=["--algorithm", name, "--algorithm.num-samples", str(samples)]),
        from_yaml(path, kind()),
        kind.of_config({**default.config, "algorithm": name, "num_samples": samples}),
        kind.of_config(default.config),
    ]
    for recipe in forms:
        assert recipe == default
        assert recipe.identity == default.identity
        assert default.differences(recipe.config) == recipe.differences(default.identity) == {}


@every_kind
def test_a_flat_record_without_a_number_of_samples_drew_one(kind):
    for name, algorithm in ALGORITHMS.items():
        recipe = kind(algorithm=name)
        flat = {**recipe.identity, "algorithm": name}
        assert (recipe.differences(flat) == {}) == (algorithm.num_samples == 1)


def test_a_run_is_kept_with_all_options_and_goes_on(tmp_path):
    recipe = recipe_of(
        ImageRecipe, algorithm="importance_weighted", components=1, num_samples=1, out=str(tmp_path / "a")
    )
    config = runner.prepare(recipe) / "config.yaml"
    assert yaml.safe_load(config.read_text(encoding="utf-8"))["algorithm"]["num_samples"] == 1
    assert from_yaml(config, ImageRecipe()) == recipe
    with pytest.raises(ValueError, match=r"another configuration \(algorithm.num_samples: 1 there, 5 now\)"):
        runner.prepare(dataclasses.replace(ImageRecipe(algorithm="importance_weighted"), components=1, out=recipe.out))


def test_a_flat_configuration_of_an_earlier_version_goes_on_or_is_refused_by_name(tmp_path):
    studies = [load_study(path) for path in sorted(RESULTS.glob("table_*.jsonl"))]
    flat = studies[0][0]["config"]
    kind = TextRecipe if "corpus" in flat else ImageRecipe
    out = tmp_path / "run"
    out.mkdir()
    (out / "config.yaml").write_text(yaml.safe_dump({**flat, "out": str(out), "overwrite": False}), encoding="utf-8")
    recipe = dataclasses.replace(kind.of_config(flat), out=str(out))
    assert runner.prepare(recipe) == out
    with pytest.raises(ValueError, match="optimizer.learning_rate: .* there, 0.5 now"):
        runner.prepare(with_fields(recipe, {"learning_rate": 0.5}))
    (out / "config.yaml").write_text(yaml.safe_dump({**flat, "out": "", "wavelets": 3}), encoding="utf-8")
    with pytest.raises(ValueError, match="Unknown field of ImageRecipe. Received: .wavelets."):
        runner.prepare(recipe)


def test_recorded_runs_grow():
    for path in RESULTS.glob("*.jsonl"):
        if not path.name.startswith("benchmark"):
            for record in load_study(path):
                check_growth({str(path): kind_of(record["config"]).of_config(record["config"])})


def test_recipes_of_five_components_draw_one_and_the_paper_s_loop_is_two_arguments_away():
    drawing = {name for name, recipe in IMAGE_RECIPES.items() if recipe.option("algorithm.components_per_step") == 1}
    assert drawing == {name for name, recipe in IMAGE_RECIPES.items() if recipe.components == 5} > {"mnist", "folder"}
    assert all(IMAGE_RECIPES[name].trunk.name == "shared" for name in drawing)
    with pytest.raises(ValueError, match=r"The paper's loop, .* Expected None for `algorithm.components_per_step`"):
        with_fields(IMAGE_RECIPES["mnist"], {"algorithm.update": "sequential"})
    loop = with_fields(
        IMAGE_RECIPES["mnist"], {"algorithm.update": "sequential", "algorithm.components_per_step": None}
    )
    assert loop.option("algorithm.update") == "sequential"
