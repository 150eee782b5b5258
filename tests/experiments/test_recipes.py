"""The recipes run, and the snippets of the documents."""

import dataclasses
import functools
import importlib.util
import inspect
import json
import pathlib
import runpy
import sys
import warnings

import keras
import numpy as np
import pytest
from PIL import Image

import processes
import rme_tf
from page_snippets import run_as_a_user, snippets_of

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Most of the time of runs so short goes into tracing: few weights, plain gradient steps.
PLAIN = ["--optimizer", "sgd"]
AT_ONCE = [*PLAIN, "--warm-start-epochs", "0"]  # a warm start has a step of its own
SMALL = ["--units", "16", "--embedding-size", "12", "--max-length", "12", "--importance-samples", "4", *PLAIN]


def run(path, *flags):
    sys.argv = [path.name, *flags]
    runpy.run_path(str(path), run_name="__main__")


@pytest.fixture
def run_here(tmp_path, monkeypatch, capsys):
    """Runs a recipe in this process, as its command line does; returns what it prints."""

    def run_as_main(name, *flags):
        monkeypatch.setattr(sys, "argv", sys.argv)  # which is put back
        with warnings.catch_warnings():
            warnings.simplefilter("default")  # so short a training may well have collapsed
            run(ROOT / "recipes" / name, *flags)
        return capsys.readouterr().out

    monkeypatch.chdir(tmp_path)
    # Else studies walk, between two runs, through all that the tests before have left in memory.
    monkeypatch.setattr(keras.utils, "clear_session", functools.partial(keras.utils.clear_session, free_memory=False))
    return run_as_main


@pytest.mark.slow
def test_the_quickstart_leaves_what_it_promises(tmp_path):
    quickstart = (ROOT / "recipes" / "quickstart.py", "--smoke", "--mlp-units", "8", *PLAIN)
    log = tmp_path / "log.txt"
    printed = processes.finish(processes.start(log, tmp_path, run, *quickstart), log)
    out = tmp_path / "runs" / "quickstart_smoke"  # not the folder of the real run
    for name in ("metrics.json", "model.keras", "saved_model", "posteriors.png", "learning_curves.png"):
        assert (out / name).exists(), name
    for word in ("VAE", "RME", "test ELBO", "bits/dim", "active units", "H(alpha)"):
        assert word in printed


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_the_table_goes_on_where_it_stopped_and_runs_are_compared(run_here, tmp_path):
    table = ["table.py", "--smoke", "--dataset", "digits", "--methods", "vae,sa,rme"]
    table += ["--components", "2,3", "--seeds", "2", "--latent-dims", "2", "--refinement-steps", "1"]
    table += ["--reference", "rme3", "--encoder", "mlp", "--decoder", "mlp", "--mlp-units", "8", *AT_ONCE]
    printed = run_here(*table, "--budget-minutes", "0")
    assert "8 of 8 runs were left" in printed
    printed = run_here(*table)
    for word in ("vae", "sa", "rme2", "rme3", "less rme3's", "test log p(x)", "peak MiB"):
        assert word in printed
    runs, results = (tmp_path / folder / "table_digits_d2_mlp_smoke" for folder in ("runs", "runs/results"))
    records = {path: path.stat().st_mtime_ns for path in results.iterdir()}
    assert len(records) == 8
    assert {"table.md", "table.csv", "table.tex", "curves.png"} <= {path.name for path in runs.iterdir()}
    run_here(*table)
    assert {path: path.stat().st_mtime_ns for path in results.iterdir()} == records

    compared = [str(runs / "vae-seed0"), str(runs / "rme3-seed1"), str(results / "sa-seed0.json")]
    printed = run_here("compare.py", *compared, "--reference", "sa")
    for word in ("vae", "rme3", "less sa's"):
        assert word in printed
    assert (tmp_path / "runs" / "comparison" / "quality_and_time.png").exists()


@pytest.mark.slow
def test_the_text_recipe_leaves_what_it_promises(run_here, tmp_path):
    printed = run_here("docs_text.py", "--smoke", "--components", "2", *SMALL)
    out = tmp_path / "runs" / "docs_text_smoke"
    for name in ("metrics.json", "model.keras", "saved_model", "diagnostics.png", "rme/tokenizer.model"):
        assert (out / name).exists(), name
    sentences = (out / "sentences.txt").read_text(encoding="utf-8")
    for word in ("# LM", "# VAE", "# RME", "From the prior", "by beam search: ", "From the first to the second"):
        assert word in sentences
    for word in ("LM", "VAE", "RME", "PPL/word", "I(x; z)", "reliance on z"):
        assert word in printed


