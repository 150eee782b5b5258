"""Folders of studies: where runs, tables and records are written."""

import pathlib
import runpy
import sys

import pytest

import rme_tf.experiments
from rme_tf.experiments.runs import study_script
from rme_tf.experiments.studies import digits

ROOT = pathlib.Path(__file__).resolve().parents[2]
STUDIES = {
    "collapse": ("runs/collapse", "runs/results/collapse"),
    "barrier": ("runs/barrier_bernoulli", "runs/results/barrier_bernoulli"),
    "boosting": ("runs/boosting", "runs/results/boosting"),
    "capacity": ("runs/capacity_digits", "runs/results/capacity_digits"),
    "comparison": ("runs/comparison", "runs/results/comparison"),
    "decoder_scale": ("runs/decoder_scale", "runs/results/decoder_scale"),
    "equal_time": ("runs/equal_time", "runs/results/equal_time"),
    "gaussian": ("runs/gaussian_d10", "runs/results/gaussian_d10"),
    "missing": ("runs/missing", "runs/results/missing"),
    "learned_prior": ("runs/learned_prior", "runs/results/learned_prior"),
    "mnist_study": ("runs/mnist_study_d20", "runs/results/mnist_study_d20"),
    "pixelcnn": ("runs/pixelcnn", "runs/results/pixelcnn"),
    "sentences": ("runs/sentences", "runs/results/sentences"),
    "single_component": ("runs/single_component", "runs/results/single_component"),
    "table": ("runs/table_mnist_d20", "runs/results/table_mnist_d20"),
    "weights": ("runs/weights_digits", "runs/results/weights_digits"),
}


@pytest.fixture
def folders_of(monkeypatch):
    """Returns the folders that a script passes on, without running it."""
    calls = []

    def called(*args, **options):
        calls.append((options["out"], options["results"]))

    for module in (rme_tf.experiments, study_script, digits):
        for name in {"run_study", "run_comparison", "run_at_equal_time", "run_instrumented"} & set(dir(module)):
            monkeypatch.setattr(module, name, called)
        monkeypatch.setattr(module, "show_study", lambda *args, **options: None, raising=False)
    monkeypatch.setattr(rme_tf.experiments, "run_design", lambda design, kind, study: called(**study.folders()))

    def run(script, *flags):
        calls.clear()
        monkeypatch.setattr(sys, "argv", [script, *flags])
        runpy.run_path(str(ROOT / "recipes" / f"{script}.py"), run_name="__main__")
        return list(calls)

    return run


@pytest.mark.parametrize("script", sorted(STUDIES))
def test_the_folders_of_a_study_are_what_they_were(script, folders_of):
    assert folders_of(script)[0] == STUDIES[script]


@pytest.mark.parametrize("script", sorted(STUDIES))
def test_out_is_honored_and_the_records_are_next_to_it(script, folders_of):
    several = ["--latent-dims", "20"]
    one = {"gaussian": several, "table": several, "barrier": ["--likelihoods", "normal"]}.get(script, [])
    assert folders_of(script, "--out", "/tmp/my/study", *one) == [("/tmp/my/study", "/tmp/my/results/study")]
    assert folders_of(script, "--out", "study/", "--results", "kept", *one) == [("study/", "kept")]


@pytest.mark.parametrize("script", ["gaussian", "table"])
def test_each_of_several_studies_has_a_folder_in_out(script, folders_of):
    names = {"gaussian": ("d2", "d3"), "table": ("mnist_d2", "mnist_d3")}[script]
    found = folders_of(script, "--out", "study", "--latent-dims", "2,3")
    assert found == [(f"study/{name}", f"study/results/{name}") for name in names]
    found = folders_of(script, "--out", "study", "--results", "kept", "--latent-dims", "2,3")
    assert found == [(f"study/{name}", f"kept/{name}") for name in names]


def test_every_study_of_the_scripts_is_tried():
    texts = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "recipes").glob("*.py")}
    kinds = ("StudyFields", "EqualTimeFields", "ComparisonFields", "DigitsStudy")
    assert {name for name, text in texts.items() if any(kind in text for kind in kinds)} == set(STUDIES)
