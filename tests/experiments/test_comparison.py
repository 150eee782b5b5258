"""The table that decides: tests over seeds, what is bold, what is written, and the methods that stand in it."""

import csv
import math

import numpy as np
import pytest
from scipy import stats

from rme_tf import RecursiveMixture
from rme_tf.experiments import ImageRecipe, method_recipes, setting_name, write_comparison
from rme_tf.experiments.recipes import factories
from rme_tf.experiments.reports import paired_comparison
from rme_tf.experiments.runs.methods import METHODS
from small_recipes import image_recipe
from test_report import record

# Over four seeds: the seed matters more than the method, and a paired test sees the method all the same.
SCORES = {
    "vae": [-90.0, -95.0, -99.0, -92.0],
    "rme3": [-89.0, -94.1, -97.9, -91.0],
    "iaf": [-88.0, -96.0, -98.0, -94.0],
}


def made(method, seed, score):
    base = record(method=method, elbo=score - 5)  # its log-likelihood is 5 nats above
    return {
        **base,
        "config": {**base["config"], "seed": seed},
        "history": {"val_elbo": [score - 8, score - 5], "seconds": [2.0, 3.0]},
        "peak_memory_mib": None if seed else 512.4,
    }


@pytest.fixture
def records():
    return [made(method, seed, score) for method, scores in SCORES.items() for seed, score in enumerate(scores)]


def test_differences_are_paired_by_seed_and_corrected(records):
    differences = paired_comparison.paired_differences(records, "vae")
    raw = {name: stats.ttest_rel(SCORES[name], SCORES["vae"]).pvalue for name in ("rme3", "iaf")}
    assert raw["rme3"] < raw["iaf"]
    assert differences["rme3"] == pytest.approx((1.0, 2 * raw["rme3"]))
    assert differences["iaf"] == pytest.approx((0.0, raw["iaf"]))
    shuffled = paired_comparison.paired_differences(records[::-1], "vae")
    assert shuffled["rme3"] == pytest.approx(differences["rme3"])


def test_only_the_seeds_of_both_are_compared(records):
    few = [each for each in records if each["method"] == "vae" or each["config"]["seed"] == 1]
    gap, p = paired_comparison.paired_differences(few, "vae")["rme3"]
    assert gap == pytest.approx(0.9)
    assert math.isnan(p)
    with pytest.raises(ValueError, match="Expected one of: vae, rme3, iaf. Received: 'sa'"):
        paired_comparison.paired_differences(records, "sa")


def test_holm_steps_down():
    corrected = paired_comparison.holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": math.nan})
    assert corrected == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06, "d": math.nan}, nan_ok=True)
    assert paired_comparison.holm({"a": 0.7, "b": 0.9}) == {"a": 1.0, "b": 1.0}


def test_real_differences_alone_are_bold(records):
    rows = {row["method"]: row for row in paired_comparison.comparison_rows(records, "vae")}
    assert rows["rme3"]["less vae's"].startswith("**+1.00 (p = 0.00")
    assert rows["iaf"]["less vae's"] == "+0.00 (p = 1.000)"
    assert rows["vae"]["less vae's"] == ""
    assert rows["vae"]["test log p(x)"] == "-94.00 ± 1.96"
    assert rows["vae"]["peak MiB"] == ""  # which not every run told
    assert rows["vae"]["components' ELBO"] == "-99.30 ± 1.96"  # 0.3 nats below ELBO(Q)
    assert rows["vae"]["train bits/dim"] == "0.2000 ± 0.0000"
    assert rows["vae"]["epochs"] == "2"
    assert rows["vae"]["inference parameters"] == "10"


def test_quality_and_cost_are_two_tables_that_say_what_they_are_of(records):
    records[0]["metrics"]["train"] = {**records[0]["metrics"]["train"], "num_observations": 64}
    quality, cost = paired_comparison.comparison_captions(records)
    assert "on 1,000 test and 64 or 1,000 training observations, log p(x) by 5,000 importance samples" in quality
    text = paired_comparison.comparison_text(records, "vae")
    assert text.split("\n\n")[::2] == [quality, cost]
    first, second = (table.splitlines() for table in text.split("\n\n")[1::2])
    assert len(first) == len(second) == 2 + len(SCORES)
    assert "less vae's" in first[0]
    assert [cell.strip() for cell in second[0].strip("|").split("|")] == ["method", "M", *paired_comparison.COST]


