"""The benchmark of inference measures every posterior, side by side, and keeps a record that documents can render."""

import sys

import numpy as np
import pytest

from rme_tf.benchmark import inference
from rme_tf.core.files import read_json
from rme_tf.experiments.reports import documents

TINY = inference.Options(components=2, encoder="mlp", decoder="mlp", units=(4,), side=4, batch_size=4)


def test_ratios_are_medians_of_rounds():
    times = {"RME": np.array([2.0, 4.0, 3.0]), "SA, 8 steps": np.array([20.0, 44.0, 36.0])}
    rme, sa = inference.rows(times)
    assert rme == {"posterior": "RME", "ms/batch": 3.0, "times RME's": 1.0}
    assert sa == {"posterior": "SA, 8 steps", "ms/batch": 36.0, "times RME's": 11.0}


@pytest.mark.slow
def test_the_models_are_what_they_are_called():
    models = {name: inference.build(name, TINY) for name in inference.MODELS}
    assert {name: model.num_components for name, model in models.items() if model.num_components > 1} == dict.fromkeys(
        ["mixture encoder", "RME", "RME, shared trunk"], 2
    )
    assert [name for name, model in models.items() if model.trunk is not None] == ["RME, shared trunk"]
    assert {name: model.refinement.steps for name, model in models.items() if model.refinement} == {"SA, 8 steps": 8}
    assert type(models["IAF"].posterior_family).__name__ == "IAF"


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_a_small_run_prints_its_table_and_keeps_its_record(tmp_path, monkeypatch, capsys):
    out = tmp_path / "benchmark_inference" / "benchmark.json"
    sizes = {"components": 2, "side": 4, "batch-size": 4, "repeats": 2, "rounds": 2, "encoder": "mlp", "decoder": "mlp"}
    flags = [f"--{name}={value}" for name, value in {**sizes, "out": out}.items()]
    monkeypatch.setattr(sys, "argv", ["inference", *flags])
    inference.main()
    record, printed = read_json(out), capsys.readouterr().out
    assert [row["posterior"] for row in record["table"]] == list(inference.MODELS)
    assert all(row["ms/batch"] > 0.0 and row["posterior"] in printed for row in record["table"])
    assert all(len(values) == 2 for values in record["milliseconds"].values())
    assert "times RME's" in documents.render(
        "<!-- benchmark: benchmark_inference -->\n<!-- end of results -->", tmp_path
    )
