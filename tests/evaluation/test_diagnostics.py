"""Diagnostics against numbers worked out by hand."""

import math

import numpy as np
import pytest

import reference
from rme_tf.evaluation.diagnostics import (
    active_units,
    aggregate_log_density,
    closest_components,
    component_divergence,
    component_information,
    component_kl,
    component_usage,
    kl_per_dimension,
    mixing_entropy,
    mutual_information,
)


def test_a_unit_is_active_when_the_mixtures_mean_varies_by_more_than_a_hundredth():
    # Variance (n - 1) of +-a, half each, of 4 observations: 4 a^2 / 3.
    above, below = math.sqrt(0.0101 * 3 / 4), math.sqrt(0.0099 * 3 / 4)
    signs = np.array([1.0, -1.0, 1.0, -1.0])
    means = np.stack([above * signs, below * signs, 0 * signs + 7.0], axis=-1)[:, np.newaxis]  # [4, 1, 3]
    assert active_units(np.ones((4, 1)), means) == 1


def test_components_that_cancel_each_other_are_no_active_unit():
    signs = np.array([1.0, -1.0, 1.0, -1.0])
    means = np.stack([signs, -signs], axis=-1)[..., np.newaxis]  # N, M, D
    assert active_units(np.full((4, 2), 0.5), means) == 0
    assert active_units(np.tile([0.9, 0.1], (4, 1)), means) == 1
    assert active_units(np.tile([1.0, 0.0], (4, 1)), means) == 1


@pytest.mark.parametrize("num_components", [1, 2, 5])
def test_uniform_weights_have_the_greatest_entropy(num_components):
    weights = np.full((3, num_components), 1.0 / num_components)
    assert mixing_entropy(weights) == pytest.approx(math.log(num_components), abs=1e-12)  # float64


def test_the_entropy_is_the_mean_over_observations_and_zero_weights_add_nothing():
    weights = np.array([[1.0, 0.0], [0.25, 0.75]], np.float32)
    expected = (0.0 - 0.25 * math.log(0.25) - 0.75 * math.log(0.75)) / 2
    assert mixing_entropy(weights) == pytest.approx(expected, rel=1e-12)  # float64, and the weights exact


def test_component_information_is_what_the_mixture_gains():
    elbo, component_elbo = np.array([-1.0, -2.0]), np.array([[-1.5, -2.5], [-3.0, -2.0]])
    weights = np.array([[0.5, 0.5], [0.25, 0.75]])
    # -1 - (-2) = 1 and -2 - (-2.25) = 0.25
    assert component_information(elbo, component_elbo, weights) == pytest.approx(0.625)


def test_identical_components_gain_nothing_and_distinct_ones_their_entropy(tiny_model, binary_data):
    """The identity ELBO(Q) - sum_m alpha_m ELBO(q_m) = I(m; z|x) on a model whose answer is known."""
    from rme_tf import bounds

    model, x = tiny_model(2), binary_data(4)
    for means, expected in (((0.0, 0.0), 0.0), ((-3.0, 3.0), math.log(2.0))):
        for encoder, mean in zip(model.encoders, means, strict=True):
            encoder.layers[-1].kernel.assign(np.zeros((8, 4)))
            encoder.layers[-1].bias.assign([mean, mean, -2.0, -2.0])
        values = bounds(model, x, num_samples=200, progress=False)
        result = component_information(values.elbo, values.component_elbo, values.alpha)
        # Components 8 and more scales apart do not overlap; float32 differences of numbers of order 10.
        assert result == pytest.approx(expected, abs=1e-3)


# Mutual information of codes and observations.


def normal_log_prob(z, mean, scale):
    return -0.5 * ((z - mean) / scale) ** 2 - np.log(scale) - 0.5 * np.log(2 * np.pi)


@pytest.mark.parametrize(("slope", "scale"), [(1.0, 1.0), (3.0, 0.5)])
def test_mutual_information_of_a_linear_gaussian_is_the_closed_form(rng, slope, scale):
    """x ~ N(0, 1), z | x ~ N(a x, s^2): q(z) = N(0, a^2 + s^2), I(x; z) = log(1 + a^2 / s^2) / 2."""
    x = rng.normal(size=(20_000, 1))
    z = slope * x + scale * rng.normal(size=(20_000, 4))  # N, S
    own, aggregate = normal_log_prob(z, slope * x, scale), normal_log_prob(z, 0.0, np.hypot(slope, scale))
    expected = 0.5 * math.log(1.0 + (slope / scale) ** 2)
    # Each term has a standard deviation of at most 1, and there are 20,000 independent rows: 4 of 0.007.
    assert mutual_information(own, aggregate) == pytest.approx(expected, abs=0.03)