def test_memory_that_was_measured_in_several_ways_is_not_shown(records):
    for each in records:
        each.update(peak_memory_mib=64.0, peak_memory_of="tensors on CPU:0")
    own = "of tensors on CPU:0, beyond what was held before"
    assert f"peak memory in training ({own})." in paired_comparison.comparison_captions(records)[1]
    assert paired_comparison.comparison_rows(records, "vae")[0]["peak MiB"] == "64"
    del records[3]["peak_memory_of"]
    caption = paired_comparison.comparison_captions(records)[1]
    assert f"in several ways ({own}, of the process, all that it held) and is not shown." in caption
    assert {row["peak MiB"] for row in paired_comparison.comparison_rows(records, "vae")} == {""}


def test_it_is_written_in_three_forms_with_its_figures(records, tmp_path):
    printed = write_comparison(records, "vae", tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "curves.png",
        "quality_and_time.png",
        "table.csv",
        "table.md",
        "table.tex",
    }
    assert (tmp_path / "out" / "table.md").read_text(encoding="utf-8") == printed + "\n"
    latex = (tmp_path / "out" / "table.tex").read_text(encoding="utf-8")
    assert r"\textbf{+1.00" in latex
    assert r"$\pm$" in latex
    with (tmp_path / "out" / "table.csv").open(encoding="utf-8") as file:
        rows = {row["method"]: row for row in csv.DictReader(file)}
    scores = np.array(SCORES["rme3"])
    assert float(rows["rme3"]["test log p(x)"]) == pytest.approx(scores.mean())
    assert float(rows["rme3"]["test log p(x), standard error"]) == pytest.approx(scores.std(ddof=1) / 2)
    assert float(rows["rme3"]["difference"]) == pytest.approx(1.0)
    assert rows["vae"]["difference"] == ""


# The methods.


def test_every_method_is_a_recipe_of_its_own():
    recipes = method_recipes(METHODS, ImageRecipe, image_recipe(), components=[3])
    assert len(recipes) == len(METHODS) <= 14
    identities = [str(recipe.identity) for recipe in recipes.values()]
    assert len(set(identities)) == len(identities)
    (polished,) = method_recipes(["rme[polish_epoch=2/3]"], ImageRecipe, image_recipe(), components=[3]).values()
    assert factories.make_algorithm(polished) == RecursiveMixture(polish_epoch=34)  # of 50 epochs


def test_one_component_may_have_the_updates_of_the_recursion():
    made = method_recipes(["rme[update=sequential]"], ImageRecipe, image_recipe(), components=[1])
    recipe = made["rme1[update=sequential]"]
    assert recipe.components == 1
    assert (recipe.algorithm.name, recipe.option("algorithm.update")) == ("recursive_mixture", "sequential")


def test_mixtures_are_named_after_their_size():
    base = image_recipe(epochs=9, latent_dim=4)
    recipes = method_recipes(["vae", "rme", "me"], ImageRecipe, base, components=[2, 5])
    assert list(recipes) == ["vae", "rme2", "rme5", "me2", "me5"]
    assert [recipe.components for recipe in recipes.values()] == [1, 2, 5, 2, 5]
    assert {(recipe.epochs, recipe.latent_dim) for recipe in recipes.values()} == {(9, 4)}
    with pytest.raises(ValueError, match="Unknown method.*'misvae'.*'vae'"):
        method_recipes(["flow"], ImageRecipe, base, components=[2])


@pytest.mark.parametrize(
    ("choices", "name"),
    [
        ({}, "mnist_d20"),
        ({"dataset": "digits", "latent_dim": 2, "smoke": True}, "digits_d2_smoke"),
        ({"encoder": "mlp", "decoder": "mlp"}, "mnist_d20_mlp"),
        ({"train_minutes": 30.0, "smoke": True}, "mnist_d20_30min_smoke"),
        ({"binarization": "static", "train_size": 5000}, "mnist_d20_static_train5000"),
        ({"likelihood": "normal", "binarization": "dequantized"}, "mnist_d20_normal_dequantized"),
        ({"likelihood": "normal", "binarization": "none", "decoder": "pixelcnn"}, "mnist_d20_normal_conv-pixelcnn"),
        (
            {"likelihood": "normal", "binarization": "none", "encoder": "mlp", "decoder": "mlp", "smoke": True},
            "mnist_d20_normal_mlp_smoke",
        ),
    ],
)
def test_tables_of_several_settings_have_several_names(choices, name):
    assert setting_name(image_recipe(**choices)) == name
