"""Comparisons by a design: trials on validation data, budgets, contrasts over seeds and images."""

import dataclasses
import math
from fractions import Fraction

import keras
import numpy as np
import pytest
from scipy import stats

from rme_tf.core.files import read_json
from rme_tf.experiments import ComparisonFields, Design, ImageRecipe, Run, run_design
from rme_tf.experiments.reports import documents
from rme_tf.experiments.reports.contrasts import read_contrasts
from rme_tf.experiments.reports.image_values import FILE, add_values, load_values, seeds_of
from rme_tf.experiments.reports.pack import convert
from rme_tf.experiments.reports.paired_comparison import holm
from rme_tf.experiments.reports.planned_contrasts import planned_contrasts
from rme_tf.experiments.reports.trial_tables import best_trials, split_trial, trial_rows
from rme_tf.experiments.runs import budget_plan, study
from test_documents import ROOT
from test_equal_time import in_this_process
from test_recipes import AT_ONCE, run_here  # noqa: F401  a fixture
from test_recorded_builds import module_of
from test_study import recorded

RATE = "optimizer.learning_rate"
DESIGN = {
    "families": {"vae": {"components": 1, "algorithm": "elbo"}, "rme": {"components": 3}},
    "trials": {
        "vae": [{RATE: 0.1}, {RATE: 0.2}],
        "rme": [{RATE: 0.3}, {"algorithm.kl_weight": "linear", "algorithm.kl_weight.steps": Fraction(1, 5)}],
    },
    "methods": {"vae": ("vae", {}), "rme": ("rme", {}), "vae_2": ("vae", {"algorithm.num_samples": 2})},
    "equal_steps": ["vae_2"],
    "contrasts": [("rme", "vae"), ("rme", "vae_2")],
}
IMAGES = 50


@dataclasses.dataclass(frozen=True, kw_only=True)
class Study(ImageRecipe, ComparisonFields):
    """A comparison of a few methods."""

    SEVERAL = True
    dataset: str = "digits"
    steps: int = 100
    trial_steps: int = 50
    seeds: int = 2
    processes: int = 1


def elbo_of(recipe):
    """Returns an ELBO that depends on the hyperparameters, the method and the seed."""
    rate = recipe.option(RATE)
    return -100.0 + 10 * rate + 0.1 * recipe.seed * recipe.components + recipe.components


def bounds_of(recipe):
    """Returns the bounds of each image, whose mean is the one of the run."""
    noise = np.random.default_rng([recipe.seed, recipe.components]).normal(size=IMAGES)
    return elbo_of(recipe) + noise - noise.mean()


@pytest.fixture
def ran(monkeypatch):
    """Replaces training and measurement; the recipes that ran, by the names of their folders."""
    recipes = {}

    def run(recipe, callbacks, page):
        assert not page
        out = study.pathlib.Path(recipe.out)
        recipes[out.name] = recipe
        values = bounds_of(recipe)
        out.mkdir(parents=True)
        np.savez(out / "bounds.npz", test_elbo=values, test_log_likelihood=values + 1.0)
        record = {**recorded(recipe), "config": recipe.identity}
        record["metrics"]["test"] |= {"elbo": values.mean(), "log_likelihood": values.mean() + 1.0}
        return Run(recipe, None, record, {"val_elbo": [0.0, elbo_of(recipe)], "seconds": [1.0]}, None)

    monkeypatch.setattr(study, "run", run)
    monkeypatch.setattr(keras.utils, "clear_session", lambda: None)
    monkeypatch.setattr(budget_plan, "_measured", lambda methods, path: {"vae": 1.0, "rme": 1.25})
    return recipes


def run_study_in(folder, **changes):
    options = {name: str(folder / name) for name in ("out", "results")}
    run_design(Design(**DESIGN), ImageRecipe, Study(**options, **changes))


