"""`make gpu`: its lines, that a failure does not stop the rest, and that the cells themselves work."""

import json
import pathlib
import subprocess
import sys

import pytest
import tensorflow as tf

from rme_tf import experiments
from rme_tf.benchmark import cells, execution, gpu
from rme_tf.benchmark.gpu import Options, Outcome, first_line, line, outcomes
from rme_tf.core.files import read_json
from rme_tf.experiments.reports import documents

ROOT = pathlib.Path(__file__).parents[2]
# What a process of cells does, in the place of one: reports, fails, dies, sleeps.
STUB = """
import json, sys, time
report, *names = sys.argv[1:]
def tell(entry):
    with open(report, "a") as file:
        file.write(json.dumps(entry) + "\\n")
print("begins with", names, flush=True)
for name in names:
    tell({"begins": name})
    if name == "dies":
        sys.exit(139)
    if name == "sleeps":
        time.sleep(60)
    tell({"cell": name, "seconds": 0.5, "error": "ValueError: no" if name == "fails" else "", "remark": "well"})
"""


@pytest.fixture
def stub(tmp_path):
    """A function that runs names by the stub, and returns the outcomes."""
    path, kept = tmp_path / "stub.py", tmp_path / "report.jsonl"
    path.write_text(STUB)
    command = [sys.executable, str(path), str(kept)]
    return lambda *names, **popen: list(outcomes(command, names, kept, tmp_path / "log.txt", **popen))


def test_a_failure_stops_nothing(stub, tmp_path):
    found = stub("a", "fails", "dies", "b", "dies too", "c")
    assert [each.cell for each in found] == ["a", "fails", "dies", "b", "dies too", "c"]
    assert [bool(each.error) for each in found] == [False, True, True, False, False, False]
    assert found[0] == Outcome("a", 0.5, "", "well")
    assert found[1].error == "ValueError: no"
    assert found[2].error == f"the process ended with status 139, see {tmp_path / 'log.txt'}"
    assert (tmp_path / "log.txt").read_text().count("begins with") == 2


def test_a_cell_that_takes_too_long_fails(stub):
    slow, after = stub("sleeps", "b", timeout=3.0)
    assert slow.error.startswith("the time is up")
    assert after.error == ""


def test_a_process_that_cannot_start_fails_every_cell(tmp_path):
    command = [sys.executable, "-c", "raise SystemExit(3)"]
    found = list(outcomes(command, ["a", "b"], tmp_path / "report.jsonl", tmp_path / "log.txt"))
    assert [each.cell for each in found] == ["a", "b"]
    assert all("status 3" in each.error for each in found)


def test_a_line_says_what_is_to_be_known():
    fine = line(Outcome("recipe of images", 12.34, "", "loss 3 to 2"), "mixed_bfloat16", "XLA")
    assert " ".join(fine.split()) == "recipe of images mixed_bfloat16 XLA 12.3 s ok loss 3 to 2"
    broken = line(Outcome("README", 1.0, "ValueError: no"), "float32", "graph")
    assert " ".join(broken.split()) == "README float32 graph 1.0 s FAILED ValueError: no"


@pytest.mark.parametrize(
    ("text", "first"), [("a\nb", "a"), ("\n \n b \nc", "b"), ("", ""), ("x" * 500, "x" * 200)], ids=range(4)
)
def test_the_first_line_of_an_error(text, first):
    assert first_line(text) == first


@pytest.mark.parametrize(
    ("choices", "match"),
    [
        ({"cells": ("other",)}, "other"),
        ({"policies": ("float8",)}, "float8"),
        ({"modes": ("eager",)}, "eager"),
        ({"device": "tpu"}, "tpu"),
        ({"benchmarks": ("other",)}, "other"),
    ],
    ids=str,
)
def test_a_choice_that_is_none_is_refused(choices, match, monkeypatch):
    monkeypatch.chdir(ROOT)
    with pytest.raises(ValueError, match=match):
        gpu.check(Options(**choices))


def test_it_is_for_the_root_of_the_repository(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"README\.md and recipes/"):
        gpu.check(Options())


@pytest.mark.skipif(bool(tf.config.list_physical_devices("GPU")), reason="there is a GPU")
def test_without_a_gpu_it_says_so_and_runs_nothing(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "argv", ["gpu"])
    monkeypatch.setattr(subprocess, "run", None)
    assert gpu.main() == 0
    assert "TensorFlow sees no GPU, so nothing was run." in capsys.readouterr().out


LEFT = {"checkpoints", "model.keras", "saved_model"}