@pytest.mark.slow
def test_the_study_of_collapse_records_what_it_runs(run_here, tmp_path):
    methods = ["lm", "vae_aggressive", "vae_pretrained", "rme3_shared"]
    printed = run_here("collapse.py", "--smoke", *SMALL, *AT_ONCE, "--methods", *methods)
    results = tmp_path / "runs" / "results" / "collapse"
    assert {path.stem for path in results.iterdir()} == {f"{method}-seed0" for method in methods}
    assert (tmp_path / "runs" / "collapse" / "diagnostics.png").exists()
    for word in (*methods, "NLL", "PPL/word", "I(x; z)"):
        assert word in printed


@pytest.mark.slow
def test_the_recipe_of_a_folder_trains_on_any_images(run_here, tmp_path):
    rng = np.random.default_rng(0)
    for index in range(650):
        path = tmp_path / "photos" / f"class{index % 3}" / f"{index}.{('png', 'jpg')[index % 2]}"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (9, 12, 3), dtype=np.uint8)).save(path)
    (tmp_path / "photos" / "broken.jpg").write_bytes(b"no image")
    small = ["--size", "8", "--latent-dim", "3", "--components", "2", "--encoder", "conv", "--decoder", "conv"]
    printed = run_here("folder.py", "--path", "photos", "--smoke", *small, *AT_ONCE)
    out = tmp_path / "runs" / "folder_smoke"
    for name in ("metrics.json", "model.keras", "saved_model", "reconstructions.png", "samples_RME.png"):
        assert (out / name).exists(), name
    assert "bits/dim" in printed
    record = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    (warning,) = record["data"].pop("warnings")
    assert warning.startswith("photos: read 650 images; 1 of 651 files could not be read and are left out: broken.jpg")
    assert record["data"] == {"train": 512, "validation": 64, "test": 64}
    assert record["metrics"]["test"]["num_observations"] == 64
    assert 0 < record["metrics"]["test"]["bits_per_dimension"] < 20
    assert len(list((tmp_path / "data" / "arrays").iterdir())) == 1


@pytest.mark.slow
def test_the_recipe_of_photographs_learns_in_colour(run_here, tmp_path):
    small = ["--train-size", "320", "--test-size", "32", "--size", "16", "--components", "2", "--latent-dim", "8"]
    more = ["--epochs", "3", "--warm-start-epochs", "1", "--importance-samples", "4"]
    more += ["--encoder", "conv", "--decoder", "conv"]
    printed = run_here("photos.py", *small, *more)
    out = tmp_path / "runs" / "photos"
    for name in ("metrics.json", "model.keras", "saved_model", "reconstructions.png", "samples_RME.png"):
        assert (out / name).exists(), name
    record = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    assert record["data"] == {"train": 320, "validation": 32, "test": 32}
    assert 0 < record["metrics"]["test"]["bits_per_dimension"] < 8  # of levels that are all alike
    elbo = json.loads((out / "checkpoints" / "history.json").read_text(encoding="utf-8"))["val_elbo"]
    assert elbo[0] < elbo[1] < elbo[2]
    assert "bits/dim" in printed


@pytest.mark.slow
def test_the_study_of_pixelcnns_records_what_it_runs(run_here, tmp_path):
    options = ["--dataset", "digits", "--pixelcnn-layers", "2", "--pixelcnn-filters", "4", "--importance-samples", "4"]
    methods = ["vae_annealed", "rme3"]
    printed = run_here("pixelcnn.py", "--smoke", *options, *AT_ONCE, "--methods", *methods)
    results = tmp_path / "runs" / "results" / "pixelcnn"
    assert {path.stem for path in results.iterdir()} == {f"{method}-seed0" for method in methods}
    assert (tmp_path / "runs" / "pixelcnn" / "diagnostics.png").exists()
    for word in (*methods, "NLL", "KL", "I(x; z)", "active units", "reliance on z", "bits/dim"):
        assert word in printed


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_the_study_of_hidden_pixels_scores_imputations(run_here, tmp_path):
    small = ["--methods", "vae", "miwae", "--encoder.units", "8", "--decoder.units", "8", "--importance-samples", "4"]
    printed = run_here("missing.py", "--smoke", *small, *AT_ONCE)
    assert (tmp_path / "runs" / "missing" / "shown" / "imputations.png").exists()
    for word in ("vae", "miwae", "Hidden pixels given the seen ones", "drawn from Q, less vae's", "log p(seen)"):
        assert word in printed


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize(
    ("name", "methods", "instrument"),
    [
        ("barrier", ["vae", "skew0.1"], "test log p(x)"),
        ("boosting", ["bvi_1.0_student"], "KL of components"),
        ("capacity", ["conditioned_exact"], "amortization gap"),
        ("decoder_scale", ["rme5"], "test Jacobian norm"),
        ("single_component", ["rme1_sequential", "vae_encoder5"], "amortization gap"),
        ("weights", ["rme_bounded", "me_learned_cold"], "approximation gap"),
    ],
)
def test_a_study_on_digits_measures_what_it_runs(run_here, tmp_path, name, methods, instrument):
    small = ["--encoder.units", "8", "--decoder.units", "8", "--importance-samples", "4", "--optimizer", "sgd"]
    small += ["--likelihoods", "normal"] if name == "barrier" else []
    printed = run_here(f"{name}.py", "--smoke", *small, "--seeds", "1", "--methods", *methods)
    (results,) = (tmp_path / "runs" / "results").iterdir()
    assert {path.stem for path in results.iterdir()} == {f"{method}-seed0" for method in methods}
    for word in (*methods, "test ELBO", instrument):
        assert word in printed


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_estimators_of_log_p_are_compared(run_here, tmp_path, monkeypatch):
    monkeypatch.setattr("rme_tf.evaluation.annealing.settings.LEAST_PILOT", 3)
    monkeypatch.setattr("rme_tf.evaluation.annealing.chains.NUM_FIRST", 2)
    small = ["--dataset", "digits", "--encoder.units", "8", "--decoder.units", "8", "--optimizer", "sgd"]
    command = ["log_likelihoods.py", "--smoke", *small, "--record", "records/table.json"]
    printed = run_here(*command)
    record = json.loads((tmp_path / "records" / "table.json").read_text(encoding="utf-8"))
    names = [row["estimator"].partition(",")[0] for row in record["table"]]
    both = [f"{method} from the {start}" for method in ("AIS", "BDMC") for start in ("prior", "posterior")]
    assert names == ["ELBO", "importance weighting", *both]
    assert all(name in printed for name in names)
    assert record["config"]["chains"] == 2
    assert run_here(*command).split() == printed[printed.index("| estimator") :].split()  # all batches are finished


