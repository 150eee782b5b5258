"""The bound of every `BoundAlgorithm` as a function of numbers."""

import numpy as np
import pytest
import tensorflow as tf

from rme_tf.algorithms import ALGORITHMS, BoundAlgorithm

S, B, M = 5, 3, 4
BOUNDS = sorted(name for name, kind in ALGORITHMS.items() if issubclass(kind, BoundAlgorithm))
every_bound = pytest.mark.parametrize("name", BOUNDS)


@pytest.fixture
def arguments(rng):
    """log_joint, log_mixture_density [S, B, M] and equal log weights [B, M], in float64."""
    log_alpha = np.full((B, M), -np.log(M))
    return tf.constant(rng.normal(-90.0, 5.0, (S, B, M))), tf.constant(rng.normal(-3.0, 4.0, (S, B, M))), log_alpha


def test_the_table_has_some():
    assert {"elbo", "importance_weighted", "renyi", "subset_elbo"} <= set(BOUNDS)


@every_bound
def test_a_bound_on_log_p_of_x_shifts_with_it(name, arguments):
    log_joint, log_density, log_alpha = arguments
    bound, shift = ALGORITHMS[name]().bound, np.array([0.0, 7.0, -300.0])
    value = np.asarray(bound(log_joint, log_density, log_alpha))
    assert value.shape == (B,)
    np.testing.assert_allclose(bound(log_joint + shift[:, None], log_density, log_alpha), value + shift, rtol=1e-10)


@every_bound
def test_samples_and_equal_components_have_no_order(name, arguments, rng):
    log_joint, log_density, log_alpha = arguments
    bound = ALGORITHMS[name]().bound
    samples, components = rng.permutation(S), rng.permutation(M)
    shuffled = [tf.gather(tf.gather(part, samples), components, axis=2) for part in (log_joint, log_density)]
    np.testing.assert_allclose(bound(*shuffled, log_alpha), bound(log_joint, log_density, log_alpha), rtol=1e-10)


@pytest.mark.parametrize("name", [name for name in BOUNDS if "free_bits" in ALGORITHMS[name].honors])
def test_where_free_bits_are_honored_each_component_has_a_kl_term(name, arguments, rng):
    """Nats that a component is given back are in the bound what `component_mean` adds for them."""
    log_joint, log_density, log_alpha = arguments
    rule, nats = ALGORITHMS[name](), tf.constant(rng.uniform(0.0, 9.0, (B, M)))
    added = rule.bound(log_joint + nats, log_density, log_alpha) - rule.bound(log_joint, log_density, log_alpha)
    np.testing.assert_allclose(added, rule.component_mean(nats, log_alpha), rtol=1e-8)
