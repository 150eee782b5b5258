"""Where a recipe and its algorithm both have a field, the algorithm's own default is what holds."""

import dataclasses
import pathlib

import pytest
import yaml

from rme_tf import ImportanceWeighted
from rme_tf.algorithms import ALGORITHMS
from rme_tf.experiments import ImageRecipe, TextRecipe, parse
from rme_tf.experiments.cli import from_yaml
from rme_tf.experiments.recipes import factories
from rme_tf.experiments.recipes.growth import check_growth
from rme_tf.experiments.reports.records import load_study
from rme_tf.experiments.runs import runner

RESULTS = pathlib.Path(__file__).resolve().parents[2] / "recipes" / "results"

every_kind = pytest.mark.parametrize("kind", [ImageRecipe, TextRecipe])
every_algorithm = pytest.mark.parametrize("name", sorted(ALGORITHMS))


@every_kind
@every_algorithm
def test_a_recipe_of_an_algorithm_is_the_algorithm(kind, name):
    algorithm = ALGORITHMS[name]
    assert factories.make_algorithm(kind(algorithm=name, components=1)) == algorithm(warm_start_epochs=0)
    recipe = kind(algorithm=name)  # mixtures all start alike
    assert factories.make_algorithm(recipe) == algorithm(warm_start_epochs=recipe.warm_start_epochs)
    assert factories.make_algorithm(recipe.resolved()) == factories.make_algorithm(recipe)


@every_kind
def test_what_algorithms_do_not_agree_on_no_recipe_decides(kind):
    fields = {field.name: field.default for field in dataclasses.fields(kind)}
    defaults = {}
    for algorithm in ALGORITHMS.values():
        for field in dataclasses.fields(algorithm):
            if field.name in fields:
                defaults.setdefault(field.name, set()).add(field.default)
    undecided = {name for name, values in defaults.items() if len(values) > 1} - {"warm_start_epochs"}
    assert undecided == set(kind.OWN)
    assert all(fields[name] is None for name in undecided)


def test_importance_weighting_of_one_component_is_no_plain_elbo(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text("algorithm: importance_weighted\ncomponents: 1\nnum_samples: 1\n", encoding="utf-8")
    recipe = parse(ImageRecipe(), args=["--algorithm", "importance_weighted", "--components", "1"])
    assert factories.make_algorithm(recipe) == ImportanceWeighted()
    assert recipe.resolved().num_samples == ImportanceWeighted().num_samples > 1
    given = parse(ImageRecipe(), args=["--config", str(path)])
    assert factories.make_algorithm(given).num_samples == given.resolved().num_samples == 1
    assert recipe.differences(given.identity) == {"num_samples": (1, 5)}


@every_kind
@every_algorithm
def test_a_default_and_the_number_that_it_means_are_one_run(kind, name):
    default = kind(algorithm=name)
    number = kind(algorithm=name, num_samples=ALGORITHMS[name].num_samples)
    assert default.identity == number.identity == default.resolved().identity
    for one, other in ((default, number), (number, default)):
        assert one.differences(other.identity) == one.differences(dataclasses.asdict(other)) == {}
    older = {name: value for name, value in number.identity.items() if name != "num_samples"}
    assert (default.differences(older) == {}) == (ALGORITHMS[name].num_samples == 1)  # as all had it once


def test_a_configuration_that_says_one_sample_means_one(tmp_path):
    before = ImageRecipe(algorithm="importance_weighted", components=1, num_samples=1, out=str(tmp_path / "run"))
    config = runner.prepare(before) / "config.yaml"
    assert yaml.safe_load(config.read_text(encoding="utf-8"))["num_samples"] == 1
    again = from_yaml(config, ImageRecipe())
    assert again == before
    runner.prepare(again)
    with pytest.raises(ValueError, match="num_samples: 1 there, 5 now"):
        runner.prepare(dataclasses.replace(before, num_samples=None))


def test_recorded_runs_are_still_those_of_their_recipes():
    """Those of a study, whose recipes may leave the number to the algorithm where the record has it."""
    paths = [path for path in RESULTS.glob("*.jsonl") if not path.name.startswith("benchmark")]
    configs = [(path, record["config"]) for path in paths for record in load_study(path)]
    assert len(configs) > 300
    for path, config in configs:
        kind = TextRecipe if "corpus" in config else ImageRecipe
        fields = config.keys() & {field.name for field in dataclasses.fields(kind)}  # some had others once
        recipe = kind(**{name: tuple(v) if isinstance(v := config[name], list) else v for name in fields})
        assert recipe.differences(config) == {}, path
        if recipe.num_samples == ALGORITHMS[recipe.algorithm].num_samples:
            assert dataclasses.replace(recipe, num_samples=None).differences(config) == {}, path
        check_growth({str(path): recipe})


def test_a_run_is_kept_with_its_numbers(tmp_path):
    recipe = ImageRecipe(algorithm="importance_weighted", out=str(tmp_path / "run"))
    config = runner.prepare(recipe.resolved()) / "config.yaml"
    assert yaml.safe_load(config.read_text(encoding="utf-8"))["num_samples"] == 5
    runner.prepare(recipe)
