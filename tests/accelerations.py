"""Accelerations of the test suite. An acceleration whose names are missing is skipped.

The environment variable RME_PLAIN_TESTS=1 switches all of them off.
"""

import contextlib
import functools
import gc
import importlib.util
import inspect
import mmap
import os
import pathlib
import sys
import typing

import pytest

SWITCH = "RME_PLAIN_TESTS"
# Most of what is compiled here runs a few times.
XLA_FLAGS = {"xla_backend_optimization_level": "0", "xla_cpu_use_fusion_emitters": "false"}
# There are as many processes as cores, and their tensors are small: to hand them to threads costs more than it saves.
THREADS = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}


class MissingNameError(Exception):
    """Says which name an acceleration needs and does not find."""


def plain(environment=os.environ) -> bool:
    """Whether the tests run without accelerations."""
    return environment.get(SWITCH, "") not in ("", "0")


# In the environment, before TensorFlow is imported.


def environment(tensorflow=None) -> tuple[dict[str, str], list[str]]:
    """Variables of the environment that save time, and the XLA flags that this TensorFlow does not know.

    XLA ends the process for a flag that it does not know.
    """
    known = known_flags(XLA_FLAGS, tensorflow)
    flags = " ".join(f"--{name}={value}" for name, value in XLA_FLAGS.items() if name in known)
    variables = {**THREADS, "XLA_FLAGS": flags} if flags else THREADS
    return variables, [f"XLA's {name} is missing" for name in XLA_FLAGS if name not in known]


def known_flags(flags, tensorflow=None) -> set[str]:
    """The flags of XLA that this TensorFlow knows, read from its library, for it is not imported yet.

    Names of former flags may remain there, within other data.
    """
    if tensorflow is None:
        spec = importlib.util.find_spec("tensorflow")
        tensorflow = spec.submodule_search_locations[0] if spec else ""
    known = set()
    for path in pathlib.Path(tensorflow).glob("libtensorflow_framework*"):
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            known |= {flag for flag in flags if content.find(b"\0%s\0" % flag.encode()) >= 0}
    return known


# In the process.


def remember_members_of_protocols(module=typing):
    """Python 3.11 lists the members of a protocol again whenever TensorFlow asks whether a value is of one."""
    if sys.version_info >= (3, 12):  # which keeps them
        return
    if not hasattr(module, "_get_protocol_attrs"):
        raise MissingNameError("typing._get_protocol_attrs")
    module._get_protocol_attrs = functools.cache(module._get_protocol_attrs)


def write_no_messages_for_right_types(patch):
    """TensorFlow writes the message of a wrong type for each operation of a graph, and drops it."""
    name, parameters = "_SatisfiesTypeConstraint", ["dtype", "attr_def", "param_name"]
    try:
        from tensorflow.python.framework import op_def_library

        check = getattr(op_def_library, name)
        found = list(inspect.signature(check).parameters)
    except (ImportError, AttributeError, TypeError, ValueError):
        found = []
    if found != parameters:
        raise MissingNameError(f"tensorflow.python.framework.op_def_library.{name}({', '.join(parameters)})")

    def checked(dtype, attr_def, param_name):
        if not (attr_def.HasField("allowed_values") and dtype in attr_def.allowed_values.list.type):
            check(dtype, attr_def, param_name)

    patch.setattr(op_def_library, name, checked)


def end_iterators_at_once(patch):
    """Iterators of generators and of data sets that are not the library's own may wait for tf.data's autotuning."""
    import tensorflow as tf

    from rme_tf.core.pipelines import untuned

    iterate = tf.data.Dataset.__iter__
    patch.setattr(tf.data.Dataset, "__iter__", lambda dataset: iterate(untuned(dataset)))


def collect_no_garbage_of_imports():
    """A million objects, none of which is garbage, are walked again and again: a quarter of the time of an import."""
    gc.disable()


def collect_garbage_of_tests():
    """A graph is of many objects, and one training takes some graphs."""
    if not gc.isenabled():
        gc.set_threshold(10_000, 10, 10)  # not 700
        gc.enable()
        gc.collect()
        gc.freeze()


@contextlib.contextmanager
def patched(variables=os.environ):
    """Patches TensorFlow for the tests of a session; yields the names that are missing."""
    with pytest.MonkeyPatch.context() as patch:
        missing = []
        try:
            if not plain(variables):
                end_iterators_at_once(patch)
                write_no_messages_for_right_types(patch)
        except MissingNameError as error:
            missing.append(str(error))
        yield missing


def begin(variables=os.environ) -> list[str]:
    """Sets what must be set before TensorFlow is imported; returns lines for the header of the tests."""
    if plain(variables):
        return [f"accelerations of the tests: none, by {SWITCH}={variables[SWITCH]}"]
    found, missing = environment() if "XLA_FLAGS" not in variables else (THREADS, [])
    for name, value in found.items():
        variables.setdefault(name, value)
    try:
        remember_members_of_protocols()
    except MissingNameError as error:
        missing.append(f"{error} is missing")
    collect_no_garbage_of_imports()
    return [f"accelerations of the tests: {'; '.join(['all', *missing])} ({SWITCH}=1 for none)"]
