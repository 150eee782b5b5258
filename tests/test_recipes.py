"""The recipes run, and the README says what the library does."""

import dataclasses
import importlib.util
import inspect
import os
import pathlib
import re
import subprocess
import sys

import pytest

import rme_tf
from rme_tf.experiments import report

ROOT = pathlib.Path(__file__).resolve().parent.parent
SMALL = ["--units", "16", "--embedding-size", "12", "--max-length", "12", "--importance-samples", "4"]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def run(arguments, folder):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.slow
def test_the_quickstart_leaves_what_it_promises(tmp_path):
    printed = run([str(ROOT / "recipes" / "quickstart.py"), "--smoke"], tmp_path)
    out = tmp_path / "runs" / "quickstart"
    for name in ("metrics.json", "model.keras", "saved_model", "posteriors.png", "learning_curves.png"):
        assert (out / name).exists(), name
    for word in ("VAE", "RME", "test ELBO", "bits/dim", "active units", "H(alpha)"):
        assert word in printed


@pytest.mark.slow
def test_the_text_recipe_leaves_what_it_promises(tmp_path):
    printed = run([str(ROOT / "recipes" / "docs_text.py"), "--smoke", *SMALL], tmp_path)
    out = tmp_path / "runs" / "docs_text"
    for name in ("metrics.json", "model.keras", "saved_model", "diagnostics.png", "rme/tokenizer.model"):
        assert (out / name).exists(), name
    sentences = (out / "sentences.txt").read_text(encoding="utf-8")
    for word in ("# LM", "# VAE", "# RME", "From the prior", "by beam search: ", "From the first to the second"):
        assert word in sentences
    for word in ("LM", "VAE", "RME", "PPL/word", "I(x; z)", "reliance on z"):
        assert word in printed


@pytest.mark.slow
def test_the_study_of_collapse_records_what_it_runs(tmp_path):
    methods = ["lm", "vae_aggressive", "rme2"]
    printed = run([str(ROOT / "recipes" / "collapse.py"), "--smoke", *SMALL, "--methods", *methods], tmp_path)
    results = tmp_path / "recipes" / "results" / "collapse"
    assert {path.stem for path in results.iterdir()} == {f"{method}-seed0" for method in methods}
    assert (tmp_path / "runs" / "collapse" / "diagnostics.png").exists()
    for word in (*methods, "NLL", "PPL/word", "I(x; z)"):
        assert word in printed


@pytest.mark.slow
def test_the_study_of_pixelcnns_records_what_it_runs(tmp_path):
    options = ["--dataset", "digits", "--pixelcnn-layers", "2", "--pixelcnn-filters", "4", "--importance-samples", "4"]
    methods = ["vae_annealed", "rme3"]
    printed = run([str(ROOT / "recipes" / "pixelcnn.py"), "--smoke", *options, "--methods", *methods], tmp_path)
    results = tmp_path / "recipes" / "results" / "pixelcnn"
    assert {path.stem for path in results.iterdir()} == {f"{method}-seed0" for method in methods}
    assert (tmp_path / "runs" / "pixelcnn" / "diagnostics.png").exists()
    for word in (*methods, "NLL", "KL", "I(x; z)", "active units", "reliance on z", "bits/dim"):
        assert word in printed


@pytest.mark.slow
def test_the_figures_of_a_pixelcnn_are_drawn(tmp_path):
    options = ["--dataset", "digits", "--decoder", "pixelcnn", "--latent-dim", "3", "--components", "2"]
    sizes = ["--pixelcnn-layers", "2", "--pixelcnn-filters", "4"]
    run([str(ROOT / "recipes" / "mnist.py"), "--smoke", *options, *sizes], tmp_path)
    for name in ("reconstructions.png", "samples_RME.png", "saved_model"):
        assert (tmp_path / "runs" / "mnist" / name).exists(), name


@pytest.mark.slow
def test_the_readmes_snippets_run(tmp_path):
    pytest.importorskip("tensorflow_text")
    snippets = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    assert len(snippets) == 3
    printed = run(["-c", "\n".join(snippets)], tmp_path)
    assert "MixtureSameFamily" in printed


@pytest.mark.parametrize("document", report.DOCUMENTS)
def test_the_tables_of_the_documents_are_those_of_the_records(document, monkeypatch):
    monkeypatch.chdir(ROOT)
    text = pathlib.Path(document).read_text(encoding="utf-8")
    assert report.render(text) == text
    for match in report.FIGURE.finditer(text):
        assert (report.FIGURES / f"{match['study']}.png").exists()


@pytest.mark.parametrize("path", sorted((ROOT / "recipes").glob("*.py")), ids=lambda path: path.name)
def test_a_recipe_begins_with_its_command(path):
    assert f"python recipes/{path.name}" in path.read_text(encoding="utf-8").split('"""')[1]


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
    kinds = [value for value in vars(module).values() if isinstance(value, rme_tf.Recipe) or inspect.isclass(value)]
    assert kinds
    for kind in kinds:
        if dataclasses.is_dataclass(kind) and inspect.isclass(kind):
            kind()
    for method in getattr(module, "METHODS", []):
        assert module.Study().recipe(method).components >= 1
