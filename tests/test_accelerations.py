"""The accelerations of the tests: what each does where its names are missing, and the switch."""

import ast
import gc
import inspect
import os
import pathlib
import subprocess
import sys
import typing

import keras
import pytest
import tensorflow as tf
from tensorflow.python.autograph.core import config
from tensorflow.python.autograph.impl import conversion
from tensorflow.python.debug.lib import check_numerics_callback
from tensorflow.python.eager import context
from tensorflow.python.framework import op_def_library, random_seed
from tensorflow.python.util import tf_stack

import accelerations
from rme_tf.experiments.pages import write_page
from rme_tf.experiments.runs import runner

ROOT = pathlib.Path(__file__).parents[1]
# Private functions of TensorFlow, each with what it is a name of.
PRIVATE = [
    (config, "DoNotConvert"),
    (check_numerics_callback, "get_check_numerics_error_message"),
    (context.Context, "_set_global_seed"),
    (op_def_library, "_SatisfiesTypeConstraint"),
    (random_seed, "get_seed"),
    (tf_stack, "extract_stack"),
]
each_private_function = pytest.mark.parametrize(("owner", "name"), PRIVATE, ids=[name for _, name in PRIVATE])


@pytest.fixture
def undone(monkeypatch):
    """Undoes what `accelerations.begin` changes in this process."""
    enabled = gc.isenabled()
    for owner, name in [(typing, "_get_protocol_attrs"), *PRIVATE]:
        if hasattr(owner, name):
            monkeypatch.setattr(owner, name, getattr(owner, name))
    yield monkeypatch
    (gc.enable if enabled else gc.disable)()


@pytest.mark.skipif(not tf.__version__.startswith("2.21."), reason="later releases may lack names")
def test_this_tensorflow_has_all_that_is_accelerated(undone):
    variables = {}
    assert accelerations.begin(variables)[0] == "accelerations of the tests: all (RME_PLAIN_TESTS=1 for none)"
    assert set(variables) == {"XLA_FLAGS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"}
    assert not gc.isenabled()
    with accelerations.patched({}) as missing:
        assert missing == []


def test_variables_that_are_set_are_kept(undone):
    variables = {"XLA_FLAGS": "--xla_dump_to=x", "TF_NUM_INTEROP_THREADS": "3"}
    accelerations.begin(variables)
    assert variables == {"XLA_FLAGS": "--xla_dump_to=x", "TF_NUM_INTEROP_THREADS": "3", "TF_NUM_INTRAOP_THREADS": "1"}


def test_a_flag_that_xla_does_not_know_is_left_out(tmp_path):
    content = b"\0xla_backend_optimization_level\0reserved: xla_cpu_use_fusion_emitters.\0"
    (tmp_path / "libtensorflow_framework.so.9").write_bytes(content)
    variables, missing = accelerations.environment(tmp_path)
    assert variables["XLA_FLAGS"] == "--xla_backend_optimization_level=0"
    assert missing == ["XLA's xla_cpu_use_fusion_emitters is missing"]


def test_without_tensorflow_there_are_no_flags(tmp_path):
    variables, missing = accelerations.environment(tmp_path)
    assert variables == accelerations.THREADS
    assert len(missing) == 2


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="Python keeps the members of protocols itself")
def test_a_python_without_the_private_name_is_reported(undone):
    undone.delattr(typing, "_get_protocol_attrs")
    assert "; typing._get_protocol_attrs is missing (" in accelerations.begin({})[0]


def rename(patch, owner, name):
    patch.delattr(owner, name)


def take_other_arguments(patch, owner, name):
    patch.setattr(owner, name, lambda other, another: None)


@each_private_function
@pytest.mark.parametrize("change", [rename, take_other_arguments])
def test_a_tensorflow_without_a_private_function_is_reported_and_left_alone(monkeypatch, owner, name, change):
    change(monkeypatch, owner, name)
    before = getattr(owner, name, None)
    with accelerations.patched({}) as missing:
        assert getattr(owner, name, None) is before
    (line,) = missing
    assert f"{name}(" in line


def test_rules_of_another_kind_are_reported_and_left_alone(monkeypatch):
    monkeypatch.setattr(config, "CONVERSION_RULES", None)
    with accelerations.patched({}) as missing:
        assert config.CONVERSION_RULES is None
    assert missing == ["tensorflow.python.autograph.core.config.CONVERSION_RULES"]


def test_functions_of_the_library_alone_are_not_converted(monkeypatch):
    monkeypatch.setattr(config, "CONVERSION_RULES", ())
    with accelerations.patched({}):
        assert conversion.is_allowlisted(write_page)
        assert not conversion.is_allowlisted(rename)
    assert not conversion.is_allowlisted(write_page)


