"""Sweeps over the fields of methods, and the names of the runs."""

import re
import runpy
import sys

import pytest

from rme_tf import experiments
from rme_tf.experiments import ImageRecipe, method_recipes
from rme_tf.experiments.reports.run_names import check_file_names, file_name, method_name, method_of
from rme_tf.experiments.runs import study_script
from rme_tf.experiments.runs.methods import METHODS
from rme_tf.experiments.runs.sweep_values import value_of, word_of
from small_recipes import image_recipe
from test_growth import ROOT


def swept(methods, *sweep, components=(5,), **fields):
    return method_recipes(methods, ImageRecipe, image_recipe(**fields), components=components, sweep=sweep)


def test_a_run_is_named_after_its_difference_from_the_method():
    recipes = swept(["vae", "rme"], "kl_bound=1,3,500")
    assert list(recipes) == ["vae", "rme5[kl_bound=1]", "rme5", "rme5[kl_bound=500]"]  # 3 is the default
    assert [recipe.option("algorithm.kl_bound") for recipe in recipes.values()] == [None, 1.0, 3.0, 500.0]
    assert recipes["rme5"] == swept(["rme"])["rme5"]
    assert list(swept(["rme"], "kl_bound=1,3", kl_bound=1.0)) == ["rme5", "rme5[kl_bound=3]"]


@pytest.mark.parametrize("name", ["kl_bound", "kl-bound", "algorithm.kl_bound"])
@pytest.mark.parametrize("value", ["5", "5.0", "5e0"])
def test_names_do_not_depend_on_the_spelling(name, value):
    assert list(swept(["rme"], f"{name}={value}")) == ["rme5[kl_bound=5]"]
    assert list(swept([f"rme[{name}={value}]"])) == ["rme5[kl_bound=5]"]


def test_several_sweeps_give_all_combinations_once():
    names = list(swept(["rme"], "mixing=uniform,learned", "eps_min=0,0.1"))
    assert names == ["rme5", "rme5[mixing=learned]", "rme5[mixing=learned,eps_min=0.1]"]
    assert list(swept(["rme"], "eps_min=0,0.1", "mixing=uniform,learned")) == names
    assert list(swept(["me"], "num_samples=1,2", components=(2, 3))) == [
        *("me2", "me2[num_samples=2]", "me3", "me3[num_samples=2]")
    ]


def test_methods_with_values_take_sweeps_too():
    names = list(swept(["vae", "rme", "rme[trunk=shared]"], "kl_bound=5"))
    assert names == ["vae", "rme5[kl_bound=5]", "rme5[trunk=shared,kl_bound=5]"]
    assert list(swept(["rme", "rme[trunk=shared]"], "trunk=None,shared")) == ["rme5", "rme5[trunk=shared]"]


def test_drawn_components_are_swept_for_methods_of_several():
    names = list(swept(["vae", "rme"], "components_per_step=1,2,None"))
    assert names == ["vae", "rme5[components_per_step=1]", "rme5[components_per_step=2]", "rme5"]
    with pytest.raises(ValueError, match="`algorithm.components_per_step` must be an integer from 1 to 5. Received: 6"):
        swept(["rme"], "components_per_step=6")


def test_names_divided_by_commas_keep_their_brackets():
    words = ["vae", "rme[mixing=learned", "eps_min=0.1]", "me"]  # as a command line divides them
    assert list(swept(words)) == ["vae", "rme5[mixing=learned,eps_min=0.1]", "me5"]


def test_components_are_swept_as_components():
    assert list(swept(["vae", "rme"], "components=2,3")) == ["vae", "rme2", "rme3"]
    assert list(swept(["rme[components=2]", "rme"])) == ["rme2", "rme5"]


@pytest.mark.parametrize("method", sorted(METHODS))
def test_a_sweep_leaves_what_makes_a_method(method):
    plain = swept([method])
    for field in METHODS[method].keys() & {"algorithm", "posterior", "refinement", "trunk"}:
        other = {"algorithm": "boosted", "posterior": "full_normal", "refinement": "iai", "trunk": "shared"}[field]
        with pytest.raises(ValueError, match=f"takes the sweep of {field}"):
            swept([method], f"{field}={other}")
    if METHODS[method].get("components") == 1:
        assert swept([method, "rme"], "mixing=learned", "later_width=0.5").keys() == {
            *plain,
            "rme5[later_width=0.5,mixing=learned]",
        }  # which one component does not have
    assert f"{next(iter(plain))}[learning_rate=0.5]" in swept([method], "learning_rate=0.5")


def test_two_names_of_one_run_are_run_once():
    assert list(swept(["vae", "iaf"], "posterior=diag_normal,iaf")) == ["vae", "iaf"]
    assert list(swept(["iaf", "vae"], "posterior=diag_normal,iaf")) == ["iaf", "vae"]