@pytest.mark.slow
def test_a_cell_trains_resumes_saves_exports_and_evaluates(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    remark = cells.run("model of sentences", ROOT, "mixed_bfloat16", False)
    assert remark.startswith("loss ")
    assert {path.name for path in tmp_path.iterdir()} == LEFT


@pytest.mark.parametrize("jit_compile", [True, False])
@pytest.mark.parametrize("name", ["recipe of images", "recipe of sentences"])
def test_a_recipe_gets_the_flags_of_its_cell(name, jit_compile, monkeypatch):
    """The runs themselves are those of tests/experiments/test_recipes.py."""
    seen, before = [], sys.argv
    monkeypatch.setattr(experiments, "main", lambda recipe, text: seen.append(experiments.parse(recipe, text)))
    monkeypatch.setattr(experiments, "compare", lambda recipes, **folders: seen.extend(recipes.values()))
    assert cells.run(name, ROOT, "mixed_float16", jit_compile) == ""
    assert sys.argv is before
    assert len(seen) == {"recipe of images": 1, "recipe of sentences": 3}[name]
    for recipe in seen:
        assert (recipe.smoke, recipe.policy, bool(recipe.jit_compile)) == (True, "mixed_float16", jit_compile)
        assert recipe.latent_dim == 2 if name == "recipe of images" else recipe.option("encoder.units") == 16


def test_a_cell_that_goes_wrong_is_told(monkeypatch):
    with pytest.raises(ValueError, match="means to be finite"):
        cells._check("the means", [1.0, float("nan")], [1.0, 2.0])
    with pytest.raises(ValueError, match="means to be finite"):
        cells._check("the means", [1.0, 3.0], [1.0, 2.0])
    cells._check("the means", [1.0, 2.01], [1.0, 2.0])


def test_what_compile_is_told_is_what_the_mode_says(tiny_model):
    compile_before = type(tiny_model(1)).compile
    for asked in (True, False, None):
        with cells._compiled_by(asked) as used:
            model = tiny_model(1)
            model.compile("adam", "elbo")
        assert used == [model.jit_compile] == [bool(asked)]
    assert type(tiny_model(1)).compile is compile_before


@pytest.mark.slow
def test_it_runs_on_a_cpu(tmp_path, monkeypatch, capsys):
    flags = ["--device", "cpu", "--policies", "float32", "--modes", "graph", "--out", str(tmp_path)]
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "argv", ["gpu", *flags, "--cells", "model of images"])
    assert gpu.main() == 0
    (row,) = [text for text in capsys.readouterr().out.splitlines() if text.startswith("model of images")]
    assert row.split()[3:5] == ["float32", "graph"]
    assert row.split()[7:9] == ["ok", "loss"]
    entries = [json.loads(text) for text in (tmp_path / "float32_graph/report.jsonl").read_text().splitlines()]
    assert [entry.get("begins") for entry in entries] == ["model of images", None]
    assert {path.name for path in (tmp_path / "float32_graph/model_of_images").iterdir()} == LEFT


# The benchmark of the graph and XLA.


TINY = {"side": 4, "units": (3,), "latent_dim": 2, "vocabulary_size": 9, "lstm_units": 3, "length": 4}


@pytest.mark.parametrize("name", [*execution.IMAGE_MODELS, *execution.TEXT_MODELS])
def test_the_models_are_what_they_are_called(name):
    options = execution.Options(**TINY, batch_size=2, text_batch_size=2, steps=1)
    model = execution.build(name, options)
    assert model.num_components == {"VAE": 1, "RME(3)": 3, "RME(5)": 5}.get(name.split(",")[0], 1)
    assert (model.refinement is not None) == name.startswith("SA")
    assert model.autoregressive == ("LSTM" in name)
    for batch in execution.batches(name, options):
        assert model.log_probs(batch, seed=(0, 0)).log_lik.shape[1] == 2


@pytest.mark.slow
def test_a_small_run_prints_its_table_and_keeps_its_record(tmp_path, monkeypatch, capsys):
    out = tmp_path / "benchmark_execution" / "benchmark.json"
    sizes = {"side": 4, "units": 3, "latent-dim": 2, "batch-size": 2, "steps": 2, "rounds": 2, "out": out}
    flags = [f"--{name}={value}" for name, value in sizes.items()]
    monkeypatch.setattr(sys, "argv", ["execution", *flags, "--models", "VAE, MLP"])
    execution.main()
    assert "VAE, MLP" in capsys.readouterr().out
    record = read_json(out)
    (row,) = record["table"]
    ratios = [
        xla / graph
        for graph, xla in zip(
            *(record["milliseconds_per_step"][f"VAE, MLP: {way}"] for way in ("graph", "XLA")), strict=True
        )
    ]
    assert row["times the graph's step"] == pytest.approx(sum(ratios) / 2)
    rendered = documents.render("<!-- benchmark: benchmark_execution -->\n<!-- end of results -->", tmp_path)
    assert "| VAE, MLP |" in rendered
