"""Where nothing can be written, no work begins."""

import os
import re
import sys
from pathlib import Path

import pytest

import rme_tf
from rme_tf.benchmark import folder, images, inference, text
from rme_tf.core.files import check_writable
from rme_tf.experiments import ImageRecipe
from small_recipes import image_recipe

MESSAGE = "must be a directory that can be written"


@pytest.fixture
def blocked(tmp_path):
    """A path below a file: not even root may write there."""
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    return tmp_path / "file" / "some" / "folder"


@pytest.fixture
def no_data(monkeypatch):
    monkeypatch.setattr(ImageRecipe, "load", lambda self: pytest.fail("the data were loaded"))


def test_a_directory_that_is_there_or_could_be_passes_and_none_is_made(tmp_path, monkeypatch):
    check_writable(tmp_path, "out")
    check_writable(tmp_path / "new" / "folder", "out")
    monkeypatch.chdir(tmp_path)
    check_writable("relative", "out")
    check_writable("gs://bucket/folder", "out")
    assert list(tmp_path.iterdir()) == []


def test_what_lies_below_a_file_is_refused(blocked):
    for path in (blocked, blocked.parent, blocked.parents[1]):
        with pytest.raises(ValueError, match=f"`results` {MESSAGE}. Received: {path}, where .*file is no directory"):
            check_writable(path, "results")


def test_a_directory_without_permission_is_refused(tmp_path, monkeypatch):
    """As `os.access` says: root may write everywhere."""
    asked = {}
    monkeypatch.setattr(os, "access", lambda path, mode: asked.update({str(path): mode}))
    with pytest.raises(ValueError, match=f"{MESSAGE}.*{tmp_path} is a directory without permission"):
        check_writable(tmp_path / "new", "out")
    assert asked == {str(tmp_path): os.W_OK | os.X_OK}


def test_a_run_finds_out_before_its_data_are_loaded(no_data, blocked):
    with pytest.raises(ValueError, match=f"`out` {MESSAGE}"):
        rme_tf.experiments.run(image_recipe(out=str(blocked)))


@pytest.mark.parametrize("name", ["out", "results"])
def test_a_comparison_finds_out_before_its_first_run(no_data, blocked, tmp_path, name):
    places = {"out": tmp_path / "out", "results": tmp_path / "results", name: blocked}
    with pytest.raises(ValueError, match=f"`{name}` {MESSAGE}"):
        rme_tf.experiments.compare({"RME": image_recipe(out=str(tmp_path / "run"))}, **places)


@pytest.mark.parametrize("benchmark", [folder, images, inference, text], ids=lambda module: module.__name__)
def test_a_benchmark_finds_out_before_it_measures(benchmark, blocked, tmp_path, monkeypatch):
    for work in ("timings", "make_files", "in_new_process"):
        monkeypatch.setattr(benchmark, work, lambda *args: pytest.fail("there was work"), raising=False)
    message = {blocked / "benchmark.json": f"`folder of out` {MESSAGE}", tmp_path: "`out` must be a file. Received: "}
    for out, words in message.items():
        monkeypatch.setattr(sys, "argv", ["benchmark", "--out", str(out)])
        with pytest.raises(ValueError, match=words):
            benchmark.main()


def test_the_makefile_s_benchmarks_leave_the_records_alone():
    makefile = (Path(__file__).parents[2] / "Makefile").read_text(encoding="utf-8")
    outs = re.findall(r"-m rme_tf\.benchmark\.(\w+) .*--out (\S+)", makefile)
    assert {"images", "inference", "text", "execution", "folder", "bound", "steps"} <= {name for name, _ in outs}
    assert outs == [(name, f"runs/benchmark_{name}/benchmark.json") for name, _ in outs]
