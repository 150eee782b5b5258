"""Fixtures that the tests share: seeds, silence, and tiny models with generic weights."""

import collections
import gc
import os
import warnings

import numpy as np
import pytest

import accelerations

# TensorFlow is imported where it is used: after these lines, and not in the process that hands the tests to the others.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
HEADER = accelerations.begin()
SEED = 1


def pytest_report_header():
    return HEADER


@pytest.fixture(autouse=True)
def _same_random_numbers_in_every_test():
    import keras

    keras.utils.set_random_seed(SEED)


@pytest.fixture(autouse=True)
def _settings_stay():
    """Fails a test that leaves a setting of the whole process changed, for the tests after it."""
    before = process_settings()
    yield
    assert process_settings() == before


def process_settings():
    """Returns the settings of Keras and TensorFlow for the whole process."""
    import keras
    import tensorflow as tf

    return {
        "dtype policy": keras.config.dtype_policy().name,
        "floatx": keras.config.floatx(),
        "image data format": keras.config.image_data_format(),
        "interactive logging": keras.config.is_interactive_logging_enabled(),
        "functions run eagerly": tf.config.functions_run_eagerly(),
    }


@pytest.fixture(scope="session", autouse=True)
def _accelerated():
    with accelerations.patched() as missing:
        for name in missing:
            warnings.warn(f"The tests take longer without {name}.", stacklevel=1)
        yield


def pytest_collection_modifyitems(items):
    """Puts the files with the most slow tests first, so that parallel processes come to their ends together."""
    slow = collections.Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: -slow[item.path])


def pytest_collection_finish(session):
    accelerations.collect_garbage_of_tests()


def pytest_sessionfinish(session):
    """Leaves all to the end of the process."""
    gc.freeze()


@pytest.fixture
def eagerly():
    """Runs what is compiled op by op: for a few steps that is cheaper than to trace them, which takes seconds."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


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
        latent_dim=latent_dim,
        num_components=num_components,
        **{"input_shape": (pixels,), "seed": seed, **networks},
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
