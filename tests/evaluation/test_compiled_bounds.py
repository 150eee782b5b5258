"""Bounds compiled by XLA: equal to the others up to rounding, and chosen where they save time."""

import numpy as np
import pytest
import tensorflow as tf

from rme_tf import bounds, likelihoods, log_likelihood
from rme_tf.evaluation import chunking, gaussian_draws, likelihood_bounds
from rme_tf.likelihoods import LIKELIHOODS
from rme_tf.posteriors import IAF, POSTERIORS
from rme_tf.posteriors.flow import FlowFamily
from rme_tf.priors import PRIORS

PATTERNS = np.array([[1, 0, 1, 0, 1], [0, 0, 0, 1, 1], [1, 1, 1, 1, 1]], np.float32)
OPTIONS = {"num_samples": 18, "seed": 7, "progress": False}
PIXELS = sorted(name for name in LIKELIHOODS if LIKELIHOODS[name].observation_dtype == tf.float32)


def assert_equal(model, **options):
    compiled, plain = (bounds(model, PATTERNS, **OPTIONS, jit_compile=jit, **options) for jit in (True, False))
    for name, value, expected in zip(plain._fields, compiled, plain, strict=True):
        np.testing.assert_allclose(value, expected, rtol=2e-5, atol=2e-5, err_msg=name)


# The formulas, op by op.


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize(
    "choices",
    [*({"likelihood": name} for name in PIXELS), *({"posterior": name} for name in sorted(POSTERIORS) if name != "iaf")]
    + [{"prior": name} for name in sorted(PRIORS)]
    + [{"num_components": 1}, {"latent_dim": 3, "mixing": "learned"}],
    ids=str,
)
def test_they_equal_the_bounds_of_the_graph(tiny_model, choices):
    assert_equal(tiny_model(**{"num_components": 2, **choices}))


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("name", sorted(name for name in POSTERIORS if issubclass(POSTERIORS[name], FlowFamily)))
def test_flows_of_one_component_and_shared_flows_are_compiled(tiny_model, name):
    for choices in ({"num_components": 1}, {"num_components": 2, "posterior_options": {"shared": True}}):
        model = tiny_model(posterior=name, mixing="learned", **choices)
        assert gaussian_draws.is_gaussian(model.infer(PATTERNS))
        assert_equal(model)


def test_a_flow_with_another_distribution_keeps_it(tiny_model):
    class Other(IAF):
        def distribution(self, params):
            return super().distribution(2.0 * params)

    assert not gaussian_draws.is_gaussian(tiny_model(1, posterior=Other(2)).infer(PATTERNS))


# By XLA.


@pytest.mark.slow
@pytest.mark.parametrize(
    ("codes", "choices"),
    [(6, {}), (30, {"posterior": "iaf", "posterior_options": {"shared": True, "units": (4,)}})],
    ids=["components in blocks", "a shared flow, and the last chunk is partial"],
)
def test_xla_compiles_them(tiny_model, monkeypatch, codes, choices):
    monkeypatch.setattr(chunking, "MOST_CODES", codes)
    assert_equal(tiny_model(6, mixing="learned", latent_dim=1, **choices), batch_size=3)


@pytest.mark.slow
def test_evaluations_of_many_codes_are_compiled(tiny_model, monkeypatch):
    model, seen = tiny_model(2), []

    def recorded(model, x, num_draws, seed, chunk, block, *, fused, progress):
        seen.append((len(x), fused))
        return likelihood_bounds.Bounds(*([x[:, 0]] * 4), *([x[:, :2]] * 2))

    tf.config.run_functions_eagerly(True)
    try:
        monkeypatch.setattr(likelihood_bounds, "bounds_of_batch", recorded)
        monkeypatch.setattr(chunking, "LEAST_TO_COMPILE", 3 * 18 * 5)  # observations, samples, pixels
        log_likelihood(model, PATTERNS, **OPTIONS, batch_size=2)
        assert seen == [(2, True), (1, False)]  # one observation is another size, and too few codes
        seen.clear()
        dataset = tf.data.Dataset.from_tensor_slices(PATTERNS).batch(2)
        log_likelihood(model, dataset, **OPTIONS, batch_size=2)
        log_likelihood(model, dataset.filter(lambda x: True), **OPTIONS, batch_size=2)  # of unknown size
        assert seen == [(2, True), (1, False), (2, False), (1, False)]
    finally:
        tf.config.run_functions_eagerly(False)


def test_they_are_compiled_where_it_was_measured_to_pay(tiny_model, monkeypatch):
    class Other(likelihoods.Bernoulli):
        def log_prob(self, params, x):
            return 2.0 * super().log_prob(params, x)

    many = chunking.LEAST_TO_COMPILE // 5
    model, other = tiny_model(1), tiny_model(1, likelihood=Other((5,)))
    assert [chunking.pays_to_compile(model, count) for count in (many - 1, many)] == [False, True]
    assert not chunking.pays_to_compile(other, many)  # its operations may not compile
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: ["a GPU"])
    assert not chunking.pays_to_compile(model, many)
