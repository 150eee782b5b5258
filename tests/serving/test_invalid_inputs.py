"""Bad input to a served model: NaN, no token or an error, for the rows that are bad alone."""

import math

import numpy as np
import pytest
import tensorflow as tf

from conftest import build_tiny_model
from rme_tf.core import invalid_inputs
from rme_tf.core.outer_calls import InnerCalls
from rme_tf.likelihoods import LIKELIHOODS
from rme_tf.serving.saved_model import Endpoints, export_saved_model
from test_lstm import ROWS, build_text_model

SEED, S = tf.constant(0), tf.constant(2)
GOOD = np.random.default_rng(0).integers(0, 2, (3, 5)).astype("float32")
OF_X = {
    "encode": lambda served, x: served.encode(x),
    "sample_posterior": lambda served, x: {"z": tf.transpose(served.sample_posterior(x, S, SEED)["z"], [1, 0, 2])},
    "reconstruct": lambda served, x: served.reconstruct(x, SEED),
    "log_likelihood": lambda served, x: served.log_likelihood(x, S, SEED),
}
OF_COUNTS = {
    "sample_posterior": lambda served, x, count: served.sample_posterior(x, count, SEED),
    "sample_prior": lambda served, x, count: served.sample_prior(count, SEED),
    "log_likelihood": lambda served, x, count: served.log_likelihood(x, count, SEED),
}
BAD_ROWS = {
    "beyond the vocabulary": [4, 99, 2, 0],
    "negative": [4, -3, 2, 0],
    "a token after padding": [4, 0, 5, 2],
    "padding alone": [0, 0, 0, 0],
}


@pytest.fixture
def in_a_graph(eagerly):
    """Runs what is compiled op by op, as if its values were not known."""
    with InnerCalls():
        yield


def check_rows(bad, good, at):
    """Checks that an answer says nothing of the row `at`, and of the others what it says without it."""
    assert set(bad) == set(good)
    for name, value in bad.items():
        nothing = (
            value.numpy()[at] == invalid_inputs.NO_TOKEN if value.dtype.is_integer else np.isnan(value.numpy()[at])
        )
        assert nothing.all(), name
        others = [row for row in range(len(value)) if row != at]
        np.testing.assert_allclose(value.numpy()[others], good[name].numpy()[others], rtol=1e-5, atol=1e-6)


OUTSIDE = {"columns": [math.nan, math.inf], "real": [math.nan, math.inf], "counts": [math.nan, math.inf, -1.0, 0.5]}
CASES = [
    (name, value)
    for name in sorted(set(LIKELIHOODS) - {"categorical_sequence"})
    for value in OUTSIDE.get(LIKELIHOODS[name].values, [math.nan, math.inf, 255.0, -1.0])
]


@pytest.mark.parametrize(("name", "value"), CASES)
@pytest.mark.usefixtures("in_a_graph")
def test_observations_outside_the_support_of_each_likelihood_are_answered_with_nan(name, value):
    served = Endpoints(build_tiny_model(2, likelihood=name), 5)
    x = GOOD.copy()
    x[1, 3] = value
    for call in OF_X.values():
        check_rows(call(served, tf.constant(x)), call(served, tf.constant(GOOD)), at=1)


@pytest.mark.slow
@pytest.mark.parametrize("kind", sorted(BAD_ROWS))
@pytest.mark.usefixtures("in_a_graph")
def test_rows_that_are_no_sentences_are_answered_with_no_tokens(kind):
    served = Endpoints(build_text_model(2), 5)
    good = np.array(ROWS[:3, :4], "int32")
    good[:, -1] = np.where(good[:, -2] == 0, 0, 2)
    x = good.copy()
    x[1] = BAD_ROWS[kind]
    for call in OF_X.values():
        check_rows(call(served, tf.constant(x)), call(served, tf.constant(good)), at=1)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.usefixtures("in_a_graph")
def test_codes_that_are_not_finite_are_answered_with_nan(value):
    served, z = Endpoints(build_tiny_model(), 5), np.ones((3, 2), "float32")
    good = served.decode(tf.constant(z))
    z[1, 0] = value
    check_rows(served.decode(tf.constant(z)), good, at=1)


@pytest.mark.slow
@pytest.mark.parametrize("count", [0, -3])
def test_a_number_of_samples_below_1_is_an_error_in_a_saved_model(count, tmp_path):
    export_saved_model(build_tiny_model(), tmp_path)
    served = tf.saved_model.load(str(tmp_path))
    for name, call in OF_COUNTS.items():
        assert call(served, GOOD, tf.constant(1)), name
        with pytest.raises(tf.errors.InvalidArgumentError, match="`num_samples` must be at least 1. Received"):
            call(served, GOOD, tf.constant(count))
    for call in OF_X.values():
        bad = np.concatenate([GOOD[:1], 255.0 * GOOD[1:2] + 3.0, GOOD[2:]])
        check_rows(call(served, bad), call(served, GOOD), at=1)


def test_observations_without_entries_are_none():
    likelihood = LIKELIHOODS["categorical_sequence"]((None,), vocabulary_size=6)
    assert not invalid_inputs.valid_observations(likelihood, tf.zeros([2, 0], tf.int32)).numpy().any()