def test_a_module_that_moves_is_reported(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow.python.util.tf_stack", None)
    with accelerations.patched({}) as missing:
        assert missing == ["tensorflow.python.util.tf_stack.extract_stack(stacklevel)"]


def test_the_check_of_types_still_refuses_others(undone):
    with accelerations.patched({}):
        assert int(tf.raw_ops.AddV2(x=1, y=2)) == 3
        with tf.Graph().as_default(), pytest.raises(TypeError, match="bool"):
            tf.raw_ops.AddV2(x=tf.constant(True), y=tf.constant(True))


def patched_names():
    others = [(inspect, "ast"), (config, "CONVERSION_RULES"), (tf.data.Dataset, "__iter__"), (runner, "write_page")]
    names = [getattr(owner, name) for owner, name in [*PRIVATE, *others]]
    return *names, getattr(typing, "_get_protocol_attrs", None), tf.config.optimizer.get_experimental_options()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_value_that_is_not_finite_is_still_refused(undone, value):
    with accelerations.patched({}):
        tf.debugging.enable_check_numerics()
        try:
            with pytest.raises(tf.errors.InvalidArgumentError, match="output 0 of AddV2 : Tensor had"):
                tf.raw_ops.AddV2(x=tf.constant([1.0, value]), y=tf.constant([1.0, 2.0]))
        finally:
            tf.debugging.disable_check_numerics()


def numbers_of(draw):
    keras.utils.set_random_seed(3)
    return [float(draw()) for _ in range(2)]


@pytest.mark.parametrize(
    "draw",
    [lambda: tf.random.normal([]), tf.function(lambda: tf.random.normal([])), lambda: tf.random.normal([], seed=5)],
    ids=["eager", "in a graph", "of its own seed"],
)
def test_a_seed_still_begins_random_operations_anew(draw):
    with accelerations.patched({}):
        first = numbers_of(draw)
        assert first[0] != first[1]
        assert numbers_of(draw) == first
        tf.random.stateless_normal([], (1, 2))
        assert numbers_of(draw) == numbers_of(draw) == first


def test_kernels_without_a_state_are_kept_for_a_while(undone):
    cleared, clearing = [], context.pywrap_tfe
    undone.setattr(accelerations, "KEPT", 3)
    undone.setattr(clearing, "TFE_ContextClearCaches", cleared.append)
    undone.setattr(context.Context, "_set_global_seed", lambda self, seed: clearing.TFE_ContextClearCaches(seed))
    with accelerations.patched({}):
        for seed in range(9):
            keras.utils.set_random_seed(seed)
            tf.function(lambda: tf.random.stateless_normal([], (1, 2)))()
            list(tf.data.Dataset.range(2).map(lambda number: tf.random.shuffle([number, number])))
    assert cleared == [0, 4, 8]


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="classes know their lines")
def test_a_module_is_parsed_once_for_its_classes(undone):
    parsed, parse = [], ast.parse
    undone.setattr(ast, "parse", lambda source: parsed.append(source) or parse(source))
    with accelerations.patched({}):
        for kind, name in 2 * [(inspect.Parameter, "Parameter"), (inspect.Signature, "Signature")]:
            assert inspect.getsource(kind).startswith(f"class {name}:")
        with pytest.raises(OSError, match="class"):
            inspect.getsource(type("Nowhere", (), {"__module__": "inspect"}))
    assert len(parsed) == 1


def test_graphs_run_without_optimization_and_one_stack_trace(undone):
    before = tf.config.optimizer.get_experimental_options()
    with accelerations.patched({}):
        assert tf.config.optimizer.get_experimental_options()["disable_meta_optimizer"]
        with tf.Graph().as_default():
            one, other = tf.constant(1).op, tf.constant(2).op
        assert list(one.traceback) == list(other.traceback)
    assert tf.config.optimizer.get_experimental_options() == before


def test_iterators_are_not_tuned(undone):
    seen = []
    undone.setattr(
        tf.data.Dataset, "__iter__", lambda dataset: iter(seen.append(dataset.options().autotune.enabled) or [])
    )
    with accelerations.patched({}):
        assert list(tf.data.Dataset.range(3)) == []
    assert seen == [False]


def test_runs_leave_no_pages(undone):
    undone.setattr(runner, "write_page", write_page)
    with accelerations.patched({}):
        assert runner.write_page(run=None) is None
    assert runner.write_page is write_page


@pytest.mark.parametrize("value", ["1", "yes"])
def test_the_switch_leaves_everything_as_it_is(undone, value):
    gc.enable()
    variables = {accelerations.SWITCH: value}
    before = patched_names()
    assert accelerations.begin(variables) == [f"accelerations of the tests: none, by {accelerations.SWITCH}={value}"]
    with accelerations.patched(variables) as missing:
        assert patched_names() == before
    assert missing == []
    assert variables == {accelerations.SWITCH: value}
    assert gc.isenabled()


@pytest.mark.parametrize("value", ["", "0"])
def test_the_switch_is_off_by_default(value):
    assert not accelerations.plain({})
    assert not accelerations.plain({accelerations.SWITCH: value})


def test_the_switch_reaches_the_tests_of_a_new_process():
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "XLA", "TF_"))}
    command = [sys.executable, "-m", "pytest", "--collect-only", "-n", "0", "tests/test_continuous_integration.py"]
    done = subprocess.run(
        command, cwd=ROOT, env={**variables, accelerations.SWITCH: "1"}, capture_output=True, text=True, check=True
    )
    assert f"accelerations of the tests: none, by {accelerations.SWITCH}=1" in done.stdout