def test_trials_on_validation_data_choose_the_hyperparameters_of_a_family(ran, tmp_path, capsys):
    run_study_in(tmp_path)
    trials = {name: recipe for name, recipe in ran.items() if "trial" in name}
    seeds = (1000, 1001)
    assert trials.keys() == {
        f"{family}_trial{i}-seed{seed}" for family in ("vae", "rme") for i in (0, 1) for seed in seeds
    }
    assert [trials[f"{family}_trial0-seed1000"].train_steps for family in ("vae", "rme")] == [50, 40]
    assert trials["rme_trial1-seed1000"].option("algorithm.kl_weight.steps") == 8
    assert {recipe.test_size for recipe in trials.values()} == {100}
    runs = {name: recipe for name, recipe in ran.items() if "trial" not in name}
    assert runs.keys() == {f"{method}-seed{seed}" for method in DESIGN["methods"] for seed in (0, 1)}
    assert {name: runs[f"{name}-seed1"].option(RATE) for name in DESIGN["methods"]} == {
        **dict.fromkeys(("vae", "vae_2"), 0.2),
        "rme": 0.3,
    }
    assert [runs[f"{name}-seed0"].train_steps for name in DESIGN["methods"]] == [100, 80, 100]
    assert runs["vae_2-seed0"].option("algorithm.num_samples") == 2
    assert "rme less vae_2" in capsys.readouterr().out


def test_the_same_command_resumes_and_another_design_is_refused(ran, tmp_path):
    run_study_in(tmp_path)
    count = len(ran)
    run_study_in(tmp_path)
    assert len(ran) == count
    with pytest.raises(ValueError, match=r"another study \(it differs in trial_steps\)"):
        run_study_in(tmp_path, trial_steps=60)
    plan = read_json(tmp_path / "out" / "plan.json")
    assert plan["trials"]["rme"][1]["algorithm.kl_weight.steps"] == "1/5"
    assert plan["fields"]["vae_2"] == {"components": 1, "algorithm": "elbo", "algorithm.num_samples": 2}


def test_a_trial_that_no_recipe_takes_is_refused_before_anything_is_measured(ran, tmp_path, monkeypatch):
    monkeypatch.setattr(budget_plan, "_measured", lambda methods, path: pytest.fail("measured"))
    trials = {"vae": [{RATE: 0.1}], "rme": [{"optimizer.lerning_rate": 0.1}]}
    options = {name: str(tmp_path / name) for name in ("out", "results")}
    with pytest.raises(ValueError, match="lerning_rate"):
        run_design(Design(**{**DESIGN, "trials": trials}), ImageRecipe, Study(**options))
    assert not ran


def test_errors_over_images_are_of_differences_averaged_over_seeds(ran, tmp_path):
    run_study_in(tmp_path)
    paths = sorted((tmp_path / "results").glob("*.json"))
    records = [read_json(path) for path in paths]
    images = load_values(tmp_path / "results")
    quantity = "test ELBO"
    found = planned_contrasts(records, images, [("rme", "vae")], quantity)[("rme", "vae")]
    runs = {name: recipe for name, recipe in ran.items() if "trial" not in name}
    each = [bounds_of(runs[f"rme-seed{seed}"]) - bounds_of(runs[f"vae-seed{seed}"]) for seed in (0, 1)]
    gaps = np.mean(each, axis=1)
    half = stats.t.ppf(0.975, 1) * gaps.std(ddof=1) / math.sqrt(2)
    np.testing.assert_allclose([found.mean, found.low, found.high], gaps.mean() + np.array([0, -half, half]), atol=1e-6)
    of_images = np.mean(each, axis=0)
    np.testing.assert_allclose(found.image_error, of_images.std(ddof=1) / math.sqrt(IMAGES), atol=2e-3)
    np.testing.assert_allclose(found.p_images, stats.ttest_1samp(of_images, 0.0).pvalue, atol=1e-3)


def test_values_of_images_stay_where_runs_have_gone_and_go_with_the_records(ran, tmp_path):
    run_study_in(tmp_path, seeds=1)
    for path in (tmp_path / "out").glob("*-seed0"):
        (path / "bounds.npz").unlink()
    run_study_in(tmp_path, seeds=2)
    assert seeds_of(tmp_path / "results") == {name: [0, 1] for name in DESIGN["methods"]}
    convert(tmp_path / "results", tmp_path / "some.jsonl")
    packed = load_values(tmp_path / "some.jsonl")
    two = np.mean([bounds_of(ran[f"rme-seed{seed}"]) for seed in (0, 1)], axis=0)
    np.testing.assert_allclose(packed["rme"]["test ELBO"], two, atol=0.01)
    convert(tmp_path / "some.jsonl", tmp_path / "again")
    assert (tmp_path / "again" / FILE).exists()
    assert add_values(tmp_path / "none", [], tmp_path) == {}


