"""`overwrite` deletes what runs have written, and nothing else."""

import dataclasses
import os
import pathlib
import sys

import pytest
import yaml

import rme_tf
from rme_tf.experiments import TextRecipe
from rme_tf.experiments.reports.records import load_study
from rme_tf.experiments.runs import runner
from rme_tf.experiments.runs.run_folder import contents, delete_run, describes_run
from small_recipes import image_recipe, text_recipe

RESULTS = pathlib.Path(__file__).resolve().parents[2] / "recipes" / "results"
RECIPE = image_recipe(dataset="digits")
TINY = {"latent_dim": 2, "train_size": 64, "test_size": 20, "batch_size": 32, "importance_samples": 4, "epochs": 2}
IMAGES = image_recipe(
    **TINY, dataset="digits", encoder="mlp", decoder="mlp", mlp_units=(4,), components=2, warm_start_epochs=0
)
TEXTS = text_recipe(
    **TINY,
    vocabulary_size=100,
    units=4,
    embedding_size=4,
    max_length=8,
    components=1,
    algorithm="elbo",
    language_model=True,
    diagnosed=10,
    data_dir=None,
)


def everything(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


@pytest.fixture
def run(tmp_path):
    """The directory of a run that has just begun."""
    return runner.prepare(dataclasses.replace(RECIPE, out=str(tmp_path / "run")))


def overwrite(out):
    return runner.prepare(dataclasses.replace(RECIPE, out=str(out), overwrite=True, seed=1))


@pytest.mark.parametrize(
    "text", ["title: my web site\n", "", "- a list\n", "components: 3\nepochs: 5\n", "[1", "just text", b"\xff\xfe"]
)
def test_a_folder_with_the_configuration_of_something_else_is_no_run(tmp_path, text):
    (tmp_path / "config.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    (tmp_path / "thesis.tex").write_text("years of work", encoding="utf-8")
    before = everything(tmp_path)
    with pytest.raises(ValueError, match="`overwrite` deletes runs only"):
        overwrite(tmp_path)
    with pytest.raises(ValueError, match=r"config.yaml does not describe a run"):
        runner.prepare(dataclasses.replace(RECIPE, out=str(tmp_path)))
    assert everything(tmp_path) == before


@pytest.mark.parametrize(
    "name",
    [
        "thesis.tex",
        ".git/config",
        "data/mnist/1.0/train",
        "checkpoints/thesis.tex",
        "checkpoints/ckpt-mine/thesis.tex",
        "checkpoints/ckpt-best.index",
        "saved_model/assets.extra/warmup",
        "best/deeper/ckpt-1.index",
        "results/notes.txt",
        "vae/config.yaml",
        "config.yaml.bak",
    ],
)
def test_what_no_run_has_written_stays_and_is_named(run, name):
    (run / name).parent.mkdir(parents=True, exist_ok=True)
    (run / name).write_text("years of work", encoding="utf-8")
    before = everything(run)
    first = next(part for part in contents(run).foreign if name.startswith(part))
    with pytest.raises(ValueError, match=f"what no run has written: {first}. Move that elsewhere"):
        overwrite(run)
    with pytest.raises(ValueError, match="no run has written"):
        delete_run(run)
    assert everything(run) == before


def test_an_empty_folder_of_another_is_not_a_run_s_either(run):
    (run / "notes").mkdir()
    with pytest.raises(ValueError, match="written: notes"):
        overwrite(run)


def test_of_many_files_some_are_named(run):
    for index in range(8):
        (run / f"{index}.txt").touch()
    with pytest.raises(ValueError, match=r"0.txt, 1.txt, 2.txt, 3.txt, 4.txt and 3 more\."):
        overwrite(run)


def test_links_are_not_followed(run, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "ckpt-1.index").write_text("years of work", encoding="utf-8")
    (run / "checkpoints").symlink_to(elsewhere, target_is_directory=True)
    (run / "metrics.json").symlink_to(elsewhere / "ckpt-1.index")
    with pytest.raises(ValueError, match=r"written: metrics.json, checkpoints\."):
        overwrite(run)
    assert (elsewhere / "ckpt-1.index").exists()


def test_a_run_behind_a_link_begins_anew_there(run, tmp_path):
    (run / "model.keras").touch()
    link = tmp_path / "link"
    link.symlink_to(run, target_is_directory=True)
    overwrite(link)
    assert link.is_symlink()
    assert everything(run) == ["config.yaml"]


def test_the_present_directory_is_emptied_and_stays(run, monkeypatch):
    monkeypatch.chdir(run)
    (run / "model.keras").touch()
    overwrite(".")
    assert os.listdir(".") == ["config.yaml"]
    assert yaml.safe_load((run / "config.yaml").read_text(encoding="utf-8"))["seed"] == 1


def test_what_was_half_deleted_is_deleted_the_next_time(run, monkeypatch):
    for name in ("metrics.json", "model.keras", "checkpoints/history.json"):
        (run / name).parent.mkdir(exist_ok=True)
        (run / name).touch()
    unlink, left = pathlib.Path.unlink, []

    def killed(path, *args):
        left.append(path.name)
        if len(left) == 3:
            raise KeyboardInterrupt
        unlink(path, *args)

    with monkeypatch.context() as patch:
        patch.setattr(pathlib.Path, "unlink", killed)
        with pytest.raises(KeyboardInterrupt):
            overwrite(run)
    assert left[0] == "metrics.json"  # else what is left would pass for a finished run
    overwrite(run)
    assert everything(run) == ["config.yaml"]


def test_every_recorded_configuration_is_one_of_a_run():
    paths = [path for path in RESULTS.glob("*.jsonl") if not path.name.startswith("benchmark")]
    configs = [(path, record["config"]) for path in paths for record in load_study(path)]
    assert len(configs) > 300
    for path, config in configs:
        assert describes_run({**config, "out": "runs/run"}), path


@pytest.mark.parametrize("count", [1, 2])
def test_a_comparison_does_not_write_into_another_run(run, count, tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules["rme_tf.experiments.runs.side_by_side"], "run", lambda recipe: pytest.fail("ran"))
    mine = dataclasses.replace(RECIPE, out=str(tmp_path / "mine"))
    with pytest.raises(ValueError, match="`out` must not be the directory of a run, whose record would be replaced"):
        rme_tf.experiments.compare({str(index): mine for index in range(count)}, out=run)
    both = {"a": mine, "b": dataclasses.replace(RECIPE, out=str(tmp_path / "other"))}
    with pytest.raises(ValueError, match="must not be the directory of a run"):
        rme_tf.experiments.compare(both, out=mine.out)
    assert everything(run) == ["config.yaml"]


@pytest.mark.slow
@pytest.mark.parametrize("recipe", [IMAGES, TEXTS], ids=["images", "texts"])
@pytest.mark.filterwarnings("ignore:.*(collapse|ignores z|Identical components|still lasts)")  # so short a training
@pytest.mark.usefixtures("eagerly")
def test_whatever_a_run_writes_is_known_as_its_own(recipe, tmp_path, monkeypatch):
    pytest.importorskip("tensorboard")
    out = tmp_path / "run"
    if recipe is IMAGES:  # whose export has no files but those of sentences
        monkeypatch.setattr(
            sys.modules["rme_tf.experiments.runs.side_by_side"], "export_saved_model", lambda *args, **kwargs: None
        )
    recipe = dataclasses.replace(recipe, out=str(out), tensorboard=True, patience=1, restore_best=True)
    rme_tf.experiments.compare({"RME": recipe}, out=out, results=out / "results")
    found = contents(out)
    assert found.foreign == []
    roots = {name.split("/")[0] for name in [*found.files, *found.folders]}
    assert roots >= {"checkpoints", "best", "tensorboard", "results", "model.keras", "metrics.json"}
    assert ("saved_model" in roots) == isinstance(recipe, TextRecipe)
    runner.prepare(dataclasses.replace(recipe, overwrite=True))
    assert everything(out) == ["config.yaml"]
