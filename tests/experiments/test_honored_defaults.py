"""Defaults of recipes that another choice does not honor wait; explicit options are refused."""

import pytest

from rme_tf.algorithms import ALGORITHMS, Renyi
from rme_tf.experiments import ImageRecipe, Part, Recipe, TextRecipe, method_recipes, parse, with_fields
from rme_tf.experiments.cli import from_yaml
from rme_tf.experiments.recipes import factories
from rme_tf.experiments.runs.study_fields import StudyFields
from test_recorded_builds import ROOT, module_of

SCRIPTS = [path.name for path in sorted((ROOT / "recipes").glob("*.py"))]
TEXT = TextRecipe(algorithm=Part(free_bits=0.25, kl_weight=Part("linear", steps=9)))
CLIPPED = ImageRecipe(optimizer=Part(global_clipnorm=200.0))


def recipes_of(script):
    """The recipes of a script, and the defaults of its study."""
    for value in vars(module_of(script)).values():
        if isinstance(value, Recipe):
            yield value
        elif isinstance(value, type) and issubclass(value, StudyFields) and value is not StudyFields:
            yield value()


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("name", sorted(ALGORITHMS))
def test_every_recipe_takes_every_algorithm(script, name):
    for recipe in recipes_of(script):
        changed = with_fields(recipe, {"algorithm": name})
        assert isinstance(factories.make_algorithm(changed), ALGORITHMS[name])
        back = with_fields(changed, {"algorithm": recipe.algorithm.name})
        assert factories.make_algorithm(back) == factories.make_algorithm(recipe)


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_recipe_takes_every_limit_of_gradients(script):
    for recipe in recipes_of(script):
        for limit in ("clipnorm", "clipvalue", "global_clipnorm"):
            changed = with_fields(recipe, {f"optimizer.{limit}": 0.5})
            assert getattr(factories.make_optimizer(changed), limit) == 0.5


def test_what_renyi_does_not_honor_is_dropped_and_the_rest_stays():
    algorithm = factories.make_algorithm(parse(TEXT, args=["--algorithm.order", "0.3", "--algorithm", "renyi"]))
    assert algorithm == Renyi(order=0.3, warm_start_epochs=1, kl_weight=algorithm.kl_weight)
    assert algorithm.kl_weight.steps == 9


def test_an_identity_has_the_dropped_default_as_off():
    recipe = with_fields(TEXT, {"algorithm": "renyi"})
    assert recipe.config["algorithm"]["free_bits"] is None
    assert TextRecipe.of_config(recipe.config).identity == recipe.identity


@pytest.mark.parametrize(
    "words",
    [
        "--algorithm renyi --algorithm.free-bits 0.5",
        "--algorithm.free-bits 0.5 --algorithm.order 0.3 --algorithm renyi",
        "--algorithm renyi --free-bits 0.5",
        "--optimizer.clipnorm 1 --optimizer.global-clipnorm 5",
    ],
)
def test_an_explicit_option_is_refused(words, capsys):
    with pytest.raises(SystemExit):
        parse(TEXT, args=words.split())
    message = capsys.readouterr().err
    assert "which Renyi does not honor" in message or "Only one of `clipnorm`" in message


@pytest.mark.parametrize(
    "text",
    [
        "algorithm: {name: renyi, free_bits: 0.5}",
        "algorithm: renyi\nfree_bits: 0.5",
        "algorithm.name: renyi\nalgorithm.free_bits: 0.5",
        "optimizer: {clipnorm: 1, global_clipnorm: 5}",
    ],
)
def test_an_explicit_line_is_refused(text, tmp_path):
    path = tmp_path / "some.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match="not honor|that honors `algorithm.free_bits`|Only one of"):
        from_yaml(path, TEXT)


def test_explicit_fields_of_python_are_refused():
    for make in (
        lambda: TextRecipe(algorithm=Part("renyi", free_bits=0.5)),
        lambda: with_fields(TEXT, {"algorithm": "renyi", "algorithm.free_bits": 0.5}),
        lambda: with_fields(with_fields(TEXT, {"algorithm": "renyi"}), {"algorithm.free_bits": 0.5}),
        lambda: with_fields(CLIPPED, {"optimizer.clipnorm": 1.0, "optimizer.global_clipnorm": 5.0}),
    ):
        with pytest.raises(ValueError, match="does not honor|Only one of"):
            make()


def test_a_limit_that_waits_stays_waiting_when_another_option_changes():
    recipe = with_fields(with_fields(CLIPPED, {"optimizer.clipnorm": 1.0}), {"optimizer.beta_1": 0.8})
    assert [recipe.option(f"optimizer.{name}") for name in ("clipnorm", "global_clipnorm", "beta_1")] == [
        1.0,
        None,
        0.8,
    ]


def test_a_sweep_leaves_out_what_a_method_does_not_honor():
    recipes = method_recipes(["vae", "iwae"], ImageRecipe, ImageRecipe(), sweep=["free_bits=0.1,0.5"])
    assert list(recipes) == ["vae[free_bits=0.1]", "vae[free_bits=0.5]", "iwae"]