def test_the_correction_counts_the_tests_of_the_plan():
    assert holm({"a": 0.01, "b": math.nan}, 2)["a"] == pytest.approx(0.02)
    assert holm({"a": 0.01, "b": 0.03}, 3) == pytest.approx({"a": 0.03, "b": 0.06})


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"methods": {}}, "`methods` must have a first one"),
        ({"methods": {"vae": "vae"}}, "`methods` must be pairs of a family and a mapping of fields. Received: 'vae'"),
        ({"contrasts": ["rme:vae"]}, "`contrasts` must be pairs of methods, .* Received: 'rme:vae'"),
        ({"methods": {"vae": ("va", {})}}, "family of methods.*'va'"),
        ({"equal_steps": ["none"]}, "Unknown method"),
        ({"contrasts": [("rme", "none")]}, "Unknown method"),
        ({"trials": {"vae": [{RATE: 0.1}], "rme": []}}, "`trials` must be as many for each"),
        ({"equal_steps": ["vae"]}, "`equal_steps` must leave out the first method"),
        ({"equal_steps": ["rme"]}, "`equal_steps` must leave out the first method of each family"),
    ],
)
def test_a_design_that_does_not_fit_is_refused(changes, match):
    with pytest.raises(ValueError, match=match):
        Design(**{**DESIGN, **changes})


def test_the_best_trial_is_so_on_average_over_seeds_and_did_not_fail():
    def record(index, elbo):
        config = {"components": 1, "optimizer": {"learning_rate": 0.1 * index}}
        return {"method": f"vae_trial{index}", "config": config, "history": {"val_elbo": [0.0, elbo]}}

    seeds = {0: (-1.0, math.nan), 1: (-1.0, -5.0), 2: (-2.5, -1.5)}
    records = [record(index, elbos[seed]) for seed in (0, 1) for index, elbos in seeds.items()]
    assert best_trials(records) == {"vae": 2}
    (row,) = trial_rows(records)
    assert (row["family"], row["learning rate"], row["C"]) == ("vae", "0.2", "")
    assert row["validation ELBO"].startswith("-2.00 (3 trials")
    with pytest.raises(ValueError, match="Expected the name of a trial, such as vae_trial0. Received: 'vae'"):
        split_trial("vae")


def test_the_page_has_the_plan_of_the_recipe():
    text = (ROOT / "docs" / "comparison.md").read_text(encoding="utf-8")
    recipe = module_of("comparison.py")
    blocks = [match for match in documents.BLOCK.finditer(text) if match["kind"] == "contrasts"]
    assert len(blocks) == 3
    for match in blocks:
        assert read_contrasts(match["reference"].split()) == list(recipe.DESIGN.contrasts)
    plan = text.partition("## MNIST")[0]
    assert {name for name in recipe.METHODS if f"`{name}`" in plan} == set(recipe.METHODS)
    assert {len(trials) for trials in recipe.DESIGN.trials.values()} == {8}
    study = recipe.Study()
    assert (study.steps, study.trial_steps, study.trial_seeds, study.seeds) == (20_000, 10_000, 2, 5)
    assert study.importance_samples == 5_000
    assert all(text in plan for text in ("20,000 steps on MNIST", "10,000 steps", "5,000 importance", "eight trials"))


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_the_recipe_runs_from_the_costs_to_the_contrasts(run_here, tmp_path, monkeypatch):  # noqa: F811
    for module in (budget_plan, study):
        monkeypatch.setattr(module, "run_apart", in_this_process)
    few = {"trials": {"vae": [{RATE: 0.01}], "rme": [{RATE: 0.02}]}, "contrasts": [("rme", "vae")], "equal_steps": []}
    few["methods"] = {name: (name, {}) for name in ("vae", "rme")}
    monkeypatch.setattr(
        "rme_tf.experiments.run_design", lambda _, kind, base: run_design(Design(**DESIGN | few), kind, base)
    )
    words = "--smoke --dataset digits --seeds 1 --encoder.units 4 --decoder.units 4 --steps 50 --importance-samples 4"
    printed = run_here("comparison.py", *words.split(), *AT_ONCE)
    assert "rme less vae" in printed
    assert (tmp_path / "runs" / "comparison_trials" / "rme_trial0-seed1000" / "bounds.npz").exists()
    assert load_values(tmp_path / "runs" / "results" / "comparison").keys() == {"vae", "rme"}
