"""The cost of input checks: values are read once, from outside alone, and in graphs not at all."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.autograph.core import config
from tensorflow.python.autograph.impl import conversion
from tensorflow.python.autograph.pyct.cache import UnboundInstanceCache

import rme_tf
from conftest import build_tiny_model
from public_calls import OBSERVED, PIXELS, X, Z, model_of, spoiled
from rme_tf.core import arrays
from rme_tf.core.outer_calls import InnerCalls, is_outer_call
from rme_tf.likelihoods import LIKELIHOODS, Bernoulli

BAD = spoiled(np.inf)


@pytest.fixture
def reads(monkeypatch):
    """The sizes of the arrays whose values have been looked at."""
    sizes, in_support = [], Bernoulli.in_support
    monkeypatch.setattr(Bernoulli, "in_support", lambda self, x: sizes.append(int(tf.size(x))) or in_support(self, x))
    return sizes


@pytest.mark.parametrize(
    "call", sorted(set(OBSERVED) - {"log_probs_at", "elbo_gradient", "summarize", "imputation_scores"})
)
@pytest.mark.usefixtures("eagerly")
def test_the_values_are_read_once_in_a_call(call, reads, monkeypatch):
    """Of the first three the tests themselves call others; the last one has data with missing entries."""
    monkeypatch.setattr("rme_tf.evaluation.annealing.chains.NUM_FIRST", 1)
    monkeypatch.setattr("rme_tf.evaluation.modes.sampling.LEAPFROG_STEPS", 1)
    OBSERVED[call](model_of(), X)
    assert reads == [X.size] * (2 if call.startswith(("interpolate", "fit, val", "CollapseMonitor")) else 1)


@pytest.mark.slow
def test_a_graph_reads_no_values(reads):
    model = model_of()
    for method in (model.posterior, model.codes, model.encode, model, model.call):
        traced = tf.function(method, input_signature=[tf.TensorSpec([None, PIXELS])])
        graph = traced.get_concrete_function().graph
        assert not {operation.type for operation in graph.get_operations()} & {"Assert", "If", "StatelessIf"}
    render = tf.function(model.render).get_concrete_function(tf.TensorSpec([None, 2]))
    assert "Assert" not in {operation.type for operation in render.graph.get_operations()}
    assert not reads
    with pytest.raises(ValueError, match=r"`x` must have shape \(None, 4\). Received: \(None, 5\)"):
        tf.function(model.codes).get_concrete_function(tf.TensorSpec([None, 5]))


def test_within_a_function_that_is_traced_known_values_are_checked():
    model = model_of()
    with pytest.raises(ValueError, match="binary values, 0 or 1"):
        tf.function(lambda: model.posterior(BAD).mean())()
    np.testing.assert_allclose(tf.function(lambda: model.codes(X))(), model.codes(X), rtol=1e-5)
    nearest = tf.function(lambda codes: rme_tf.nearest_neighbors(codes, codes, k=2))
    np.testing.assert_array_equal(nearest(tf.constant(Z)), rme_tf.nearest_neighbors(Z, Z, k=2))


@pytest.fixture
def autograph(monkeypatch):
    """AutoGraph converts the library's functions, as in a program of a user."""
    rules = [rule for rule in config.CONVERSION_RULES if not rule.matches("rme_tf")]
    monkeypatch.setattr(config, "CONVERSION_RULES", rules)
    monkeypatch.setattr(conversion, "_ALLOWLIST_CACHE", UnboundInstanceCache())


@pytest.mark.slow
def test_autograph_and_functional_models_take_the_gated_methods(autograph):
    assert not conversion.is_allowlisted(is_outer_call)
    model = model_of()
    inputs = keras.Input((PIXELS,))
    outer = keras.Model(inputs, model(inputs)["means"])
    np.testing.assert_allclose(outer(X), model(X)["means"], rtol=1e-6)
    np.testing.assert_allclose(outer.predict(X, verbose=0), model(X)["means"], rtol=1e-5)
    np.testing.assert_allclose(tf.function(model.render)(Z), model.render(Z), rtol=1e-5)
    means = tf.function(lambda x: model.posterior(x).mean())(X)
    np.testing.assert_allclose(means, model.posterior(X).mean(), rtol=1e-5)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "float16", "float64", "bfloat16"])