def test_the_aggregate_posterior_of_many_observations_is_the_marginal(rng):
    """By quantiles of x in the place of draws, so that the sum over N is a quadrature."""
    points, weight = reference.grid_1d(limit=6.0, size=400)
    x = np.repeat(points[:, 0], np.round(np.exp(normal_log_prob(points[:, 0], 0.0, 1.0)) * weight * 20_000).astype(int))
    z = np.array([-2.0, 0.0, 0.7, 1.5])
    table = normal_log_prob(z, 0.8 * x[:, np.newaxis], 0.6)  # N, C
    # Rounding each point's share of 20,000 costs some 1e-4 of it where it counts.
    np.testing.assert_allclose(aggregate_log_density(table), normal_log_prob(z, 0.0, 1.0), atol=2e-3)


def table_and_own(means, scale, z):
    """log Q(z_n|x_j) [N, C] of one code for each observation, and log Q(z_n|x_n) [N]."""
    table = normal_log_prob(z, np.asarray(means)[:, np.newaxis], scale)
    return table, np.diagonal(table)


def information_of(means, scale, z):
    table, own = table_and_own(means, scale, z)
    return mutual_information(own[:, np.newaxis], aggregate_log_density(table)[:, np.newaxis])


def test_posteriors_that_do_not_look_at_x_have_no_information(rng):
    assert information_of(np.full(50, 0.3), 2.0, rng.normal(size=50)) == pytest.approx(0.0, abs=1e-12)  # float64


def test_posteriors_far_apart_name_their_observation(rng):
    means = 100.0 * np.arange(50)
    assert information_of(means, 1.0, means + rng.normal(size=50)) == pytest.approx(math.log(50), abs=1e-12)


@pytest.mark.parametrize("spread", [0.1, 1.0, 10.0, 1e4])
def test_information_is_never_above_log_n(rng, spread):
    means = spread * rng.normal(size=40)
    assert information_of(means, 1.0, means + rng.normal(size=40)) <= math.log(40) + 1e-12


def test_information_and_aggregate_agree_with_plain_loops(rng):
    means, z = rng.normal(size=7), rng.normal(size=7)
    total = 0.0
    for n in range(7):
        densities = [reference.diag_normal_log_prob([z[n]], [mean], [0.5]) for mean in means]
        total += (densities[n] - reference.log_sum_exp(densities) + math.log(7)) / 7
    assert information_of(means, 0.5, z) == pytest.approx(total, rel=1e-12)


def test_samples_may_be_weighted():
    own, aggregate = np.array([[1.0, 2.0], [3.0, 5.0]]), np.zeros((2, 2))
    assert mutual_information(own, aggregate) == pytest.approx((1.5 + 4.0) / 2)
    weights = np.array([[1.0, 0.0], [0.25, 0.75]])
    assert mutual_information(own, aggregate, weights) == pytest.approx((1.0 + 4.5) / 2)


# The components.


def test_kl_of_each_dimension_is_that_of_quadrature():
    means, scales = np.array([[[0.0, 1.5]], [[-0.5, 0.2]]]), np.array([[[1.0, 0.4]], [[0.7, 1.6]]])  # N, M, D
    points, weight = reference.grid_1d(limit=15.0)
    log_p = [reference.standard_normal_log_prob(point) for point in points]
    expected = np.zeros((1, 2))
    for n in range(2):
        for d in range(2):
            log_q = [reference.diag_normal_log_prob(point, [means[n, 0, d]], [scales[n, 0, d]]) for point in points]
            expected[0, d] += reference.kl_by_quadrature(log_q, log_p, weight) / 2
    np.testing.assert_allclose(kl_per_dimension(means, scales), expected, rtol=1e-9)  # of the quadrature
    assert kl_per_dimension(means[:1], scales[:1])[0, 0] == 0.0


