"""The snippets of docs/logging.md, where the packages are there."""

import importlib.util
import re

import pytest

from page_snippets import snippets_of

SNIPPETS = snippets_of("docs/logging.md")


@pytest.mark.slow
def test_the_snippets_run(tmp_path, monkeypatch, capfd):
    pytest.importorskip("tensorboard")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_SILENT", "true")
    assert len(SNIPPETS) == 4
    names = {}
    for snippet in SNIPPETS:
        packages = re.findall(r"^import (mlflow|wandb)$", snippet, flags=re.MULTILINE)
        if all(map(importlib.util.find_spec, packages)):
            exec(snippet, names)
    lines = [line for line in capfd.readouterr().out.splitlines() if line.startswith("Epoch")]
    assert "| warm start, component 0 of 3" in lines[0]
    assert "| recursion, 3 components" in lines[3]
    assert {"board", "tracked"} <= {path.name for path in (tmp_path / "runs").iterdir()}
