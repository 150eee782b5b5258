"""Recorded runs under former names of methods are the runs of the present spelling."""

import functools
import pathlib
import re
import runpy

import pytest

from built import kind_of
from rme_tf.core.files import read_json, write_json
from rme_tf.experiments import ImageRecipe, load_study, method_recipes, run_study, with_fields
from rme_tf.experiments.reports.tables import by_method
from rme_tf.experiments.reports.trial_tables import trial_name
from rme_tf.experiments.runs import study as study_module
from rme_tf.experiments.runs.former_methods import FORMER, spelling_of
from rme_tf.experiments.runs.methods import METHODS
from small_recipes import image_recipe

ROOT = pathlib.Path(__file__).resolve().parents[2]
STUDIES = [
    path
    for path in sorted((ROOT / "recipes" / "results").glob("*.jsonl"))
    if not path.stem.startswith(("benchmark", "few_", "photos", "quickstart"))  # whose names are those of models
]
SCRIPTS = {
    "boosting": "boosting",
    "capacity": "capacity",
    "captions": "collapse",
    "barrier": "barrier",
    "comparison": "comparison",
    "decoder": "decoder_scale",
    "equal": "equal_time",
    "gaussian": "gaussian",
    "learned": "learned_prior",
    "missing": "missing",
    "mnist": "mnist_study",
    "pixelcnn": "pixelcnn",
    "sentences": "sentences",
    "single": "single_component",
    "weights": "weights",
}


@functools.cache
def methods_of(study):
    """Methods of the script that made a study."""
    script = SCRIPTS.get(study.partition("_")[0])
    if script is None:
        return METHODS
    module = runpy.run_path(str(ROOT / "recipes" / f"{script}.py"))
    return methods_in(module["DESIGN"]) if "DESIGN" in module else module["METHODS"]


def methods_in(design):
    """Methods and trials of a design, without hyperparameters."""
    trials = {trial_name(family, i): design.families[family] for family in design.families for i in range(8)}
    return {name: design.fields(name) for name in design.methods} | trials


def base_of(records):
    """The recipe that the rows of a table have in common, read off the row of its VAE."""
    (config, *_) = [record["config"] for record in records if record["method"] == "vae"]
    return with_fields(kind_of(config).of_config(config), {"components": 7, "algorithm": "recursive_mixture"})


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_every_recorded_row_is_a_method_of_today(path):
    records, methods = load_study(path), methods_of(path.stem)
    table = path.stem.startswith("table_")
    for method, rows in by_method(records).items():
        kind, config = kind_of(rows[0]["config"]), rows[0]["config"]
        base = base_of(records) if table else kind.of_config(config)
        (recipe,) = method_recipes([spelling_of(method, methods)], kind, base, methods=methods).values()
        for row in rows:
            here = with_fields(recipe, {"seed": row["config"]["seed"]})
            assert here.differences(row["config"]) == {}, (method, here.differences(row["config"]))
            assert here.identity == kind.of_config(row["config"]).identity, method


@pytest.mark.parametrize("former", sorted(FORMER))
def test_a_former_name_is_refused_with_its_present_spelling(former):
    spelling = spelling_of(former, METHODS)
    assert spelling.partition("[")[0] in METHODS
    is_open = "components" not in {**METHODS[FORMER[former][0]], **FORMER[former][1]}
    assert spelling_of(f"{former}_m3", METHODS) == (f"{spelling[:-1]},components=3]" if is_open else None)
    with pytest.raises(ValueError, match=re.escape(repr(spelling))):
        method_recipes([former], ImageRecipe, image_recipe())
    (recipe,) = method_recipes([spelling], ImageRecipe, image_recipe()).values()
    fields = FORMER[former][1]
    assert recipe != image_recipe()
    assert recipe.components == fields.get("components", METHODS[FORMER[former][0]].get("components", 5))
    for field in fields.keys() - {"algorithm.polish_epoch", "algorithm.kl_weight"}:
        option = recipe.option(field)
        assert (option["name"] if isinstance(option, dict) else option) == fields[field]


@pytest.mark.parametrize("name", ["flow", "rme_c", "flow3", "rme0", "vae3", ""])
def test_other_names_have_no_present_spelling(name):
    assert spelling_of(name, METHODS) is None


def test_a_study_finds_the_record_of_a_former_name(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(study_module, "run", lambda *args, **options: pytest.fail("the run is recorded"))
    path = ROOT / "recipes" / "results" / "table_mnist_d20_mlp_train20000.jsonl"
    (former, *_) = [record for record in load_study(path) if record["method"] == "rme_c500_m5"]
    seed = former["config"]["seed"]
    base = with_fields(ImageRecipe.of_config(former["config"]), {"kl_bound": 3.0})
    methods = method_recipes(["rme[kl_bound=500]"], ImageRecipe, base, components=[5])
    assert list(methods) == ["rme5[kl_bound=500]"]
    old = tmp_path / "results" / f"rme_c500_m5-seed{seed}.json"
    write_json(old, former)
    options = {"seeds": 1, "out": str(tmp_path / "runs"), "results": str(tmp_path / "results")}
    assert seed == 0
    assert run_study(methods, **options) == [old]
    assert "rme5[kl_bound=500]" in capsys.readouterr().out
    assert read_json(old)["method"] == "rme_c500_m5"
    study_module.run_comparison(methods, "rme5[kl_bound=500]", **options)
    assert "rme_c500" not in capsys.readouterr().out
    other = method_recipes(["rme[kl_bound=5]"], ImageRecipe, base, components=[5])
    with pytest.raises(pytest.fail.Exception, match="the run is recorded"):
        run_study(other, **options)
