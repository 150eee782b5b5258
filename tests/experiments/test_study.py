"""A study runs what is missing, in an order that compares early."""

from types import SimpleNamespace

import keras
import pytest

import rme_tf.experiments.runs.study
from rme_tf.core.files import read_json
from rme_tf.experiments import Run, deadline_in, run_comparison, run_study, show_study
from rme_tf.experiments.reports import pack
from rme_tf.experiments.runs.study import _cost
from rme_tf.experiments.runs.time_limits import OutOfTime
from small_recipes import image_recipe
from test_report import record


def recorded(recipe):
    """A record whose numbers tell the seed."""
    numbers = record(elbo=-100.0 - recipe.seed, components=recipe.components)
    del numbers["method"]
    return {**numbers, "config": recipe.config}


@pytest.fixture
def ran(monkeypatch):
    """Puts a stand-in in the place of the training; the recipes it was given, on a clear session each."""
    recipes, cleared = [], []

    def run(recipe, callbacks, page=True):
        recipes.append(recipe)
        assert cleared.pop()
        return Run(recipe, None, recorded(recipe), {"elbo": [1.0]}, None)

    monkeypatch.setattr(rme_tf.experiments.runs.study, "run", run)
    # Keras's own collects the garbage of all tests so far: a second each.
    monkeypatch.setattr(keras.utils, "clear_session", lambda: cleared.append(True))
    return recipes


METHODS = {"vae": image_recipe(components=1), "rme": image_recipe(components=3)}


def study(tmp_path, methods=None, seeds=2):
    out, results = str(tmp_path / "runs"), str(tmp_path / "results")
    return run_study(methods or METHODS, seeds=seeds, out=out, results=results)


def test_every_method_runs_under_every_seed_in_a_directory_of_its_own(ran, tmp_path):
    paths = study(tmp_path)
    assert [path.name for path in paths] == [
        "vae-seed0.json",
        "rme-seed0.json",
        "vae-seed1.json",
        "rme-seed1.json",
    ]
    assert [(recipe.components, recipe.seed) for recipe in ran] == [(1, 0), (3, 0), (1, 1), (3, 1)]
    assert [recipe.out for recipe in ran] == [str(tmp_path / "runs" / path.stem) for path in paths]
    last = read_json(paths[3])
    assert last["method"] == "rme"
    assert last["metrics"]["test"]["elbo"] == -101.0
    assert last["history"] == {"elbo": [1.0]}


def test_a_study_ends_with_its_table_and_of_sentences_with_their_diagnostics(ran, tmp_path, capsys, monkeypatch):
    study(tmp_path)
    assert "-100.50 ± 0.50" in capsys.readouterr().out  # over two seeds
    assert not (tmp_path / "runs" / "diagnostics.png").exists()
    history = {"mi": [0.5, 1.0]}
    monkeypatch.setattr(
        rme_tf.experiments.runs.study,
        "run",
        lambda recipe, callbacks, page: Run(recipe, None, recorded(recipe), history, None),
    )
    monkeypatch.setattr(keras.utils, "clear_session", lambda: None)
    study(tmp_path, seeds=3)
    assert (tmp_path / "runs" / "diagnostics.png").exists()


def test_what_has_a_record_is_not_run_again(ran, tmp_path):
    first = study(tmp_path, seeds=1)
    before = [path.stat().st_mtime_ns for path in first]
    assert study(tmp_path, seeds=2)[:2] == first
    assert [(recipe.components, recipe.seed) for recipe in ran] == [(1, 0), (3, 0), (1, 1), (3, 1)]
    assert [path.stat().st_mtime_ns for path in first] == before


def test_a_study_that_pack_restored_goes_on(ran, tmp_path):
    study(tmp_path, seeds=1)
    pack.convert(tmp_path / "results", tmp_path / "some.jsonl")
    pack.convert(tmp_path / "some.jsonl", tmp_path / "restored")
    paths = run_study(METHODS, seeds=2, out=str(tmp_path / "runs"), results=str(tmp_path / "restored"))
    assert [(recipe.components, recipe.seed) for recipe in ran] == [(1, 0), (3, 0), (1, 1), (3, 1)]
    assert sorted(paths) == sorted((tmp_path / "restored").iterdir())


