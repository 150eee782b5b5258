"""The benchmark of the bound's growth has a case for each size, in a process of its own."""

import sys

import pytest

from rme_tf.benchmark import bound_growth
from rme_tf.core.files import read_json


def test_cases_differ_from_five_components_of_small_images_in_one_size():
    cases = bound_growth.cases(bound_growth.Options(components=(1, 64), latent_dims=(512,), sides=(128,)))
    assert list(cases) == ["M = 1", "M = 64", "D = 512", "128 x 128 pixels"]
    sizes = {name: (networks, case.components, case.latent_dim, case.side) for name, (networks, case) in cases.items()}
    assert sizes["M = 64"] == ("mlp", 64, 20, 28)
    assert sizes["D = 512"] == ("mlp", 5, 512, 28)
    assert sizes["128 x 128 pixels"] == ("conv", 5, 20, 128)


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_a_small_run_keeps_its_record(tmp_path, monkeypatch):
    out = tmp_path / "benchmark.json"
    monkeypatch.setattr(bound_growth, "in_new_process", lambda function, *arguments: function(*arguments))
    sizes = {"images": 2, "conv-images": 1, "samples": 2, "rounds": 1, "out": out}
    flags = [f"--{name}={value}" for name, value in sizes.items()]
    monkeypatch.setattr(sys, "argv", ["growth", *flags, "--components", "2", "--latent-dims", "3", "--sides", "8"])
    bound_growth.main()
    table = read_json(out)["table"]
    assert [row["case"] for row in table] == ["M = 2", "D = 3", "8 x 8 pixels"]
    assert all(row["ms/1,000 codes"] > 0.0 and "MiB of an evaluation" in row for row in table)
