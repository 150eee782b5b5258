"""The benchmark of images measures every model, side by side, and keeps a record that the documents can render."""

import math
import sys

import numpy as np
import pytest

from rme_tf.benchmark import images, timing
from rme_tf.core.files import read_json
from rme_tf.experiments.reports import documents

TINY = images.Options(components=2, encoder="mlp", decoder="mlp", side=4, batch_size=4, steps=2, rounds=2)


def test_every_run_takes_its_turn_in_every_round():
    calls = []
    seconds = timing.take_turns({name: lambda name=name: calls.append(name) for name in "ab"}, rounds=2)
    assert calls == ["a", "b"] * 3  # the first compiles
    assert [len(values) for values in seconds.values()] == [2, 2]


def test_ratios_are_medians_of_rounds_and_of_the_vae_s_step():
    times = {"VAE": np.array([1.0, 2.0, 4.0]), "RME, joint": np.array([5.0, 4.0, 8.0])}
    vae, rme = images.rows(times, {"VAE": (10.0, 100.0), "RME, joint": (30.0, 120.0)})
    assert vae["times the VAE's step"] == 1.0
    assert rme == {
        "algorithm": "RME, joint",
        "ms/step": 5.0,
        "times the VAE's step": 2.0,
        "MiB of a step": 30.0,
        "peak MiB": 120.0,
    }


@pytest.mark.parametrize("name", sorted(images.MODELS))
def test_the_models_are_what_they_are_called(name):
    model = images.build(name, TINY)
    assert model.num_components == (1 if name == "VAE" else 2)
    assert (model.trunk is not None) == ("trunk" in name)
    assert getattr(model.algorithm, "update", "") == {"RME, sequential": "sequential"}.get(
        name, "joint" if "RME" in name else ""
    )


@pytest.mark.slow
def test_a_small_run_prints_its_table_and_keeps_its_record(tmp_path, monkeypatch, capsys):
    out = tmp_path / "benchmark_images" / "benchmark.json"
    sizes = {"components": 2, "side": 4, "batch-size": 4, "steps": 2, "rounds": 2, "encoder": "mlp", "decoder": "mlp"}
    flags = [f"--{name}={value}" for name, value in {**sizes, "out": out}.items()]
    monkeypatch.setattr(sys, "argv", ["images", *flags])
    few = {name: images.MODELS[name] for name in ("VAE", "RME, joint, shared trunk")}  # a process each
    monkeypatch.setattr(images, "MODELS", few)
    images.main()
    printed = capsys.readouterr().out
    record = read_json(out)
    assert [row["algorithm"] for row in record["table"]] == list(few)
    assert record["config"]["components"] == 2
    for row in record["table"]:
        assert row["ms/step"] > 0.0
        assert row["algorithm"] in printed
        if sys.platform.startswith("linux"):
            assert row["peak MiB"] > row["MiB of a step"] >= 0.0
    assert all(len(values) == 2 for values in record["milliseconds_per_step"].values())
    rendered = documents.render("<!-- benchmark: benchmark_images -->\n<!-- end of results -->", tmp_path)
    assert "times the VAE's step" in rendered
    assert not math.isnan(record["table"][0]["ms/step"])