def test_overwrite_runs_again(ran, tmp_path):
    methods = {"vae": image_recipe(components=1, overwrite=True)}
    study(tmp_path, methods, seeds=1)
    study(tmp_path, methods, seeds=1)
    assert len(ran) == 2


@pytest.mark.parametrize("text", ['{"title": "my thesis"}', "[1, 2]", "no JSON", '{"config": 3, "method": "vae"}'])
@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("name", ["vae-seed0.json", "other.json"])
def test_a_file_that_is_no_record_is_neither_read_as_one_nor_overwritten(ran, tmp_path, text, overwrite, name):
    path = tmp_path / "results" / name
    path.parent.mkdir()
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=f"Expected the record of a run. Received: .*{name}, which is none"):
        study(tmp_path, {"vae": image_recipe(components=1, overwrite=overwrite)}, seeds=1)
    assert path.read_text(encoding="utf-8") == text
    assert ran == []


def test_the_record_of_another_configuration_is_refused(ran, tmp_path):
    """A record that a smoke run left, say, must not pass for the study's, and is not overwritten."""
    (path,) = study(tmp_path, {"vae": image_recipe(components=1, smoke=True)}, seeds=1)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"vae-seed0\.json records a run of another configuration .*differs in smoke"):
        study(tmp_path, {"vae": image_recipe(components=1)}, seeds=1)
    assert len(ran) == 1
    assert path.read_bytes() == before


def test_a_study_cut_short_goes_on(ran, tmp_path, monkeypatch):
    def run(recipe, callbacks, page=True):
        if len(ran) == 1:
            raise KeyboardInterrupt
        ran.append(recipe)
        return Run(recipe, None, recorded(recipe), {}, None)

    with monkeypatch.context() as patch:
        patch.setattr(rme_tf.experiments.runs.study, "run", run)
        with pytest.raises(KeyboardInterrupt):
            study(tmp_path, seeds=1)
    assert [path.name for path in (tmp_path / "results").iterdir()] == ["vae-seed0.json"]
    study(tmp_path, seeds=1)
    assert [recipe.components for recipe in ran] == [1, 3]


@pytest.mark.parametrize("name", ["results", "runs"])
def test_directories_that_cannot_be_written_are_refused_before_any_run(ran, tmp_path, name):
    (tmp_path / name).write_text("a file", encoding="utf-8")
    with pytest.raises(ValueError, match=f"must be a directory that can be written.*{name} is no directory"):
        study(tmp_path)
    assert ran == []


def test_a_study_of_no_time_begins_no_run_and_says_what_is_left(ran, tmp_path, capsys):
    out, results = str(tmp_path / "runs"), str(tmp_path / "results")
    assert run_study(METHODS, seeds=2, out=out, results=results, deadline=deadline_in(0)) == []
    assert ran == []
    assert "4 of 4 runs were left" in capsys.readouterr().out
    assert len(run_study(METHODS, seeds=2, out=out, results=results, deadline=deadline_in(60))) == 4


def test_a_deadline_that_finds_a_run_in_training_leaves_no_record_of_it(ran, tmp_path, monkeypatch, capsys):
    def late(recipe, callbacks, page):
        assert callbacks[0].end == 1e9
        if recipe.components == 3:
            raise OutOfTime
        return Run(recipe, None, recorded(recipe), {"elbo": [1.0]}, None)

    monkeypatch.setattr(rme_tf.experiments.runs.study, "run", late)
    out, results = str(tmp_path / "runs"), str(tmp_path / "results")
    paths = run_study(METHODS, seeds=2, out=out, results=results, deadline=1e9)
    assert [path.name for path in paths] == ["vae-seed0.json"]
    assert "3 of 4 runs were left" in capsys.readouterr().out