@pytest.mark.usefixtures("eagerly")
def test_observations_of_every_dtype_are_cast(dtype):
    model, x = model_of(), tf.cast(X, dtype)
    for call in ("__call__", "predict_on_batch", "predict"):
        for one, other in zip(*(keras.tree.flatten(OBSERVED[call](model, each)) for each in (X, x)), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-6)
    OBSERVED["train_on_batch"](model, x)
    OBSERVED["collapse_report"](model, x)


def test_a_call_leaves_the_edge_for_its_thread_even_if_it_fails():
    assert is_outer_call()
    with pytest.raises(KeyError), InnerCalls(), InnerCalls():
        assert not is_outer_call()
        raise KeyError
    assert is_outer_call()
    with pytest.raises(ValueError, match="`steps` must be an integer of at least 2"):
        model_of().interpolate(X, X, steps=1)
    assert is_outer_call()


class Unread:
    """Rows on a disk, which do not fit in memory."""

    dtype = np.dtype("float32")

    def __init__(self, values):
        self.values, self.shape, self.largest = values, values.shape, 0

    def __len__(self):
        return len(self.values)

    def __getitem__(self, rows):
        part = self.values[rows]
        self.largest = max(self.largest, len(part))
        return part

    def __array__(self, dtype=None, copy=None):
        raise MemoryError


@pytest.mark.usefixtures("eagerly")
def test_a_large_array_is_checked_in_parts_and_never_read_whole(monkeypatch):
    monkeypatch.setattr(arrays, "CHUNK", 2 * PIXELS)
    model, rows = model_of(), Unread(np.tile(X, [4, 1]))
    found = rme_tf.bounds(model, rows, num_samples=2, batch_size=3, progress=False)
    np.testing.assert_allclose(found.elbo[:3], rme_tf.bounds(model, X[:3], num_samples=2, progress=False).elbo)
    assert rme_tf.collapse_report(model, rows, max_observations=3).num_observations == 3
    assert rows.largest == 3
    rows.values[-1, 0] = 0.25
    with pytest.raises(ValueError, match=r"with 0.25 among its values \(1.04% of them outside\)"):  # 1 of 96
        rme_tf.bounds(model, rows, num_samples=2, progress=False)
    assert rows.largest == 3


@pytest.mark.parametrize("name", sorted(LIKELIHOODS))
def test_each_likelihood_takes_its_example_and_nothing_infinite(name):
    options = {"vocabulary_size": 6} if name == "categorical_sequence" else {}
    likelihood = LIKELIHOODS[name]((4,), **options)
    x = likelihood.example(2)
    assert likelihood.observations(x.numpy().astype("float64")).dtype == likelihood.observation_dtype
    expected = f"^{type(likelihood).__name__} expects .*Received: `x` with inf among its values"
    with pytest.raises(ValueError, match=expected):
        likelihood.observations(np.where(np.arange(8).reshape(2, 4) == 3, np.inf, x))
    with pytest.raises(ValueError, match=r"`x` must have shape \(None, 4\). Received: \(2, 3\)"):
        likelihood.observations(x[:, :3])


# Single batches.


def test_no_single_batch_makes_the_weights_nan():
    model = build_tiny_model(pixels=PIXELS)
    model.compile("sgd", "elbo", run_eagerly=True)
    before = model.get_weights()
    with pytest.raises(ValueError, match="binary values, 0 or 1"):
        model.train_on_batch(BAD)
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert int(model.optimizer.iterations) == 0


def test_a_loss_of_a_single_batch_that_is_not_finite_is_an_error():
    model = build_tiny_model(pixels=PIXELS)
    model.compile("sgd", "elbo", run_eagerly=True)
    model.decoder.trainable_variables[-1].assign(np.full(PIXELS, np.nan))
    with pytest.raises(FloatingPointError, match=r"`train_on_batch`.*log p\(x\|z\), from the decoder"):
        model.train_on_batch(X)


def test_single_batches_answer_as_keras_does():
    model = build_tiny_model(pixels=PIXELS)
    model.compile("sgd", "elbo", run_eagerly=True)
    values, logs = model.test_on_batch(X), model.test_on_batch(X, return_dict=True)
    assert values == [logs[name] for name in model.metrics_names]
    assert set(model.train_on_batch(X, return_dict=True)) == set(logs)
    assert int(model.optimizer.iterations) == 1
    assert isinstance(model.predict_on_batch(X)["means"], np.ndarray)
    for call in (model.train_on_batch, model.test_on_batch):
        with pytest.raises(ValueError, match="`sample_weight` and `class_weight` are not supported"):
            call(X, None, np.ones(len(X)))
