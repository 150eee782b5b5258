"""Refusals of command lines and configuration files, with what to write instead."""

import dataclasses
import pathlib
import re
from typing import ClassVar

import pytest
import yaml

from rme_tf.experiments import ImageRecipe, Part, StudyFields, main, method_recipes, parse
from rme_tf.experiments.cli import from_yaml
from rme_tf.experiments.reports import pack
from rme_tf.experiments.runs.usable_folder import OtherRunError
from small_recipes import image_recipe


def test_part_takes_its_name_by_keyword():
    assert Part(name="elbo", samples=2) == Part("elbo", samples=2)


@pytest.mark.parametrize(
    ("words", "meant"), [("--algorithm.kl-bond 3", "kl_bound"), ("--encoder.filterz 3", "filters")]
)
def test_parse_suggests_the_option_that_was_meant(words, meant, capsys):
    with pytest.raises(SystemExit):
        parse(ImageRecipe(), args=words.split())
    assert f"Did you mean '{meant}'?" in capsys.readouterr().err


def test_a_choice_suggests_the_option_that_was_meant():
    with pytest.raises(ValueError, match=re.escape("Did you mean 'num_samples'?")):
        ImageRecipe(algorithm=Part("importance_weighted", num_sample=3))


def read(tmp_path, text):
    (tmp_path / "some.yaml").write_text(text, encoding="utf-8")
    return from_yaml(tmp_path / "some.yaml", ImageRecipe())


@pytest.mark.parametrize(
    ("dotted", "nested"),
    [
        ("algorithm.kl_bound: 7.0", "algorithm: {kl_bound: 7.0}"),
        ("algorithm: boosted\nalgorithm.kl_weight: 0.5", "algorithm: {name: boosted, kl_weight: 0.5}"),
        ("algorithm.name: elbo", "algorithm: elbo"),
        (
            "algorithm.kl_weight.name: linear\nalgorithm.kl_weight.steps: 9",
            "algorithm: {kl_weight: {name: linear, steps: 9}}",
        ),
    ],
)
def test_from_yaml_takes_dotted_names(dotted, nested, tmp_path):
    assert read(tmp_path, dotted) == read(tmp_path, nested) != ImageRecipe()


def test_from_yaml_refuses_two_values_of_an_option(tmp_path):
    with pytest.raises(ValueError, match="one value of algorithm.kl_bound. Received: 2.0 and 5.0"):
        read(tmp_path, "algorithm: {kl_bound: 2.0}\nalgorithm.kl_bound: 5.0")


@pytest.mark.parametrize("text", [None, "components: many", "no_field: 3", "- 3", "algorithm: {no_option: 3}"])
def test_parse_exits_with_a_line_for_a_wrong_file(text, tmp_path, capsys):
    path = tmp_path / "some.yaml"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(SystemExit) as exited:
        parse(ImageRecipe(), args=["--config", str(path)])
    assert exited.value.code == 2
    assert str(path) in capsys.readouterr().err


def test_main_exits_with_a_line_for_the_directory_of_another_run(tmp_path, monkeypatch, capsys):
    recipe = image_recipe(out=str(tmp_path))
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({**recipe.config, "seed": 5}), encoding="utf-8")
    monkeypatch.setattr("sys.argv", ["recipe"])
    with pytest.raises(SystemExit) as exited:
        main(recipe, None)
    assert exited.value.code == 2
    line = "another configuration (--seed: 5 there, 0 now). Choose another --out, or pass --overwrite"
    assert line in capsys.readouterr().err


def test_the_refusal_of_another_run_names_the_flags_of_the_command_line():
    changed = {f"field_{index}": (index, 0) for index in range(1, 6)}
    changed |= {"algorithm.kl_bound": (2.0, 3.0), "smoke": (True, False)}
    error = OtherRunError(pathlib.Path("runs/a"), changed)
    assert str(error) == (
        "runs/a holds a run with another configuration (smoke: True there, False now; field_1: 1 there, 0 now; "
        "field_2: 2 there, 0 now; and 4 more). Choose another `out`, or pass `overwrite`."
    )
    line = error.in_flags(["--kl-bound", "3", "--field-5=0"])
    assert "(--field-5: 5 there, 0 now; --algorithm.kl-bound: 2.0 there, 3.0 now; and 5 more). Choose" in line
    assert "(--smoke: True there, False now; --field-1: 1 there" in error.in_flags([])


def test_pack_exits_with_a_line_for_wrong_paths(monkeypatch, capsys):
    for words, message in (
        (["runs"], "a source and a target. Received: 'runs' and ''"),
        (["none", "new.jsonl"], "none, which has none"),
    ):
        monkeypatch.setattr("sys.argv", ["pack", *words])
        with pytest.raises(SystemExit) as exited:
            pack.main()
        assert exited.value.code == 2
        assert message in capsys.readouterr().err


@dataclasses.dataclass(frozen=True, kw_only=True)
class Table(ImageRecipe, StudyFields):
    """A study of several methods, with the flags of all choices."""

    SEVERAL: ClassVar[bool] = True


@pytest.mark.parametrize(
    ("words", "methods", "unused"),
    [
        ("--posterior.df 4 --algorithm.order 0.3", ["vae"], "algorithm.order, posterior.df"),
        ("--posterior.df 4", ["vae", "rme"], "posterior.df"),
        ("--algorithm.kl-bound 7", ["vae"], "algorithm.kl_bound"),
    ],
)
def test_method_recipes_refuse_an_option_that_no_method_takes(words, methods, unused):
    table = parse(Table(), args=words.split())
    with pytest.raises(ValueError, match=f"a method that takes {unused}"):
        method_recipes(methods, ImageRecipe, table, components=(2,))


def test_method_recipes_take_an_option_of_one_of_the_methods():
    table = parse(Table(), args=["--algorithm.kl-bound", "7"])
    recipes = method_recipes(["vae", "rme"], ImageRecipe, table, components=(2,))
    assert recipes["rme2"].algorithm.options["kl_bound"] == 7.0
