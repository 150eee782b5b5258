"""The tree is the architecture: who may import whom, and how large things may grow."""

import ast
import functools
import graphlib
import importlib
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "rme_tf"
SOURCES = sorted(PACKAGE.rglob("*.py"))
RECIPES = sorted((ROOT / "recipes").glob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
PROGRAMS = [path for path in SOURCES if '__name__ == "__main__"' in path.read_text(encoding="utf-8")]
MODULES = {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in SOURCES}
FOLDERS = sorted(path.parent for path in PACKAGE.rglob("__init__.py"))

# A folder imports from earlier layers, and from within itself; folders of one layer do not know each other. A new
# module goes where its imports allow.
LAYERS = [
    {"command", "core", "version"},
    {"networks", "posteriors", "likelihoods", "priors", "objectives"},
    {"algorithms", "generation", "refinements"},
    {"models"},
    {"evaluation"},
    {"callbacks", "data", "plots", "serving"},
    {"benchmark", "experiments", "sklearn"},
    {"__init__"},
]
LAYERS_OF_EXPERIMENTS = [
    *({"parts"}, {"cli"}, {"reports"}, {"recipes"}, {"pages"}, {"runs"}),
    {"commands", "comparisons", "studies"},
    {"__init__"},
]
# Modules that need arrays alone, and would serve other models as well.
ARRAYS_ONLY = {"core.registry", "core.types", "core.validation"}
# Packages that few calls need: imported there. (Keras imports most of them, where they are installed.)
LATE = {"jinja2", "pandas", "pyarrow", "sklearn"}
FOR_DATA = {"core.files", "core.leftovers", "core.pipelines", "core.resident"}
ON_THEIR_OWN = {"data": {*ARRAYS_ONLY, *FOR_DATA}, "plots": ARRAYS_ONLY}

every_source = pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
every_file = pytest.mark.parametrize("path", SOURCES + RECIPES, ids=lambda path: str(path.relative_to(ROOT)))


@functools.cache
def tree_of(path):
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def layer_of(module, layers=LAYERS):
    for index, layer in enumerate(layers):
        if module in layer:
            return index
    raise AssertionError(f"{module} has no place in the layers.")


def part_of(path):
    """The first name below rme_tf: a module, or a folder for all that is in it."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def run_at_import(tree):
    """The nodes that importing a module runs: those outside of its functions."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            waiting += ast.iter_child_nodes(node)


def imported_names(path, nodes=ast.walk):
    """Every module that the file imports, anywhere in it or in some nodes, by its absolute dotted name."""
    for node in nodes(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level > 0:
                package = path.relative_to(PACKAGE.parent).parent.parts
                base = ".".join([*package[: len(package) - node.level + 1], *filter(None, [base])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def imported_parts(path):
    """The parts of rme_tf that the file imports; "__init__" for a name of the package itself."""
    for name in imported_names(path):
        first, *rest = name.split(".")
        if first == "rme_tf":
            known = rest and ((PACKAGE / rest[0]).is_dir() or (PACKAGE / f"{rest[0]}.py").is_file())
            yield rest[0] if known else "__init__"


def module_name(path):
    """The absolute dotted name of a module; of a package for its `__init__`."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imported_modules(path):
    """The modules of rme_tf that the file imports: of a name that is no module, the module that has it."""
    for name in imported_names(path):
        if name in MODULES:
            yield name
        elif name.rpartition(".")[0] in MODULES:
            yield name.rpartition(".")[0]


def cycle_of(graph):
    """The modules of a cycle of imports, or None."""
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return error.args[1]
    return None


@every_source
def test_imports_point_one_way(path):
    part = part_of(path)
    for other in set(imported_parts(path)) - ({part} if path.parent != PACKAGE else set()):
        assert layer_of(other) < layer_of(part), f"{part} imports {other}, which is not below it."


def test_imports_point_one_way_between_modules_too():
    """Within folders as between them; an import for annotations alone is knowledge, and counts."""
    graph = {module_name(path): set(imported_modules(path)) for path in SOURCES}
    assert sum(map(len, graph.values())) > len(graph)
    assert cycle_of(graph) is None


def test_imports_point_one_way_within_experiments():
    package = PACKAGE / "experiments"
    for path in sorted(package.rglob("*.py")):
        part = path.relative_to(package).parts[0].removesuffix(".py")
        for name in imported_modules(path):
            if name.startswith("rme_tf.experiments."):
                other = name.split(".")[2]
                below = layer_of(other, LAYERS_OF_EXPERIMENTS) < layer_of(part, LAYERS_OF_EXPERIMENTS)
                assert below or (other == part and path.parent != package), f"{path.name} imports {name}."


def test_few_modules_lie_outside_of_the_folders():
    assert len([path for path in SOURCES if path.parent == PACKAGE]) <= 6


def test_the_layers_name_each_module_once_and_no_folder_is_forgotten():
    names = [name for layer in LAYERS for name in layer]
    assert len(names) == len(set(names))
    assert {part_of(path) for path in SOURCES} <= set(names)


@pytest.mark.parametrize("part", sorted(ON_THEIR_OWN))
def test_what_works_on_arrays_knows_no_model(part):
    files = [path for path in SOURCES if part_of(path) == part]
    assert files
    for path in files:
        others = {name.removeprefix("rme_tf.") for name in imported_modules(path)}
        assert {name for name in others if name.split(".")[0] != part} <= ON_THEIR_OWN[part], path


def test_diagnostics_know_no_model():
    assert not set(imported_modules(PACKAGE / "evaluation" / "diagnostics.py"))


def test_packages_that_few_calls_need_are_imported_there():
    for path in SOURCES:
        if part_of(path) != "sklearn":
            assert not LATE & {name.split(".")[0] for name in imported_names(path, run_at_import)}, path


def test_networks_know_nothing_of_probability():
    for path in (PACKAGE / "networks").glob("*.py"):
        roots = {name.split(".")[0] for name in imported_names(path)}
        assert "tensorflow_probability" not in roots, path


def test_distributions_know_nothing_of_networks():
    for folder in ("posteriors", "likelihoods", "priors"):
        for path in (PACKAGE / folder).glob("*.py"):
            assert "networks" not in set(imported_parts(path)), path


def test_what_is_run_by_its_name_is_imported_by_nobody():
    """`python -m` would run a second copy of it, and warn of that."""
    programs = tuple(f"{module_name(path)}." for path in PROGRAMS)
    for other in SOURCES:
        assert not [name for name in imported_names(other) if f"{name}.".startswith(programs)], other


@every_source
def test_no_module_uses_keras_2(path):
    for name in imported_names(path):
        assert name.split(".")[0] != "tf_keras"
        assert not name.startswith("tensorflow.keras")
        assert not name.startswith("tensorflow.python") or path == PACKAGE / "core" / "determinism.py"
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            assert (node.value.id, node.attr) != ("tf", "keras"), f"line {node.lineno}"


@every_source
def test_no_statement_vanishes_under_optimisation(path):
    lines = [node.lineno for node in ast.walk(tree_of(path)) if isinstance(node, ast.Assert)]
    assert not lines, "`assert` in the library: raise ValueError instead."


def lines_of(path):
    return path.read_text(encoding="utf-8").splitlines()


@every_file
def test_files_stay_small(path):
    assert len(lines_of(path)) <= (60 if path in RECIPES else 300)


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.name)
def test_test_files_stay_small(path):
    assert len(lines_of(path)) <= 300


@every_file
def test_functions_stay_small(path):
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno - node.lineno + 1 <= 60, f"{node.name}, line {node.lineno}"


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: str(path.relative_to(PACKAGE.parent)))
def test_a_package_lists_what_it_offers_in_order(folder):
    module = importlib.import_module(".".join(folder.relative_to(ROOT).parts))
    assert list(module.__all__) == sorted(set(module.__all__))
    missing = [name for name in module.__all__ if not hasattr(module, name)]
    assert not missing


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: str(path.relative_to(PACKAGE.parent)))
def test_a_package_offers_what_it_imports_by_name(folder):
    """What `__init__` takes from the package's own modules is there to be offered: else it is forgotten."""
    package = ".".join(folder.relative_to(ROOT).parts)
    taken = {
        alias.asname or alias.name
        for node in ast.walk(tree_of(folder / "__init__.py"))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{package}.")
        for alias in node.names
    }
    offered = set(importlib.import_module(package).__all__)
    assert taken - {"lookup"} <= offered  # which the package uses itself


def test_recipes_import_the_library_alone():
    for path in RECIPES:
        for name in imported_names(path):
            root = name.split(".")[0]
            assert root == "rme_tf" or root in sys.stdlib_module_names, f"{path.name} imports {name}."


def test_the_library_imports_neither_recipes_nor_tests():
    for path in SOURCES:
        roots = {name.split(".")[0] for name in imported_names(path)}
        assert not roots & {"recipes", "tests", "reference", "definition", "conftest", "pytest"}, path


# The checker itself.


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("import rme_tf.models", {"models"}),
        ("import rme_tf.models as m", {"models"}),
        ("from rme_tf import VAE, objectives", {"__init__", "objectives"}),
        ("from rme_tf.networks import mlp_encoder", {"networks"}),
        ("from rme_tf.networks.mlp import mlp_encoder", {"networks"}),
        ("def f():\n    from rme_tf.models.vae import VAE", {"models"}),
        ("from .. import models", {"models"}),
        ("from ..models import VAE", {"models"}),
        ("from .base import Prior", {"priors"}),
        ("import numpy, keras", set()),
    ],
)
def test_the_checker_sees_imports_of_every_kind(text, parts, monkeypatch):
    path = PACKAGE / "priors" / "new.py"
    monkeypatch.setattr(sys.modules[__name__], "tree_of", lambda path: ast.parse(text))
    assert set(imported_parts(path)) == parts


def test_the_checker_tells_late_imports_from_others(monkeypatch):
    text = "import a\nif True:\n    import b\nclass C:\n    import c\n    def f(self):\n        import d"
    monkeypatch.setattr(sys.modules[__name__], "tree_of", lambda path: ast.parse(text))
    assert set(imported_names(PACKAGE, run_at_import)) == {"a", "b", "c"}
    assert set(imported_names(PACKAGE)) == {"a", "b", "c", "d"}


def test_the_checker_sees_a_cycle():
    assert cycle_of({"a": {"b"}, "b": {"c"}, "c": set()}) is None
    assert set(cycle_of({"a": {"b"}, "b": {"c"}, "c": {"a"}})) == {"a", "b", "c"}
