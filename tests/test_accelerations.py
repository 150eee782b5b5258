"""The accelerations of the tests: what each does where its names are missing, and the switch."""

import gc
import os
import pathlib
import subprocess
import sys
import typing

import pytest
import tensorflow as tf
from tensorflow.python.framework import op_def_library

import accelerations

ROOT = pathlib.Path(__file__).parents[1]
NAME = "_SatisfiesTypeConstraint"


@pytest.fixture
def undone(monkeypatch):
    """Undoes what `accelerations.begin` changes in this process."""
    enabled = gc.isenabled()
    for module, name in [(typing, "_get_protocol_attrs"), (op_def_library, NAME)]:
        if hasattr(module, name):
            monkeypatch.setattr(module, name, getattr(module, name))
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


def rename(patch):
    patch.delattr(op_def_library, NAME)


def take_other_arguments(patch):
    patch.setattr(op_def_library, NAME, lambda dtype, attr_def: None)


def move(patch):
    patch.setitem(sys.modules, "tensorflow.python.framework", None)


@pytest.mark.parametrize("change", [rename, take_other_arguments, move])
def test_a_tensorflow_without_the_private_function_is_reported_and_left_alone(monkeypatch, change):
    change(monkeypatch)
    before = getattr(op_def_library, NAME, None)
    with accelerations.patched({}) as missing:
        assert getattr(op_def_library, NAME, None) is before
    assert len(missing) == 1
    assert NAME in missing[0]


def test_the_check_of_types_still_refuses_others(undone):
    with accelerations.patched({}):
        assert int(tf.raw_ops.AddV2(x=1, y=2)) == 3
        with tf.Graph().as_default(), pytest.raises(TypeError, match="bool"):
            tf.raw_ops.AddV2(x=tf.constant(True), y=tf.constant(True))


def patched_names():
    names = getattr(typing, "_get_protocol_attrs", None), getattr(op_def_library, NAME)
    return *names, tf.data.Dataset.__iter__


def test_iterators_are_not_tuned(undone):
    undone.setattr(accelerations, "write_no_messages_for_right_types", lambda patch: None)
    seen = []
    undone.setattr(
        tf.data.Dataset, "__iter__", lambda dataset: iter(seen.append(dataset.options().autotune.enabled) or [])
    )
    with accelerations.patched({}):
        assert list(tf.data.Dataset.range(3)) == []
    assert seen == [False]


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
    command = [sys.executable, "-m", "pytest", "--collect-only", "-n", "0", "tests/core/test_registry.py"]
    done = subprocess.run(
        command, cwd=ROOT, env={**variables, accelerations.SWITCH: "1"}, capture_output=True, text=True, check=True
    )
    assert f"accelerations of the tests: none, by {accelerations.SWITCH}=1" in done.stdout
