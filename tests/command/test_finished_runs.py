"""Finished runs, whose command is answered again without work: from files alone."""

import json
import os
import pathlib
import types

import pytest

from rme_command import finished, main

WORDS = ("train", "text", "--path", "lines.txt", "--epochs", "3")
TEST = {"log_likelihood": -49.3, "log_likelihood_standard_error": 4.6, "elbo": -50.3, "elbo_standard_error": None}


@pytest.fixture
def called(monkeypatch, tmp_path):
    """Words of the trainings, each of which leaves the files of a finished run."""
    calls = []

    def train(kind, words, *, start, out):
        folder = pathlib.Path(words[words.index("--out") + 1] if "--out" in words else out)
        if "--smoke" in words:
            folder = folder.with_name(f"{folder.name}_smoke")
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("config.yaml", "report.html", "model.keras"):
            (folder / name).touch()
        (folder / "metrics.json").write_text(json.dumps({"metrics": {"test": TEST}, "count": len(calls)}))
        calls.append(words)

    actions = types.SimpleNamespace(train=train, resume=lambda run, **options: calls.append([run]))
    monkeypatch.setattr("rme_command.program.importlib.import_module", lambda name: actions)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lines.txt").write_text("a b\n")
    return calls


def test_a_finished_command_is_answered_from_its_files(called, capsys):
    main(list(WORDS))
    capsys.readouterr()
    main(list(WORDS))
    assert len(called) == 1
    printed = capsys.readouterr()
    assert "runs/lines is finished: nothing to do. Test log p(x) -49.30 ± 4.60 nats." in printed.out
    assert "report.html" in printed.out
    assert printed.err == ""  # nor a word on the start of TensorFlow
    main(["resume", "runs/lines"])
    assert "runs/lines is finished" in capsys.readouterr().out
    assert len(called) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda: pathlib.Path("lines.txt").write_text("a b c\n"),
        lambda: os.utime("lines.txt", ns=(1, 1)),
        lambda: pathlib.Path("runs/lines/report.html").unlink(),
        lambda: pathlib.Path("runs/lines/metrics.json").write_text(json.dumps({"metrics": {"test": TEST}})),
        lambda: pathlib.Path("runs/lines/command.json").write_text("{"),
    ],
    ids=["data", "time", "page", "record", "damage"],
)
def test_a_command_on_other_files_is_run(called, change):
    main(list(WORDS))
    change()
    main(list(WORDS))
    assert len(called) == 2


@pytest.mark.parametrize("more", ["--epochs 4", "--overwrite", "--smoke", "--smoke false", "--out b"])
def test_another_command_is_run(called, more):
    main(list(WORDS))
    main([*WORDS, *more.split()])
    assert len(called) == 2


def test_a_run_of_seconds_has_an_answer_of_its_own(called, capsys):
    for words in (WORDS, [*WORDS, "--smoke"], WORDS, [*WORDS, "--smoke"]):
        capsys.readouterr()
        main(list(words))
    assert len(called) == 2
    assert "runs/lines_smoke is finished" in capsys.readouterr().out


@pytest.mark.parametrize("value", ["--smoke true", "--smoke=true", "--smoke false", "--config a.yaml", "--overwrite"])
def test_commands_whose_words_do_not_say_all_are_always_run(called, value, tmp_path):
    (tmp_path / "a.yaml").write_text("epochs: 2\n")
    for _ in range(2):
        main([*WORDS, *value.split()])
    assert len(called) == 2


def test_a_folder_of_data_is_compared_file_by_file(called, tmp_path):
    (tmp_path / "photos" / "cats").mkdir(parents=True)
    (tmp_path / "photos" / "cats" / "a.png").write_text("a")
    words = ["train", "images", "--path=photos", "--data-dir", "data", "--out", "run"]
    main(words)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "prepared").touch()  # by the run
    main(words)
    assert len(called) == 1
    (tmp_path / "photos" / "cats" / "b.png").write_text("b")
    main(words)
    assert len(called) == 2


def test_a_run_elsewhere_is_not_kept_without_a_record(tmp_path):
    command = finished.described(WORDS)
    finished.keep(str(tmp_path), command)
    assert not list(tmp_path.iterdir())
    finished.keep(str(tmp_path / "none"), command)
    assert finished.answer_of(str(tmp_path / "none")) == ""
