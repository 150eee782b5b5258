"""Sentences beside the rendered tables: their numbers and orders are the records' own."""

import functools
import pathlib

import numpy as np
import pytest
from scipy import stats

from rme_tf.experiments.recipes.data_sizes import FEW_SENTENCES
from rme_tf.experiments.reports.configuration import field
from rme_tf.experiments.reports.contrasts import differences_of
from rme_tf.experiments.reports.image_values import load_values, seeds_of
from rme_tf.experiments.reports.planned_contrasts import planned_contrasts
from rme_tf.experiments.reports.records import load_study
from rme_tf.experiments.reports.tables import by_method
from rme_tf.experiments.reports.trial_tables import split_trial, trial_rows, validation_elbo
from test_recorded_builds import module_of

ROOT = pathlib.Path(__file__).parents[2]


def words_of(document):
    return " ".join((ROOT / document).read_text(encoding="utf-8").split())


def of_each_method(study, read):
    """The number of each record, {method: array over seeds}."""
    numbers = {}
    for record in sorted(load_study(ROOT / "recipes" / "results" / f"{study}.jsonl"), key=lambda it: field(it, "seed")):
        numbers.setdefault(record["method"], []).append(read(record))
    return {method: np.array(values) for method, values in numbers.items()}


def ranked(numbers):
    """The methods, from the greatest mean over seeds to the least."""
    return sorted(numbers, key=lambda method: -numbers[method].mean())


def mean_and_error(gaps):
    """The mean over seeds, and its standard error."""
    return gaps.mean(), gaps.std(ddof=1) / np.sqrt(len(gaps))


def test_the_words_on_hidden_halves():
    words = words_of("docs/missing.md")
    drawn = of_each_method("missing", lambda record: record["metrics"]["test"]["imputation"]["drawn"])
    gaps = drawn["rme5"] - drawn["vae"]
    assert "by {:+.2f}, {:+.2f} and {:+.2f} nats under the three seeds".format(*gaps) in words
    mean, error = mean_and_error(gaps)
    assert f"three seeds: {mean:+.2f} ± {error:.2f} over seeds" in words
    assert abs(mean) < error  # no difference
    assert (ranked(drawn)[0], ranked(drawn)[-1]) == ("miwae", "rme5")
    seen = of_each_method("missing", lambda record: record["metrics"]["test"]["log_likelihood"])
    assert ((seen["vae"] < seen["rme5"]) & (seen["rme5"] < seen["vae_5_samples"])).all()
    assert ranked(seen)[0] == "miwae"


def test_the_words_on_few_sentences():
    words = words_of("docs/training.md")
    assert "With 250 and 500 sentences log p(x|z) loses less than 1% of an observation's nats" in words
    share = {}
    for record in load_study(ROOT / "recipes" / "results" / "few_sentences.jsonl"):
        test, count = record["metrics"]["test"], record["data"]["train"]["num_rows"]
        share[count] = test["collapse"]["reliance"] / -test["log_likelihood"]
    assert share.keys() == {250, 500, 1090}
    assert {count for count, value in share.items() if value < 0.01} == {250, 500}
    assert sorted(share)[1] < FEW_SENTENCES < max(share)
    assert f"Below {FEW_SENTENCES:,} training sentences `rme train text` warns" in words


def test_the_words_on_few_photographs():
    words = words_of("docs/training.md")
    study = load_study(ROOT / "recipes" / "results" / "few_photos.jsonl")
    tests = {record["config"]["encoder"]["name"]: record["metrics"]["test"] for record in study}
    residual, plain = tests["resnet"], tests["dcgan"]
    gap = plain["bits_per_dimension"] - residual["bits_per_dimension"]
    assert f"Residual networks are {gap:.2f} bits per dimension ahead. Both decoders rely on z." in words
    for test in (residual, plain):
        assert test["collapse"]["reliance"] > -0.1 * test["log_likelihood"]


def test_the_words_on_equal_time():
    words = words_of("docs/results/equal_time.md")
    assert "In the ELBO IAF leads, just before the VAE with a rising KL weight, and RME is third" in words
    elbo = of_each_method("equal_time", lambda record: record["metrics"]["test"]["elbo"])
    assert ranked(elbo)[:3] == ["iaf4", "vae_annealed", "rme5_one"]
    validation = of_each_method("equal_time", lambda record: record["history"]["val_elbo"][-1])
    assert ranked(validation) == ranked(elbo)
    steps = of_each_method("equal_time", lambda record: field(record, "train_steps"))
    assert (2 * steps["rme5"] < steps["rme5_one"]).all()  # fewer than half of the steps