def test_the_time_that_is_left_counts_evaluation_and_refinement_too():
    small = {"train_size": 100, "test_size": 10, "epochs": 2, "importance_samples": 50}
    assert _cost(image_recipe(**small, components=4)) == (2, 3 * 100 * 4, 20 * 50)
    refined = image_recipe(**small, components=1, algorithm="elbo", refinement="sa", refinement_steps=8)
    assert _cost(refined) == (2, 3 * 100 * 9, 20 * 50)


@pytest.fixture
def compared(ran, monkeypatch):
    """The stand-in, with what a comparison asks of a record."""

    def run(recipe, callbacks, page=True):
        ran.append(recipe)
        record = recorded(recipe)
        record["metrics"]["test"]["log_likelihood"] += recipe.components
        return Run(recipe, None, record, {"val_elbo": [-9.0], "seconds": [1.0]}, None)

    monkeypatch.setattr(rme_tf.experiments.runs.study, "run", run)
    return ran


@pytest.mark.parametrize(("reference", "other"), [(None, "rme"), ("rme", "vae")])
def test_a_comparison_is_with_the_first_method_or_the_one_that_is_named(compared, tmp_path, capsys, reference, other):
    out, results = str(tmp_path / "runs"), str(tmp_path / "results")
    run_comparison(METHODS, reference, out=out, results=results, seeds=1)
    table = (tmp_path / "runs" / "table.md").read_text(encoding="utf-8")
    assert f"less {reference or 'vae'}'s" in table
    row, *_ = (line for line in table.splitlines() if line.startswith(f"| {other}"))
    assert ("+2.00" if other == "rme" else "-2.00") in row
    assert table in capsys.readouterr().out


def test_a_reference_is_checked_before_any_run_and_awaited_after(compared, tmp_path, capsys):
    options = {"out": str(tmp_path / "runs"), "results": str(tmp_path / "results"), "seeds": 1}
    with pytest.raises(ValueError, match="Unknown reference. Expected one of: 'rme', 'vae'. Received: 'rme5'"):
        run_comparison(METHODS, "rme5", **options)
    assert compared == []
    run_comparison(METHODS, "rme", **options, deadline=deadline_in(0))
    assert "no run of rme is finished" in capsys.readouterr().out


def test_a_record_of_another_configuration_is_refused_before_any_run(ran, tmp_path):
    study(tmp_path, {"rme": METHODS["rme"]}, seeds=1)
    del ran[:]
    with pytest.raises(ValueError, match="rme-seed0.json records a run of another configuration"):
        study(tmp_path, {"vae": METHODS["vae"], "rme": image_recipe(components=4)})
    assert ran == []


@pytest.mark.parametrize(("name", "value"), [("binarization", "static"), ("train_size", 100)])
def test_methods_on_other_data_do_not_share_a_directory(ran, tmp_path, name, value):
    other = image_recipe(components=3, **{name: value})
    study(tmp_path, {"vae": METHODS["vae"]}, seeds=1)
    del ran[:]
    with pytest.raises(ValueError, match=rf"vae-seed0.json records a run on other data .*differs in {name}"):
        study(tmp_path, {"rme": other}, seeds=1)
    assert ran == []
    study(tmp_path, {"rme": METHODS["rme"], "rme_other": other}, seeds=1)


def test_the_first_seed_of_every_finished_method_is_shown(tmp_path, monkeypatch):
    shown = []
    task = SimpleNamespace(show=lambda runs, out: shown.append((runs, out)))
    monkeypatch.setattr(rme_tf.experiments.runs.study, "run", lambda recipe: Run(recipe, None, {}, {}, task))
    show_study(METHODS, out=str(tmp_path))
    assert not shown
    (tmp_path / "rme-seed0").mkdir()
    (tmp_path / "rme-seed0" / "metrics.json").touch()
    show_study(METHODS, out=str(tmp_path))
    ((runs, out),) = shown
    assert runs.keys() == {"rme"}
    recipe = runs["rme"].recipe
    assert (recipe.seed, recipe.out, recipe.components) == (0, str(tmp_path / "rme-seed0"), 3)
    assert out == tmp_path / "shown"
