"""Private names of other packages: used in `core/keras_compat.py` alone."""

import ast
import importlib
import inspect
import re

import keras
import pytest
import tensorflow_probability as tfp

from rme_tf.core import keras_compat
from test_architecture import PACKAGE, SOURCES, every_source, imported_names, module_name, tree_of

ALLOWED = PACKAGE / "core" / "keras_compat.py"
PRIVATE_MODULES = {PACKAGE / "core" / "determinism.py": {"tensorflow.python.framework.config"}}  # which may be missing
PRIVATE = re.compile(r"_[a-zA-Z]\w*")
NAMED_TUPLES = {"_asdict", "_field_defaults", "_fields", "_make", "_replace"}  # public, by Python's documentation
PUBLIC_OF_PYTHON = {*NAMED_TUPLES, "_exit", "_option_string_actions"}  # `os._exit`; argparse lists flags there alone
MADE_BY_METACLASSES = {
    "_abc_impl",
    "_sklearn_auto_wrap_output_keys",
    "_convert_variables_to_tensors",
    "_type_spec",
    *NAMED_TUPLES,
}
EXTENSION_POINTS = {name for names in keras_compat.EXTENSION_POINTS.values() for name in names}
INSTANCES = (
    keras.layers.Dense(1),
    keras.Sequential(),
    keras.optimizers.Adam(),
    keras.metrics.Mean(),
    keras.Variable(0.0),
)


def defined_names():
    """Private names that the library defines: functions, attributes of `self` or `cls`, and names of classes."""
    names = set()
    for path in SOURCES:
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.FunctionDef):
                names.add(node.name)
            elif isinstance(node, ast.ClassDef):
                targets = [t for item in node.body if isinstance(item, ast.Assign) for t in item.targets]
                names |= {target.id for target in targets if isinstance(target, ast.Name)}
                names |= {item.target.id for item in node.body if isinstance(item, ast.AnnAssign)}
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and is_own_object(node.value):
                names.add(node.attr)
    return {name for name in names if PRIVATE.fullmatch(name)}


def foreign_names():
    """Private names of Keras's and TFP's objects."""
    modules = (tfp.distributions, tfp.bijectors, keras.layers, keras.callbacks, keras.optimizers, keras.metrics)
    kinds = [kind for module in modules for kind in vars(module).values() if inspect.isclass(kind)]
    names = {name for kind in [*kinds, keras.Model, keras.KerasTensor, *INSTANCES] for name in dir(kind)}
    return {name for name in names if PRIVATE.fullmatch(name)}


def is_own_object(node):
    return isinstance(node, ast.Name) and node.id in ("self", "cls")


def own_classes():
    modules = [importlib.import_module(module_name(path)) for path in SOURCES if path.stem != "__main__"]
    found = {kind for module in modules for kind in vars(module).values() if inspect.isclass(kind)}
    return sorted((kind for kind in found if is_own(kind)), key=lambda kind: (kind.__module__, kind.__qualname__))


def is_own(kind):
    return kind.__module__.split(".")[0] == "rme_tf"


DEFINED, FOREIGN, USED = defined_names(), foreign_names(), {name for _, name in keras_compat.USES}


def foreign_attributes(tree):
    """Line and name of each private attribute that is another package's, or may be.

    A name of the library's own that another package has, too, counts as own on `self`: another test sees what is
    overridden.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and PRIVATE.fullmatch(node.attr) and node.attr not in PUBLIC_OF_PYTHON:
            own = node.attr in DEFINED and (node.attr not in FOREIGN or is_own_object(node.value))
            if not own and node.attr not in EXTENSION_POINTS:
                yield f"line {node.lineno}: {node.attr}"


def foreign_strings(tree):
    """Line and name of each string that is a private name of another package, or is looked up as one."""
    looked_up = [node.args[1] for node in ast.walk(tree) if isinstance(node, ast.Call) and is_look_up(node)]
    for node in ast.walk(tree):
        text = node.value if isinstance(node, ast.Constant) else None
        if isinstance(text, str) and PRIVATE.fullmatch(text):
            used = text in FOREIGN | USED or (node in looked_up and text not in DEFINED)
            yield from [f"line {node.lineno}: {text}"] if used else []


def is_look_up(call):
    names = ("getattr", "hasattr", "setattr", "delattr")
    return isinstance(call.func, ast.Name) and call.func.id in names and len(call.args) > 1


@every_source
def test_private_attributes_are_the_librarys_own(path):
    if path == ALLOWED:
        return
    wrong = list(foreign_attributes(tree_of(path)))
    assert not wrong, f"{wrong}: private names of other packages belong into core/keras_compat.py, with a test each."


@every_source
def test_no_private_name_of_other_packages_is_a_string(path):
    """As in `getattr(layer, "_name")` and `options.get("_name")`."""
    if path == ALLOWED:
        return
    assert not list(foreign_strings(tree_of(path)))


@every_source
def test_no_private_module_is_imported(path):
    for name in set(imported_names(path)) - PRIVATE_MODULES.get(path, set()):
        parts = name.split(".")
        private = any(PRIVATE.fullmatch(part) for part in parts) or parts[:2] == ["keras", "src"]
        assert parts[0] == "rme_tf" or not (private or "python" in parts[1:]), name


def test_private_methods_of_other_packages_are_overridden_in_one_module():
    classes = own_classes()
    assert len(classes) > 100
    for kind in classes:
        others = [base for base in kind.__mro__ if not is_own(base) and base is not object]
        private = {name for name in vars(kind) if PRIVATE.fullmatch(name)} - MADE_BY_METACLASSES - EXTENSION_POINTS
        overridden = {name for name in private if any(name in vars(base) for base in others)}
        assert not overridden or kind.__module__ == module_name(ALLOWED), f"{kind.__name__}: {overridden}"


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("layer._flatten_layers()", ["_flatten_layers"]),
        ("self._clear_losses()", ["_clear_losses"]),
        ("optimizer._iterations.value", ["_iterations"]),
        ("super()._log_prob(z)", []),
        ("self._stopping", []),
        ("splits._replace(train=x)", []),
        ("layer.__class__", []),
    ],
)
def test_the_checker_tells_own_names_from_others(text, wrong):
    assert list(foreign_attributes(ast.parse(text))) == [f"line 1: {name}" for name in wrong]


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ('getattr(optimizer, "_model_variables_moving_average", [])', ["_model_variables_moving_average"]),
        ('options.get("_use_cached_eval_dataset")', ["_use_cached_eval_dataset"]),
        ('hasattr(layer, "_some_name")', ["_some_name"]),
        ('f"{name}_text"', []),
    ],
)
def test_the_checker_sees_private_names_in_strings(text, wrong):
    assert list(foreign_strings(ast.parse(text))) == [f"line 1: {name}" for name in wrong]