@pytest.mark.parametrize("bound", ["log_likelihood", "elbo"])
def test_the_words_on_one_flow_at_equal_time(bound):
    assert "Five components through one flow are level with one Gaussian through it, in both bounds." in words_of(
        "docs/results/equal_time.md"
    )
    values = of_each_method("equal_time_flow", lambda record: record["metrics"]["test"][bound])
    mean, error = mean_and_error(values["rme5_iaf4_one"] - values["iaf4"])
    assert abs(mean) < 2.0 * error


@functools.cache
def comparison():
    """The comparison's contrasts on MNIST by bound, and the differences under each seed."""
    study = ROOT / "recipes" / "results" / "comparison.jsonl"
    records, images = load_study(study), load_values(study)
    contrasts = list(module_of("comparison.py").DESIGN.contrasts)
    bounds = ("test log p(x)", "test ELBO")
    found = {bound: planned_contrasts(records, images, contrasts, bound) for bound in bounds}
    seeds = {bound: {pair: differences_of(records, pair, bound) for pair in contrasts} for bound in bounds}
    return found, seeds


def test_the_words_on_what_the_comparison_has_found():
    words = words_of("docs/comparison.md")
    found, seeds = comparison()
    numbers = {len(gaps) for bound in seeds.values() for gaps in bound.values()}
    assert numbers == {2}
    assert "**So far, under two of five seeds**" in words
    p_values = {bound: {pair: one.p_seeds for pair, one in pairs.items()} for bound, pairs in found.items()}
    least = min(p_values["test log p(x)"].values())
    assert least > 0.05
    assert f"no difference in log p(x) is found (the least p is {least:.3f})" in words
    assert [pair for pair, p in p_values["test ELBO"].items() if p < 0.05] == [("rme_all", "vae")]
    assert "two of five seeds of [a plan](comparison.md), with no difference in log p(x) found yet" in words_of(
        "docs/results.md"
    )
    assert f"reaches {stats.t.ppf(0.975, 1):.1f} standard errors to each side" in words


@pytest.mark.parametrize(
    ("first", "other", "sentence"),
    [
        ("rme", "vae", "level with the VAE ({:+.2f})"),
        ("rme", "me", "{:.2f} ahead of the mixture encoder"),
        ("rme", "iaf", "It is ahead of IAF ({:+.2f})"),
        ("rme", "rme_iaf", "of RME through one flow ({:+.2f}), and of what decodes five samples"),
        ("rme", "vae_5", "(`vae_5` {:+.2f}"),
        ("rme", "iaf_5", "`iaf_5` {:+.2f}), which gets far fewer steps"),
        ("rme_all", "vae", "RME is ahead of the VAE ({:+.2f})"),
        ("rme_all", "vae_5_steps", "of the VAE of five samples ({:+.2f})"),
        ("rme_all", "iaf_steps", "of IAF ({:+.2f}) and of RME"),
        ("rme_all", "rme_iaf_all", "RME through one flow ({:+.2f}). It is level"),
        ("rme_all", "me_all", "level with the mixture encoder ({:+.2f})"),
        ("rme_all", "iaf_5_steps", "behind IAF of five samples ({:+.2f})"),
    ],
)
def test_the_words_on_a_contrast_of_the_comparison(first, other, sentence):
    found, seeds = comparison()
    gaps = seeds["test log p(x)"][first, other]
    assert sentence.format(gaps.mean()) in words_of("docs/comparison.md")
    assert (abs(gaps.mean()) < 0.05) == ("level with" in sentence)
    assert "level with" in sentence or (gaps < 0).all() == ("behind" in sentence)
    assert "level with" in sentence or (gaps > 0).all() == ("behind" not in sentence)
    assert found["test log p(x)"][first, other].mean == pytest.approx(gaps.mean())


def test_the_words_on_one_flow_in_the_comparison():
    gaps = comparison()[1]["test ELBO"]["rme_all", "rme_iaf_all"]
    assert (gaps < 0).all()
    assert f"(`rme_all` less `rme_iaf_all` {gaps.mean():+.2f})" in words_of("docs/comparison.md")


