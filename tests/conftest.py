"""Fixtures that the tests share: seeds, silence, and tiny models with generic weights."""

import collections
import functools
import gc
import os
import sys
import typing

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# What is compiled here runs but a few times.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false")
# There are as many processes as cores, and their tensors are small: to hand them to threads costs more than it saves.
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")

import numpy as np
import pytest

# TensorFlow is imported where it is used: the process that hands the tests to the others has no need of it.
gc.disable()  # until all is imported, of which nothing is garbage: that saves a quarter of the time

SEED = 1

if sys.version_info < (3, 12):  # which keeps them: TensorFlow asks of every value whether it is of a protocol
    typing._get_protocol_attrs = functools.cache(typing._get_protocol_attrs)


@pytest.fixture(autouse=True)
def _same_random_numbers_in_every_test():
    import keras

    keras.utils.set_random_seed(SEED)


@pytest.fixture(scope="session", autouse=True)
def _pipelines_end_at_once():
    """Of arrays, for instance: Keras leaves tf.data's autotuning on, for whose sleep the end of an iterator waits."""
    import tensorflow as tf

    from rme_tf.core.pipelines import untuned

    iterate = tf.data.Dataset.__iter__
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tf.data.Dataset, "__iter__", lambda dataset: iterate(untuned(dataset)))
        yield


@pytest.fixture(scope="session", autouse=True)
def _operations_of_right_types_need_no_message():
    """TensorFlow writes the one on a wrong type for each operation of a graph, which takes time, and drops it."""
    from tensorflow.python.framework import op_def_library

    check = op_def_library._SatisfiesTypeConstraint

    def checked(dtype, attr_def, param_name):
        if not (attr_def.HasField("allowed_values") and dtype in attr_def.allowed_values.list.type):
            check(dtype, attr_def, param_name)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(op_def_library, "_SatisfiesTypeConstraint", checked)
        yield


def pytest_collection_modifyitems(items):
    """Puts the files with the most slow tests first, so that parallel processes come to their ends together."""
    slow = collections.Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: -slow[item.path])


def pytest_collection_finish(session):
    """Lets the garbage collector pass over what has been imported: a million objects, walked again and again."""
    gc.set_threshold(10_000, 10, 10)  # not 700: a graph is of many objects, and one training takes some graphs
    gc.enable()
    gc.collect()
    gc.freeze()


def pytest_sessionfinish(session):
    """Lets it pass over all that is left, which ends with the process."""
    gc.freeze()


@pytest.fixture
def eagerly():
    """Runs what is compiled op by op: for a few steps that is cheaper than to trace them, which takes seconds."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture
def tidy():
    """Undoes what a run changes for the whole process."""
    from tensorflow.python.framework import config as tf_config

    yield
    tf_config.disable_op_determinism()


@pytest.fixture
def rng():
    """NumPy random numbers, the same in every test."""
    return np.random.default_rng(SEED)


def build_tiny_model(num_components=2, *, latent_dim=2, pixels=5, spread=0.4, seed=0, **choices):
    """Returns a VAE with one hidden layer of 8 units a network, the same for the same arguments.

    All its weights, biases too, are moved by noise of scale `spread`: at Keras's start the
    biases are zero and the mixing weights uniform, which hides mistakes.
    """
    import keras

    import rme_tf

    keras.utils.set_random_seed(seed)
    networks = {"encoder": "mlp", "decoder": "mlp", **choices}
    for part in ("encoder", "decoder"):
        if isinstance(networks[part], str):  # a ready network takes no options
            networks.setdefault(f"{part}_options", {"units": (8,), "activation": "tanh"})
    model = rme_tf.VAE.from_names(
        input_shape=(pixels,),
        latent_dim=latent_dim,
        num_components=num_components,
        **{"seed": seed, **networks},
    )
    generator = np.random.default_rng(seed)
    for variable in model.trainable_variables:
        noise = generator.normal(scale=spread, size=tuple(variable.shape))
        variable.assign(np.asarray(variable.value) + noise)
    return model


@pytest.fixture(scope="session")
def tiny_model():
    """The builder of tiny models."""
    return build_tiny_model


@pytest.fixture
def binary_data(rng):
    """Builder of binary observations: in the support of every likelihood on [0, 1]."""
    return lambda batch=3, pixels=5: rng.integers(0, 2, size=(batch, pixels)).astype("float32")
