"""Files run no code: what the sources call, and harmless files that would leave a trace."""

import ast
import pickle
import re
import runpy
import unittest.mock

import keras
import numpy as np
import pytest

from conftest import build_tiny_model
from rme_tf.evaluation import annealed_importance
from rme_tf.experiments import ImageRecipe
from rme_tf.experiments.cli import from_yaml
from rme_tf.experiments.reports.run_files import read_config
from rme_tf.models.model_files import load_model
from test_architecture import PACKAGE, RECIPES, ROOT, SOURCES, tree_of

MODULES = {"dill", "joblib", "marshal", "pickle", "shelve"}
CALLS = {
    "eval",
    "exec",
    "enable_unsafe_deserialization",
    "full_load",
    "full_load_all",
    "popen",
    "system",
    "unsafe_load",
}
OPTIONS = {("safe_mode", False), ("allow_pickle", True), ("shell", True)}
# Of developers alone: they read the recipes and the documents of the repository.
EXEMPT = {("experiments/commands/description.py", "exec"), ("benchmark/cells.py", "exec")}


def unsafe(tree):
    """The names of imports, calls and options by which a file would run code."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
            yield from (name for name in names if name.split(".")[0] in MODULES)
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name in CALLS or (name == "load" and getattr(getattr(node.func, "value", None), "id", "") == "yaml"):
                yield name
            options = [(option.arg, getattr(option.value, "value", None)) for option in node.keywords]
            yield from (name for name, value in options if (name, value) in OPTIONS)


def test_no_source_runs_code_of_a_file():
    for path in [*SOURCES, *RECIPES]:
        name = path.relative_to(PACKAGE if path.is_relative_to(PACKAGE) else ROOT).as_posix()
        assert [call for call in unsafe(tree_of(path)) if (name, call) not in EXEMPT] == [], name


@pytest.mark.parametrize(
    "text",
    [
        *("import pickle", "from dill import load", "yaml.load(x)", "yaml.unsafe_load(x)", "os.system(x)", "eval(x)"),
        *("np.load(x, allow_pickle=True)", "load_model(x, safe_mode=False)", "run(x, shell=True)"),
    ],
)
def test_the_search_sees_unsafe_calls(text):
    assert list(unsafe(ast.parse(text)))
    assert not list(unsafe(ast.parse("yaml.safe_load(x); np.load(x, allow_pickle=False); load_model(x)")))


class Trace:
    """An object whose unpickling would leave a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_an_archive_of_pickled_objects_is_refused(tmp_path):
    trace, path = tmp_path / "trace", tmp_path / "chains.npz"
    np.savez(path, log_weights=np.array([Trace(trace)], object))
    with pytest.raises(ValueError, match=r"chains\.npz"):
        annealed_importance(build_tiny_model(), np.zeros((2, 5)), path=path, num_temperatures=2, progress=False)
    assert not trace.exists()
    pickle.loads(pickle.dumps(Trace(trace))).close()  # as it would be without the refusal
    assert trace.exists()


def test_tags_of_yaml_make_no_objects(tmp_path):
    trace, path = tmp_path / "trace", tmp_path / "config.yaml"
    path.write_text(f"seed: !!python/object/apply:builtins.open ['{trace}', w]")
    with pytest.raises(ValueError, match=r"config\.yaml, line 1: expected YAML"):
        from_yaml(path, ImageRecipe())
    assert read_config(tmp_path) is None
    assert not trace.exists()


def test_a_layer_of_code_is_refused_in_a_model(tmp_path):
    path = tmp_path / "model.keras"
    keras.Sequential([keras.layers.Input((2,)), keras.layers.Lambda(lambda x: x + 1)]).save(path)
    with pytest.raises(ValueError, match=r"Received: .*model\.keras.*[Ll]ambda"):
        load_model(path)


# Dependencies.


def test_each_dependency_has_its_bounds_and_a_reason():
    with unittest.mock.patch("setuptools.setup"):
        required = runpy.run_path(str(ROOT / "setup.py"))["REQUIREMENTS"]
    page = (ROOT / "docs" / "contributing.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `([\w-]+)` \| (.*?) \| .*\w+ .*\|$", page.split("## Dependencies")[1], re.MULTILINE))
    names = {re.match(r"[\w-]+", line)[0]: line.split(";")[0].strip() for line in required}
    assert rows == {name: f"`{line.removeprefix(name)}`" for name, line in names.items()}