def test_the_words_on_the_first_plan_of_the_comparison():
    words = words_of("docs/comparison.md")
    study = ROOT / "recipes" / "results" / "comparison_first.jsonl"
    records, images = load_study(study), load_values(study)
    contrasts = list(module_of("comparison.py").DESIGN.contrasts)
    found = planned_contrasts(records, images, contrasts, "test log p(x)")
    assert "**no contrast is found**" in words
    assert min(one.p_seeds for one in found.values()) > 0.05
    largest = max(found, key=lambda contrast: abs(found[contrast].mean))
    assert "the largest is `{}` less `{}`".format(*largest) in words
    assert f"{found[largest].mean:+.2f} nats, with p = {found[largest].p_seeds:.3f}" in words
    errors = [one.image_error for one in found.values()]
    assert f"images leave {min(errors):.2f} to {max(errors):.2f} in a contrast" in words
    values = of_each_method("comparison_first", lambda record: record["metrics"]["test"]["log_likelihood"])
    assert f"a standard error of {mean_and_error(values['rme_all'])[1]:.2f} nats over seeds" in words
    assert {method: len(seeds) for method, seeds in seeds_of(study).items()} == dict.fromkeys(values, 5)


def test_the_words_on_the_rates_of_the_trials():
    words, groups = words_of("docs/comparison.md"), {}
    for name, group in by_method(load_study(ROOT / "recipes" / "results" / "comparison_trials.jsonl")).items():
        rate = field(group[0], "learning_rate")
        groups.setdefault(split_trial(name)[0], {}).setdefault(rate, []).append(validation_elbo(group))
    best = {family: {rate: max(elbos) for rate, elbos in rates.items()} for family, rates in groups.items()}
    assert all(max(rates, key=rates.get) == max(rates) == 0.002 for rates in best.values())
    gains = [rates[0.002] - rates[0.001] for rates in best.values()]
    assert "Every family takes the largest rate that was tried, 0.002" in words
    assert f"gains {min(gains):.1f} to {max(gains):.1f} nats over its best trial at 0.001" in words
    assert f"where families differ by {np.ptp([rates[0.002] for rates in best.values()]):.1f} nats" in words


def test_the_first_plan_took_rates_at_the_edge_of_stability():
    """Chosen by trials under one seed; the validation ELBO falls at first, under some seeds."""
    trials = load_study(ROOT / "recipes" / "results" / "comparison_first_trials.jsonl")
    rates = [row["learning rate"] for row in trial_rows(trials)]
    assert rates.count("0.004") > len(rates) / 2
    histories = of_each_method("comparison_first", lambda record: record["history"]["val_elbo"][:12])
    falls = np.array([np.diff(seeds, axis=1).min(axis=1) for seeds in histories.values()])  # [method, seed]
    assert (falls < -10.0).any()
    assert (falls > -10.0).any()


def test_the_words_on_the_choice_of_a_method_at_equal_time():
    words = words_of("docs/choosing.md")
    bounds, elbo = (
        of_each_method("equal_time", lambda record, name=name: record["metrics"]["test"][name])
        for name in ("log_likelihood", "elbo")
    )
    assert "at equal time a VAE with a rising KL weight leads, IAF is level with RME of one component an image" in words
    assert ranked(bounds)[0] == "vae_annealed"
    mean, error = mean_and_error(bounds["iaf4"] - bounds["rme5_one"])
    assert abs(mean) < error
    assert "at equal time ahead of the VAE, and behind one with a rising KL weight" in words
    assert bounds["vae"].mean() < bounds["rme5_one"].mean() < bounds["vae_annealed"].mean()
    assert "at equal time IAF is ahead of the VAE" in words
    for quantity in (bounds, elbo):
        mean, error = mean_and_error(quantity["iaf4"] - quantity["vae"])
        assert mean > 2 * error


def test_the_words_on_steps_next_to_jax():
    assert "**JAX is faster** in every row with it, most for the VAE" in words_of("docs/benchmark.md")
    (record,) = load_study(ROOT / "recipes" / "results" / "benchmark_steps.jsonl")
    ratios = {row["step of"]: [] for row in record["table"]}
    for row in record["table"]:
        if "JAX" in row["next to"]:
            ratios[row["step of"]].append(row["times its time"])
    of_vae, of_rme = (ratios[name] + ratios[f"{name}, XLA"] for name in ("VAE", "RME(5)"))
    assert min(of_vae) > max(of_rme) > min(of_rme) > 1.0
