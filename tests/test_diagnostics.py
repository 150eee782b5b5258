"""Diagnostics against numbers worked out by hand."""

import math

import numpy as np
import pytest

from rme_tf.diagnostics import active_units, component_information, mixing_entropy


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
