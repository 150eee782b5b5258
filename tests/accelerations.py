"""Accelerations of the test suite. An acceleration whose names are missing is skipped.

The environment variable RME_PLAIN_TESTS=1 switches all of them off.
"""

import ast
import contextlib
import functools
import gc
import importlib
import importlib.util
import inspect
import mmap
import os
import pathlib
import sys
import types
import typing
import weakref

import pytest

SWITCH = "RME_PLAIN_TESTS"
# Most of what is compiled here runs a few times.
XLA_FLAGS = {"xla_backend_optimization_level": "0", "xla_cpu_use_fusion_emitters": "false"}
# There are as many processes as cores, and their tensors are small: to hand them to threads costs more than it saves.
THREADS = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
KEPT = 100  # seeds that are set until kernels are dropped


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


def private_function(module, name, parameters=None, inner=None):
    """The owner of a private function of TensorFlow, a module or what is in it, and the function.

    Its parameters begin with the given ones; those of a function in C++ are not known.
    """
    try:
        owner = importlib.import_module(module)
        owner = getattr(owner, inner) if inner else owner
        function = getattr(owner, name)
        known = parameters is None or list(inspect.signature(function).parameters)[: len(parameters)] == parameters
    except (ImportError, AttributeError, TypeError, ValueError):
        known = False
    if not known:
        raise MissingNameError(f"{'.'.join(filter(None, (module, inner, name)))}({', '.join(parameters or ['...'])})")
    return owner, function


def write_no_messages_for_right_types(patch):
    """TensorFlow writes the message of a wrong type for each operation of a graph, and drops it."""
    name, parameters = "_SatisfiesTypeConstraint", ["dtype", "attr_def", "param_name"]
    op_def_library, check = private_function("tensorflow.python.framework.op_def_library", name, parameters)

    def checked(dtype, attr_def, param_name):
        if not (attr_def.HasField("allowed_values") and dtype in attr_def.allowed_values.list.type):
            check(dtype, attr_def, param_name)

    patch.setattr(op_def_library, name, checked)


def write_no_messages_for_finite_values(patch):
    """`enable_check_numerics` writes of each tensor, before it is checked, how many of its values are not finite."""
    name, parameters = "get_check_numerics_error_message", ["slot", "num_outputs", "op_type"]
    callback, _ = private_function("tensorflow.python.debug.lib.check_numerics_callback", name, parameters)

    def message(slot, num_outputs, op_type, *rest, **more):
        return f"output {slot} of {op_type}"

    patch.setattr(callback, name, message)


def keep_kernels_without_a_state(patch):
    """`tf.random.set_seed` drops the kernels of all operations, for the sake of random ones; each test sets seeds.

    It still does after a random operation whose kernel has a state, as long as there is a function that has one, and
    now and then, since each variable has a kernel of its own. Data sets have that state in their iterators.
    """
    import tensorflow as tf

    context = "tensorflow.python.eager.context"
    random_seed, seeds_of = private_function("tensorflow.python.framework.random_seed", "get_seed", ["op_seed"])
    kind, set_seed = private_function(context, "_set_global_seed", ["self", "seed"], "Context")
    clearing, clear = private_function(context, "TFE_ContextClearCaches", None, "pywrap_tfe")
    functions, state = weakref.WeakSet(), {"drawn": True, "kept": 0}

    def get_seed(op_seed):
        graphs = [tf.compat.v1.get_default_graph()]
        while getattr(graphs[-1], "outer_graph", None) is not None:
            graphs.append(graphs[-1].outer_graph)
        if tf.executing_eagerly():
            state["drawn"] = True
        elif not any(getattr(graph, "name", "").startswith("Dataset") for graph in graphs):
            functions.update(graph for graph in graphs if graph.building_function)
        return seeds_of(op_seed)

    def clear_at_need(handle):
        state["kept"] += 1
        if state["drawn"] or functions or state["kept"] > KEPT:
            clear(handle)
            state.update(drawn=False, kept=0)

    def set_global_seed(self, seed):
        with pytest.MonkeyPatch.context() as within:
            within.setattr(clearing, "TFE_ContextClearCaches", clear_at_need)
            set_seed(self, seed)

    patch.setattr(random_seed, "get_seed", get_seed)
    patch.setattr(kind, "_set_global_seed", set_global_seed)


def parse_modules_once(patch):
    """The help of flags is read from the sources: to find a class, `inspect` parses its whole module again."""
    once = functools.lru_cache(30)(ast.parse)
    patch.setattr(inspect, "ast", types.SimpleNamespace(**{**vars(ast), "parse": once}))


def share_one_stack_trace(patch):
    """Each operation of a graph takes down the calls that made it, for messages; here all have the same."""
    tf_stack, extract_stack = private_function("tensorflow.python.util.tf_stack", "extract_stack", ["stacklevel"])
    trace = extract_stack()
    patch.setattr(tf_stack, "extract_stack", lambda stacklevel=1: trace)


def convert_no_function_of_the_library(patch):
    """AutoGraph rewrites the sources of what `tf.data` and `tf.map_fn` call; the library has loops of TensorFlow."""
    config, rule = private_function("tensorflow.python.autograph.core.config", "DoNotConvert", ["module_prefix"])
    if not isinstance(getattr(config, "CONVERSION_RULES", None), tuple):
        raise MissingNameError("tensorflow.python.autograph.core.config.CONVERSION_RULES")
    patch.setattr(config, "CONVERSION_RULES", (rule("rme_tf"), *config.CONVERSION_RULES))


def end_iterators_at_once(patch):
    """Iterators of generators and of data sets that are not the library's own may wait for tf.data's autotuning."""
    import tensorflow as tf

    from rme_tf.core.pipelines import untuned

    iterate = tf.data.Dataset.__iter__
    patch.setattr(tf.data.Dataset, "__iter__", lambda dataset: iterate(untuned(dataset)))


def write_no_pages(patch):
    """The page of a run takes a second or more; the tests of pages write them."""
    runner = sys.modules.get("rme_tf.experiments.runs.runner")
    if runner is not None:
        patch.setattr(runner, "write_page", lambda run: None)


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
def graphs_without_optimization():
    """To optimize a graph takes longer than it saves in the few times that a test runs it."""
    import tensorflow as tf

    optimizer, name = tf.config.optimizer, "disable_meta_optimizer"
    before = optimizer.get_experimental_options().get(name, False)
    optimizer.set_experimental_options({name: True})
    try:
        yield
    finally:
        optimizer.set_experimental_options({name: before})


PATCHES = (
    convert_no_function_of_the_library,
    end_iterators_at_once,
    keep_kernels_without_a_state,
    parse_modules_once,
    share_one_stack_trace,
    write_no_messages_for_finite_values,
    write_no_messages_for_right_types,
    write_no_pages,
)


@contextlib.contextmanager
def patched(variables=os.environ):
    """Patches TensorFlow and the library for the tests of a session; yields the names that are missing."""
    missing: list[str] = []
    if plain(variables):
        yield missing
        return
    with graphs_without_optimization(), pytest.MonkeyPatch.context() as patch:
        for accelerate in PATCHES:
            try:
                accelerate(patch)
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