@pytest.mark.slow
def test_the_figures_of_a_pixelcnn_are_drawn(run_here, tmp_path):
    options = ["--dataset", "digits", "--decoder", "pixelcnn", "--latent-dim", "3", "--components", "2"]
    sizes = ["--pixelcnn-layers", "2", "--pixelcnn-filters", "4"]
    run_here("mnist.py", "--smoke", *options, *sizes, *AT_ONCE)
    for name in ("reconstructions.png", "samples_RME.png", "saved_model"):
        assert (tmp_path / "runs" / "mnist_smoke" / name).exists(), name


@pytest.mark.slow
@pytest.mark.parametrize(
    ("document", "count"),
    [("README.md", 3), ("docs/missing.md", 2), ("docs/text.md", 3), ("docs/tuning.md", 2), ("docs/values.md", 3)],
)
def test_the_snippets_of_a_document_run(document, count, tmp_path, monkeypatch, capsys):
    if document == "docs/text.md":
        pytest.importorskip("tensorflow_text")
    if document == "docs/tuning.md":
        pytest.importorskip("keras_tuner")
    snippets = snippets_of(document)
    assert len(snippets) == count
    monkeypatch.chdir(tmp_path)
    run_as_a_user("\n".join(snippets).replace(" epochs=30,", " epochs=1,"))
    assert capsys.readouterr().out


@pytest.mark.parametrize("path", sorted((ROOT / "recipes").glob("*.py")), ids=lambda path: path.name)
def test_a_recipe_begins_with_its_command(path):
    assert f"python recipes/{path.name}" in path.read_text(encoding="utf-8").split('"""')[1]


def recipes_of(module):
    """The recipe of each method of a study; none of a script that trains one model."""
    if hasattr(module, "Study"):
        kind = module.Study.__base__
        methods = methods_in(module)
        return rme_tf.experiments.method_recipes(methods, kind, module.Study(), methods=methods)
    assert not hasattr(module, "METHODS")
    return {}


def methods_in(module):
    """The fields of the methods of a study, by name; of a design with those of each trial."""
    if not hasattr(module, "DESIGN"):
        return module.METHODS
    design = module.DESIGN
    trials = {name: range(len(design.trials[family])) for name, (family, _) in design.methods.items()}
    return {f"{name}_{trial}": design.tried(name, trial, 100) for name in trials for trial in trials[name]}


@pytest.mark.parametrize("path", sorted((ROOT / "recipes").glob("*.py")), ids=lambda path: path.name)
def test_a_recipe_is_one_that_could_be_run(path):
    """Its choices are checked as it is made; importing it runs nothing."""
    spec = importlib.util.spec_from_file_location(f"recipe_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules[spec.name]
    kinds = [
        value
        for value in vars(module).values()
        if isinstance(value, rme_tf.experiments.Recipe) or inspect.isclass(value)
    ]
    assert kinds
    for kind in kinds:
        if dataclasses.is_dataclass(kind) and inspect.isclass(kind):
            kind()
    for method, changed in recipes_of(module).items():
        assert changed.components == methods_in(module)[method].get("components", changed.components) >= 1