@pytest.mark.parametrize(
    ("sweep", "message"),
    [
        ("klbound=1", "Unknown field.*'klbound'.*Did you mean 'algorithm.kl_bound'"),
        ("kl_bound", "a field and its values.*'kl_bound'"),
        ("kl_bound=", "a field and its values"),
        ("=5", "a field and its values"),
        ("kl_bound=5,", "a field and its values"),
        ("kl_bound=high", r"'rme5\[kl_bound=high\]' is refused: Expected a number .*`algorithm.kl_bound`.*'high'"),
        ("kl_bound=5,-1", r"'rme5\[kl_bound=-1\]' is refused: `kl_bound` must be"),
        ("mixing=foo", "Expected one of learned, uniform for `mixing`. Received: 'foo'"),
        ("num_samples=1.5", "Expected an integer .*'1.5'"),
        ("num_samples=0", r"'vae\[num_samples=0\]' is refused: `num_samples`"),
        ("steps=1,2", "refinement.steps, algorithm.kl_weight.steps"),
        ("units=200-x", "Expected a list, each an integer, divided by hyphens"),
        ("subset_size=2", "a method that takes the sweep of subset_size"),
        *((f"{field}=1", "the same for all methods") for field in ("seed", "out", "smoke", "dataset", "train_size")),
    ],
)
def test_a_wrong_sweep_is_refused(sweep, message):
    with pytest.raises(ValueError, match=message):
        swept(["vae", "rme"], sweep, encoder="mlp")


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ("vae[kl_bound=5]", "fields with an effect.*kl_bound"),
        ("vae[mixing=learned]", "fields with an effect.*mixing"),
        ("iaf[posterior=iaf]", "fields with an effect.*posterior"),
        ("vae[components=3]", "a number of components"),
        ("rme[components=x]", "a number of components"),
        ("rme[components=0]", "components"),
        ("rme[kl_bound=5", "such as rme"),
        ("rme[]", "a field and its values"),
        ("rme[kl_bound=1,kl_bound=5]", "each field once"),
        ("rme[kl_bound=1,algorithm.kl_bound=5]", "each field once"),
    ],
)
def test_a_wrong_method_is_refused(method, message):
    with pytest.raises(ValueError, match=message):
        swept([method])


@pytest.mark.parametrize(
    ("path", "word", "value"),
    [
        (("train_minutes",), "2.5", 2.5),
        (("train_minutes",), "None", None),
        (("algorithm", "kl_bound"), "5", 5.0),
        (("algorithm", "kl_weight"), "linear", "linear"),
        (("algorithm", "kl_weight"), "0.5", 0.5),
        (("algorithm", "aggressive"), "True", True),
        (("algorithm", "free_bits"), "0.25", 0.25),
        (("algorithm", "weights_from_polish"), "True", True),
        (("encoder", "units"), "200-100", (200, 100)),
        (("trunk",), "None", None),
        (("posterior",), "iaf", "iaf"),
    ],
)
def test_values_have_the_type_of_their_field(path, word, value):
    recipe = image_recipe(encoder="mlp")
    parts = {name: getattr(recipe, name) for name in recipe.PARTS}
    read = value_of(ImageRecipe, parts, path, word)
    assert (read, type(read)) == (value, type(value))
    assert word_of(read) == word or float(word) == read


def test_a_choice_with_a_number_is_named_after_it():
    assert list(swept(["vae"], "free_bits=0.25,0.5", "aggressive=True")) == [
        *("vae[aggressive=True,free_bits=0.25]", "vae[aggressive=True,free_bits=0.5]"),
    ]


# Names of files.


@pytest.mark.parametrize("method", ["rme5", "bvi_0.1_m5", "rme5[kl_bound=500]", "rme5[mixing=learned,eps_min=0.1]"])
def test_file_names_are_plain_and_have_their_method(method):
    name = file_name(method, 3)
    assert re.fullmatch(r"[\w.=-]+-seed3", name, re.ASCII)
    assert method_of(name) == method


@pytest.mark.parametrize("method", ["rme", "VAE, wide", "my method", "Ähnlich", "a=1"])
def test_other_names_of_methods_stay_in_file_names(method):
    assert file_name(method, 0) == f"{method}-seed0"


@pytest.mark.parametrize("base", sorted(METHODS))
def test_a_file_name_is_that_of_one_method(base):
    values = [
        "1",
        "0.5",
        "1e-05",
        "-1",
        "200-100",
        "a/b",
        "a:b",
        "a b",
        "x" * 300,
        "ä" * 300,
        '<>"|?*\\[]',
        "A",
        "None",
        "True",
    ]
    names = [method_name(base, {"one": value, "other": other}) for value in values for other in values]
    files = {file_name(name, 0) for name in names}
    assert len(files) == len(names)
    assert all(len(name.encode()) < 200 and re.fullmatch(r"[\w.+= -]+", name) for name in files)


def test_methods_that_differ_in_case_alone_are_refused():
    check_file_names(["rme[one=a]", "rme[one=b]"])
    with pytest.raises(ValueError, match="more than case"):
        check_file_names(["rme[one=a]", "rme[one=A]"])
    with pytest.raises(ValueError, match="more than case"):
        experiments.run_study(dict.fromkeys(("a", "A"), image_recipe()), seeds=1, out="none", results="none")


# Command lines.


@pytest.mark.parametrize("script", ["table", "collapse", "gaussian", "mnist_study", "pixelcnn"])
def test_the_studies_take_sweeps(script, tmp_path, monkeypatch):
    made = {}
    for module, name in ((study_script, "run_study"), (experiments, "run_comparison")):
        monkeypatch.setattr(module, name, lambda recipes, *args, **options: made.update(recipes))
    monkeypatch.setattr(study_script, "show_study", lambda *args, **options: None)
    words = ["--methods", "vae", "--sweep", "num_samples=2,3", "--sweep=learning_rate=0.5"]
    monkeypatch.setattr(sys, "argv", [script, *words])
    runpy.run_path(str(ROOT / "recipes" / f"{script}.py"), run_name="__main__")
    assert list(made) == [f"vae[num_samples={number},learning_rate=0.5]" for number in (2, 3)]
