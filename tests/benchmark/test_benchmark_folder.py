"""The benchmark of a folder of images: what it makes, and what it measures."""

import dataclasses
import importlib.util
import json
import sys
from pathlib import Path

import pytest

from rme_tf.benchmark import folder
from rme_tf.benchmark.records import keep
from rme_tf.experiments import Part

TINY = folder.Options(count=40, side=16, size=8, components=2, batch_size=4, steps=2, pipeline_steps=3, rounds=2)
RECIPE = Path(__file__).parents[2] / "recipes" / "folder.py"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    path = tmp_path_factory.mktemp("files")
    folder.make_files(path, TINY)
    return str(path)


def test_the_files_are_images_that_differ(files):
    paths = sorted(Path(files).glob("*/*.jpg"))
    assert len(paths) == 40
    assert len({path.read_bytes() for path in paths}) == 40
    from PIL import Image

    assert Image.open(paths[0]).size == (16, 16)


def test_the_first_start_reads_the_files_and_the_next_ones_what_was_kept(files, tmp_path, monkeypatch):
    cold = folder.start(files, tmp_path, TINY)
    monkeypatch.setattr("rme_tf.data.folder.read_with_losses", None)  # whoever calls it, fails
    warm = folder.start(files, tmp_path, TINY)
    assert cold.seconds > 0 < warm.seconds
    if sys.platform.startswith("linux"):
        # TensorFlow alone is more than 50 MiB; the system counts pages in batches.
        assert cold.peak_mib >= cold.mib_before - 1.0 > 50


@pytest.mark.slow
def test_the_pipeline_and_training_are_timed_in_every_round(files, tmp_path, monkeypatch):
    monkeypatch.setitem(folder.MODEL, "encoder", "mlp")
    monkeypatch.setitem(folder.MODEL, "decoder", "mlp")
    rates = folder.timings(files, tmp_path, TINY)
    assert list(rates) == ["input pipeline alone", "training"]
    assert all(len(values) == 2 and min(values) > 0 for values in rates.values())


def test_the_table_has_a_line_for_everything(tmp_path):
    starts = {"start, files alone": folder.Start(4.0, 300.0, 350.0)}
    rates = {"input pipeline alone": [100.0, 300.0, 200.0], "training": [1.0, 2.0, 3.0]}
    table = folder.rows(TINY, starts, rates)
    assert table == [
        {"40 JPEGs": "start, files alone", "images/s": 10.0, "seconds": 4.0, "peak MiB": 350.0},
        {"40 JPEGs": "input pipeline alone", "images/s": 200.0},
        {"40 JPEGs": "training, RME(2) on 8x8", "images/s": 2.0},
    ]
    keep(None, TINY, table)
    keep(str(tmp_path / "x" / "benchmark.json"), dataclasses.replace(TINY, out="anywhere"), table, rates=rates)
    record = json.loads((tmp_path / "x" / "benchmark.json").read_text(encoding="utf-8"))
    assert "out" not in record["config"]
    assert {"out": None, **record["config"]} == dataclasses.asdict(TINY)
    assert (record["table"], record["rates"]) == (table, rates)
    assert {"commit", "hardware"} < set(record)


def test_the_model_is_the_recipe_s():
    spec = importlib.util.spec_from_file_location("recipe_folder", RECIPE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    recipe, defaults = module.FOLDER, folder.Options()
    chosen = {name: getattr(recipe, name) for name in folder.MODEL}
    assert {name: value.name if isinstance(value, Part) else value for name, value in chosen.items()} == folder.MODEL
    assert (recipe.components, recipe.batch_size) == (defaults.components, defaults.batch_size)
    assert (recipe.binarization, recipe.channels) == ("none", 3)
