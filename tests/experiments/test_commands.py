"""Commands of `rme` on runs of seconds: what they write and print."""

import dataclasses
import json
import pathlib
import re
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
import yaml
from PIL import Image

import rme_tf.experiments
from rme_command import main
from rme_tf.experiments.commands import training
from rme_tf.experiments.commands.finished import recipe_of
from rme_tf.experiments.commands.kinds import KINDS
from rme_tf.experiments.runs import command_lines, side_by_side
from rme_tf.experiments.runs.run_folder import contents

NETWORKS = ["--encoder", "mlp", "--decoder", "mlp", "--encoder.units", "8", "--decoder.units", "8"]
TINY = [*NETWORKS, "--components", "2", "--latent-dim", "3", "--optimizer", "sgd", "--algorithm.warm-start-epochs", "0"]
IMAGES = ["train", "images", "--dataset", "digits", "--smoke", *TINY]
WORDS = ["--encoder.units", "8", "--decoder.units", "8", "--encoder.embedding-size", "6", "--max-length", "9"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of a finished run on images, and its working directory."""
    tf.config.run_functions_eagerly(True)
    folder = tmp_path_factory.mktemp("elsewhere")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        # Which takes most of the time, and has a test of its own.
        patch.setattr(side_by_side, "export_saved_model", lambda model, path, **options: path.mkdir())
        main([*IMAGES, "--out", "run"])
        patch.setattr(side_by_side, "export_saved_model", lambda model, path, **options: None)
        yield folder / "run"
    tf.config.run_functions_eagerly(False)


@pytest.fixture
def rme(monkeypatch, capsys, run):
    """Runs a command in the working directory of the run; returns what it prints."""
    monkeypatch.chdir(run.parent)
    capsys.readouterr()

    def call(*words):
        main(list(words))
        return capsys.readouterr().out

    return call


@pytest.mark.slow
def test_training_writes_into_out_alone(run):
    assert {path.name for path in run.parent.iterdir()} == {"run"}
    assert {"config.yaml", "metrics.json", "model.keras", "saved_model"} <= {path.name for path in run.iterdir()}


@pytest.mark.slow
def test_a_finished_run_is_evaluated_as_it_was(run, rme):
    recorded = json.loads((run / "metrics.json").read_text(encoding="utf-8"))["metrics"]
    printed = rme("evaluate", "run", "--out", "numbers.json")
    again = json.loads((run.parent / "numbers.json").read_text(encoding="utf-8"))
    assert again["importance_samples"] == 64
    for split in ("test", "train"):
        for name in ("elbo", "log_likelihood", "kl"):
            np.testing.assert_allclose(again["metrics"][split][name], recorded[split][name], rtol=1e-5)
    assert "test ELBO" in printed
    (run.parent / "numbers.json").unlink()


@pytest.mark.slow
def test_more_importance_samples_tighten_the_bound(rme, run):
    values = {}
    for count in (2, 200):
        printed = rme("evaluate", "run", "--samples", str(count), "--out", "numbers.json")
        assert f"log p(x), {count} samples" in printed
        values[count] = json.loads((run.parent / "numbers.json").read_text(encoding="utf-8"))["metrics"]["test"]
    assert values[200]["log_likelihood"] > values[2]["log_likelihood"]
    (run.parent / "numbers.json").unlink()


@pytest.mark.slow
def test_samples_are_images_that_the_seed_decides(run, rme, tmp_path):
    assert "3 draws" in rme("sample", "run", "--count", "3", "--out", str(tmp_path / "a"))
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["0.png", "1.png", "2.png", "grid.png"]
    rme("sample", "run", "--count", "3", "--out", str(tmp_path / "b"))
    rme("sample", "run", "--count", "3", "--seed", "1", "--out", str(tmp_path / "c"))
    images = {name: [np.asarray(Image.open(tmp_path / name / f"{i}.png")) for i in range(3)] for name in "abc"}
    assert images["a"][0].shape == (8, 8)
    np.testing.assert_array_equal(images["a"], images["b"])
    assert np.any(images["a"][0] != images["c"][0])
    model = keras.saving.load_model(run / "model.keras", compile=False)
    expected = np.rint(255 * np.asarray(model.sample(3, seed=(0, 0)))[..., 0])
    np.testing.assert_allclose(images["a"], expected, atol=1)


@pytest.mark.slow
def test_samples_belong_to_the_run_that_overwrite_deletes(run, rme):
    rme("sample", "run", "--count", "2")
    assert (run / "samples" / "grid.png").exists()
    assert not contents(run).foreign
    for name in ("samples.csv", "sentences.txt"):  # of other data
        (run / "samples" / name).touch()
    assert not contents(run).foreign


@pytest.mark.slow
def test_a_run_that_has_moved_is_resumed_and_compared(run, rme, tmp_path):
    before = (run / "metrics.json").read_bytes()
    run.rename(run.with_name("moved"))
    try:
        printed = rme("resume", "moved")
        assert "moved is finished: nothing to do." in printed
        assert (run.with_name("moved") / "metrics.json").read_bytes() == before
        assert {path.name for path in run.parent.iterdir()} == {"moved"}
        assert "moved" in rme("compare", "moved", "--out", str(tmp_path / "compared"))
        assert (tmp_path / "compared" / "table.md").exists()
    finally:
        run.with_name("moved").rename(run)


@pytest.mark.slow
def test_a_run_is_exported(run, rme, tmp_path):
    tf.config.run_functions_eagerly(False)
    try:
        assert "Exported" in rme("export", "run", "--out", str(tmp_path / "served"))
    finally:
        tf.config.run_functions_eagerly(True)
    served = tf.saved_model.load(str(tmp_path / "served"))
    assert served.encode(tf.zeros([3, 8, 8, 1]))["means"].shape == (3, 2, 3)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            [*IMAGES, "--out", "run", "--seed", "5"],
            r"another configuration \(--seed: 0 there, 5 now\)\. Choose another --out",
        ),
        ([*IMAGES, "--algorithm", "elbo", "--algorithm.kl-bound", "3"], "Unknown options of the algorithm 'elbo'"),
        ([*IMAGES, "--binarization", "dequantized"], "need a density"),
        (["compare", "run", "--reference", "nobody"], "Unknown reference"),
        (["train", "images", "--config", "wrong.yaml"], "wrong.yaml, line 2, does not describe a recipe"),
    ],
)
def test_what_the_library_refuses_is_one_line(words, message, run, monkeypatch, capsys):
    monkeypatch.chdir(run.parent)
    wrong = run.parent / "wrong.yaml"
    wrong.write_text("dataset: digits\nepohcs: 3\n", encoding="utf-8")
    with pytest.raises(SystemExit) as end:
        main(words)
    wrong.unlink()
    assert end.value.code == 2
    printed = capsys.readouterr().err
    assert re.search(message, printed)
    assert printed.count("\n") == 1


@pytest.mark.slow
def test_an_interrupted_run_is_named_with_the_remedy(run, monkeypatch, capsys):
    monkeypatch.chdir(run.parent)
    (run / "model.keras").rename(run / "kept")
    try:
        with pytest.raises(SystemExit) as end:
            main(["sample", "run"])
    finally:
        (run / "kept").rename(run / "model.keras")
    assert end.value.code == 2
    assert "rme resume run" in capsys.readouterr().err


def test_a_fault_of_the_library_is_no_refusal(monkeypatch, tmp_path):
    """An error from elsewhere keeps its traceback."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(training, "_run", lambda recipe, words: int("no number"))
    with pytest.raises(ValueError, match="invalid literal"):
        main(IMAGES)


def test_ctrl_c_says_how_to_resume(monkeypatch, capsys, tmp_path):
    def interrupt(recipe, words):
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(training, "_run", interrupt)
    with pytest.raises(SystemExit) as end:
        main(IMAGES)
    assert end.value.code == 130
    assert "rme resume" in capsys.readouterr().err


@pytest.fixture
def recipe_from(monkeypatch, tmp_path):
    """Returns the recipe that a command line would run."""
    recipes = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(training, "_run", lambda recipe, words: recipes.append(recipe))
    monkeypatch.setattr(command_lines, "parse_by_size", command_lines.parse)  # which reads the data

    def call(*words):
        main(list(words))
        return recipes[-1]

    return call


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_recipe_is_reached_by_its_name(kind, recipe_from, monkeypatch):
    monkeypatch.setattr(training, "cut_photographs", lambda data_dir, size: pathlib.Path("tiles"))
    for name, expected in KINDS[kind].recipes.items():
        recipe = recipe_from("train", kind, "--recipe", name)
        assert recipe.differences(expected.config).keys() <= {"path"}
        assert recipe.out == expected.out


def test_a_path_has_its_settings_and_a_folder_of_its_own(recipe_from, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "lines.txt").write_text("a b c\n", encoding="utf-8")
    recipe = recipe_from("train", "images", "--path", "photos", "--components", "3")
    assert (recipe.path, recipe.dataset, recipe.out, recipe.components) == ("photos", "folder", "runs/photos", 3)
    recipe = recipe_from("train", "text", "--path=lines.txt")
    assert (recipe.corpus, recipe.out) == ("lines.txt", "runs/lines")
    recipe = recipe_from("train", "images", "--dataset", "frey_faces", "--out", "mine")
    assert (recipe.dataset, recipe.out) == ("frey_faces", "mine")


def test_a_run_of_seconds_has_a_folder_of_its_own(recipe_from, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "seconds.yaml").write_text("smoke: true\n", encoding="utf-8")
    folder = ("train", "images", "--path", "photos")
    assert recipe_from(*folder, "--smoke").out == "runs/photos_smoke"
    assert recipe_from(*folder, "--config", "seconds.yaml").out == "runs/photos_smoke"
    assert recipe_from(*folder, "--smoke", "--out", "runs/photos").out == "runs/photos"
    assert recipe_from("train", "images", "--recipe", "mnist", "--smoke").out == "runs/mnist_smoke"


def test_few_observations_of_your_own_have_defaults_of_their_own(recipe_from, tmp_path, monkeypatch):
    (tmp_path / "lines.txt").write_text("a b c\n", encoding="utf-8")
    monkeypatch.setattr(
        command_lines, "parse_by_size", lambda *_: dataclasses.replace(command_lines.parse(*_), epochs=7)
    )
    assert recipe_from("train", "text", "--path", "lines.txt").epochs == 7
    assert recipe_from("train", "text", "--recipe", "ptb").epochs == 60


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_configuration_of_a_run_gives_its_kind_and_recipe(kind, tmp_path):
    for recipe in KINDS[kind].recipes.values():
        (tmp_path / "config.yaml").write_text(yaml.safe_dump(recipe.config), encoding="utf-8")
        found, again = recipe_of(tmp_path)
        assert found is KINDS[kind]
        assert again.differences(recipe.config) == {}
        assert again.out == str(tmp_path)


def test_a_study_runs_its_script(monkeypatch, tmp_path):
    calls = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(rme_tf.experiments, "run_comparison", lambda methods, *args, **options: calls.append(methods))
    monkeypatch.setattr(sys, "argv", sys.argv)  # which is put back
    main(["study", "table", "--dataset", "digits", "--methods", "vae,rme", "--components", "2"])
    assert list(calls[0]) == ["vae", "rme2"]


def test_sys_argv_is_the_command_line(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["rme", "--help"])
    main()
    assert "usage: rme" in capsys.readouterr().out
