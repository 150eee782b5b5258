"""The benchmark of the bound compares it with as many decoded codes, and keeps a record that documents can render."""

import sys

import numpy as np
import pytest
import tensorflow as tf

from rme_tf.benchmark import bound, bound_passes
from rme_tf.core.files import read_json
from rme_tf.experiments.reports import documents

TINY = bound_passes.ModelSizes(components=2, units=(4,), side=4, latent_dim=2)


def test_ratios_are_medians_of_rounds_of_time_and_of_cpu_time():
    seconds = {"bound": np.array([[2.0, 6.0], [4.0, 6.0], [3.0, 6.0]]), "decoder": np.array([[1.0, 2.0]] * 3)}
    row = bound_passes.row("MLP, VAE", seconds, codes=1_000_000)
    assert row == {
        "networks, posterior": "MLP, VAE",
        "ms/1,000 codes": 3.0,
        "decoder's ms": 1.0,
        "times the decoder's time": 3.0,
        "times its CPU time": 3.0,
    }


@pytest.mark.slow
def test_the_models_are_what_they_are_called():
    models = {name: bound_passes.build("mlp", name, TINY) for name in bound_passes.MODELS}
    assert [name for name, model in models.items() if model.num_components == 2] == [
        "RME, shared trunk",
        "RME, separate encoders",
    ]
    assert [name for name, model in models.items() if model.trunk is not None] == ["RME, shared trunk"]
    assert type(models["IAF"].posterior_family).__name__ == "IAF"


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("name", ["VAE", "RME, shared trunk"])
def test_the_pass_decodes_as_many_codes_in_chunks_of_the_same_size(name, monkeypatch):
    model = bound_passes.build("mlp", name, TINY)
    monkeypatch.setattr(bound_passes.chunking, "MOST_CODES", 12)
    runs, sizes = bound_passes.passes(model, 3, 10), []

    def counted(codes, training):
        sizes.append(len(codes))
        return tf.zeros([len(codes), 16])

    monkeypatch.setattr(model, "decoder", counted)
    decoded = bound_passes.passes(model, 3, 10)["decoder"]
    decoded()
    assert sizes == [12, 12, 6]
    runs["bound"]()


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_a_small_run_prints_its_table_and_keeps_its_record(tmp_path, monkeypatch, capsys):
    out = tmp_path / "benchmark_bound" / "benchmark.json"
    sizes = {"components": 2, "side": 4, "images": 2, "conv-images": 2, "samples": 4, "rounds": 2, "out": out}
    monkeypatch.setattr(sys, "argv", ["bound", *(f"--{name}={value}" for name, value in sizes.items())])
    bound.main()
    record, printed = read_json(out), capsys.readouterr().out
    names = [f"{networks}, {name}" for networks in ("MLP", "convolutions") for name in bound_passes.MODELS]
    assert [row["networks, posterior"] for row in record["table"]] == names
    assert all(row["ms/1,000 codes"] > 0.0 and row["networks, posterior"] in printed for row in record["table"])
    assert all(np.shape(runs["bound"]) == (2, 2) for runs in record["seconds_and_cpu_seconds"].values())
    assert "times its CPU time" in documents.render(
        "<!-- benchmark: benchmark_bound -->\n<!-- end of results -->", tmp_path
    )
