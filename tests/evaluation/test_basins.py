"""Modes and basins of densities on a grid, against mixtures whose modes are known."""

import numpy as np
import pytest

from rme_tf.evaluation.modes.basins import OUTSIDE, basins_of, merged_modes

LINE = np.linspace(-6.0, 6.0, 121)
X, Y = np.meshgrid(LINE, LINE)


def gaussians(*parts):
    """Log-density [Y, X] of a mixture of round Gaussians, (weight, x, y, scale) each."""
    densities = [w * np.exp(-0.5 * ((X - x) ** 2 + (Y - y) ** 2) / s**2) / s**2 for w, x, y, s in parts]
    return np.log(np.sum(densities, axis=0) + 1e-300)


def masses(log_density, basins):
    inside = basins.labels != OUTSIDE
    mass = np.bincount(basins.labels[inside], np.exp(log_density[inside]))
    return mass / np.exp(log_density).sum()


def test_separate_gaussians_are_modes_with_their_weights():
    log_density = gaussians((0.6, -3.0, 0.0, 0.5), (0.3, 3.0, 2.0, 0.5), (0.1, 2.0, -3.0, 0.5))
    basins = basins_of(log_density, least_depth=0.1, drop=20.0)
    np.testing.assert_array_equal(LINE[basins.peaks], [[0.0, -3.0], [2.0, 3.0], [-3.0, 2.0]])  # rows are of y
    np.testing.assert_allclose(masses(log_density, basins), [0.6, 0.3, 0.1], atol=1e-5)


def test_a_basin_ends_halfway_between_equal_modes():
    basins = basins_of(gaussians((0.5, -2.0, 0.0, 1.0), (0.5, 2.0, 0.0, 1.0)), least_depth=0.1, drop=15.0)
    assert len(basins.peaks) == 2
    row = basins.labels[60]
    assert len({*row[35:60]}) == len({*row[61:85]}) == 1
    assert row[59] != row[61]


@pytest.mark.parametrize(("apart", "modes"), [(1.9, 1), (2.4, 2)])
def test_two_gaussians_are_one_mode_up_to_two_standard_deviations(apart, modes):
    log_density = gaussians((0.5, -apart / 2, 0.0, 1.0), (0.5, apart / 2, 0.0, 1.0))
    assert len(basins_of(log_density, least_depth=1e-9, drop=15.0).peaks) == modes


def test_a_shallow_pass_joins_modes():
    """Modes 2.4 standard deviations apart: the density at 0 is 0.0507 nats below the modes."""
    log_density = gaussians((0.5, -1.2, 0.0, 1.0), (0.5, 1.2, 0.0, 1.0))
    depth = log_density.max() - log_density[60, 60]
    for least_depth, modes in ((depth - 1e-6, 2), (depth + 1e-6, 1)):
        basins = basins_of(log_density, least_depth=least_depth, drop=15.0)
        assert len(basins.peaks) == modes
        np.testing.assert_allclose(masses(log_density, basins).sum(), 1.0, atol=1e-4)


@pytest.mark.parametrize("height", [np.nan, -np.inf])
def test_a_mode_without_a_finite_height_joins_no_other(height):
    heights, passes = np.array([0.0, -1.0, height]), np.full([3, 3], -np.inf)
    passes[:2, :2], passes[2, :2], passes[:2, 2] = -1.05, height, np.nan
    np.testing.assert_array_equal(merged_modes(heights, passes, least_depth=0.1), [0, 0, 2])


def test_rounding_on_a_flat_top_and_on_a_ridge_makes_no_modes(rng):
    ridge = -0.5 * (X - Y) ** 2 / 0.05**2 - 0.5 * (X + Y) ** 2 / 4.0
    for log_density in (gaussians((1.0, 0.3, -0.2, 3.0)), ridge):
        noisy = log_density + 1e-3 * rng.normal(size=log_density.shape)
        assert len(basins_of(noisy, least_depth=0.1, drop=15.0).peaks) == 1


def test_three_modes_in_a_row_join_one_after_another():
    """Of modes with the passes 0.3 and 0.6 nats below the lower one, the first join first."""
    line = np.full([3, 9], -50.0)
    line[1] = [-5.0, 0.0, -0.7, -0.4, -2.0, -1.4, -3.0, -4.0, -5.0]
    for least_depth, peaks in ((0.2, [1, 3, 5]), (0.4, [1, 5]), (0.7, [1])):
        basins = basins_of(line, least_depth=least_depth, drop=15.0)
        np.testing.assert_array_equal(basins.peaks[:, 1], peaks)
        assert (basins.labels[[0, 2]] == OUTSIDE).all()


def test_the_steepest_way_respects_the_steps():
    """Up to the right by 1, or down by 1.5: the latter is steeper unless rows are twice as far apart."""
    field = np.array([[0.0, 1.0, 2.0], [1.5, -9.0, -9.0], [2.5, -9.0, -9.0]])
    labels = [basins_of(field, least_depth=0.1, drop=8.0, steps=steps).labels for steps in ((1.0, 1.0), (2.0, 1.0))]
    assert labels[0][0, 0] == labels[0][2, 0] == 0  # the highest mode
    assert labels[1][0, 0] == labels[1][0, 2] == 1


def test_cells_without_density_have_no_basin():
    log_density = np.where(np.abs(X) < 1.0, gaussians((1.0, 0.0, 0.0, 1.0)), -np.inf)
    basins = basins_of(log_density, least_depth=0.1, drop=30.0)
    assert len(basins.peaks) == 1
    assert (basins.labels[np.abs(X) >= 1.0] == OUTSIDE).all()
