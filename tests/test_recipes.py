"""The recipes run, and the README says what the library does."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

from rme_tf.experiments import report

ROOT = pathlib.Path(__file__).resolve().parent.parent
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
def test_the_readmes_snippets_run(tmp_path):
    pytest.importorskip("tensorflow_text")
    snippets = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    assert len(snippets) == 3
    printed = run(["-c", "\n".join(snippets)], tmp_path)
    assert "MixtureSameFamily" in printed


def test_the_readmes_tables_are_those_of_the_records(monkeypatch):
    monkeypatch.chdir(ROOT)
    assert report.render(README) == README


@pytest.mark.parametrize("path", sorted((ROOT / "recipes").glob("*.py")), ids=lambda path: path.name)
def test_a_recipe_begins_with_its_command(path):
    assert f"python recipes/{path.name}" in path.read_text(encoding="utf-8").split('"""')[1]