def test_usage_is_the_mean_weight_and_the_share_of_wins():
    usage = component_usage(np.array([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7], [0.6, 0.4, 0.0], [0.4, 0.4, 0.2]]))
    np.testing.assert_allclose(usage.mean, [0.4, 0.325, 0.275])
    np.testing.assert_allclose(usage.largest, [0.625, 0.125, 0.25])  # a tie counts for both


def test_weights_that_only_rounding_tells_apart_are_a_tie():
    third = np.float32(1 / 3)
    weights = np.array([[third, np.nextafter(third, np.float32(1)), third]] * 3)
    np.testing.assert_allclose(component_usage(weights).largest, [1 / 3] * 3)


@pytest.mark.parametrize("num_components", [1, 2, 5])
def test_the_shares_of_the_largest_weight_sum_to_one(rng, num_components):
    weights = rng.dirichlet(np.ones(num_components), size=20)
    weights[:5] = 1.0 / num_components
    assert component_usage(weights).largest.sum() == pytest.approx(1.0)
    np.testing.assert_allclose(component_usage(weights[:5]).largest, np.ones(num_components) / num_components)


def densities_at_samples(rng, means, scales, num_samples):
    """log q_j(z_m) [S, 1, M, M] of one-dimensional components."""
    z = np.asarray(means) + np.asarray(scales) * rng.normal(size=(num_samples, len(means)))
    return normal_log_prob(z[..., np.newaxis], np.asarray(means), np.asarray(scales))[:, np.newaxis]


def test_kl_of_the_components_is_the_closed_form(rng):
    means, scales = np.array([0.0, 1.0, -2.0]), np.array([1.0, 0.5, 1.5])
    result = component_kl(densities_at_samples(rng, means, scales, 200_000))
    m, s = means[:, np.newaxis], scales[:, np.newaxis]
    expected = np.log(scales / s) + (s**2 + (m - means) ** 2) / (2 * scales**2) - 0.5
    assert (np.diagonal(result) == 0.0).all()
    # log q_m - log q_j is a quadratic of z whose standard deviation is below 30 here: 4 of 30 / sqrt(200,000).
    np.testing.assert_allclose(result, expected, atol=0.25)
    np.testing.assert_allclose(result[:2, :2], expected[:2, :2], atol=0.05)


def test_the_average_is_over_samples_and_observations(rng):
    log_q_all = rng.normal(size=(2, 3, 2, 2))
    expected = np.mean([log_q_all[s, n, 0, 0] - log_q_all[s, n, 0, 1] for s in range(2) for n in range(3)])
    assert component_kl(log_q_all)[0, 1] == pytest.approx(expected)


@pytest.mark.parametrize("alpha", [(0.5, 0.5), (0.9, 0.1), (0.2, 0.5, 0.3)])
def test_the_divergence_of_the_components_is_that_of_quadrature(rng, alpha):
    means, scales = np.array([0.0, 1.0, -2.0])[: len(alpha)], np.array([1.0, 0.5, 1.5])[: len(alpha)]
    points, weight = reference.grid_1d()
    expected = reference.mutual_information(alpha, normal_log_prob(points, means, scales), weight)
    log_q_all = densities_at_samples(rng, means, scales, 100_000)
    # Terms of standard deviation below 1.
    assert component_divergence(log_q_all, np.array([alpha])) == pytest.approx(expected, abs=0.015)


def test_components_far_apart_have_a_divergence_of_log_m_and_equal_ones_of_zero(rng):
    uniform = np.full((1, 2), 0.5)
    assert component_divergence(densities_at_samples(rng, [-50.0, 50.0], [1.0, 1.0], 10), uniform) == pytest.approx(
        math.log(2), abs=1e-12
    )
    assert component_divergence(densities_at_samples(rng, [1.0, 1.0], [2.0, 2.0], 10), uniform) == pytest.approx(
        0.0, abs=1e-12
    )
    one = np.array([[1.0, 0.0]])
    assert component_divergence(densities_at_samples(rng, [-50.0, 50.0], [1.0, 1.0], 10), one) == pytest.approx(0.0)


def test_the_closest_components_are_found():
    divergences = np.array([[0.0, 4.0, 9.0], [2.0, 0.0, 1.0], [0.5, 0.2, 0.0]])
    assert closest_components(divergences) == (1, 2, pytest.approx(0.6))
