"""Every likelihood is one: it sums, or integrates, to one on random params; densities and levels agree in bits."""

import itertools
import math

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from rme_tf.evaluation.units import bits_per_dimension
from rme_tf.likelihoods import LIKELIHOODS, CategoricalPixels, ContinuousBernoulli, DiscretizedLogisticMixture, Normal
from rme_tf.likelihoods.location_scale import SCALES

LEVELS = (np.arange(256) / 255).astype("float32")
NODES, WEIGHTS = (np.polynomial.legendre.leggauss(64) + np.array([[1.0], [0.0]])) / 2  # of [0, 1]
TOLERANCE = 1e-5

every_seed = pytest.mark.parametrize("seed", range(4))


def random_params(likelihood, seed, scale=1.5):
    return tf.random.stateless_normal(likelihood.params_shape, seed=(3, seed)) * scale


def total(likelihood, params, x, weights=1.0) -> float:
    """The sum of p(x) over points [N, *event_shape], in 64 bits but for log p(x)."""
    return float(np.sum(np.exp(np.asarray(likelihood.distribution(params).log_prob(x), float)) * weights))


def all_of(values, size):
    """Every tuple of so many values. Shape [N, size]."""
    return np.array(list(itertools.product(values, repeat=size)))


def of_bits(seed):
    likelihood = LIKELIHOODS["bernoulli"]((3,))
    return total(likelihood, random_params(likelihood, seed), all_of([0.0, 1.0], 3).astype("float32"))


def of_levels(name):
    def total_of(seed):
        likelihood = LIKELIHOODS[name]((1,))
        return total(likelihood, random_params(likelihood, seed), LEVELS[:, None])

    return total_of


def of_counts(name):
    """Over counts as far as there is mass."""

    def total_of(seed):
        likelihood = LIKELIHOODS[name]((1,))
        for weight in likelihood.weights:
            weight.assign_add(tf.random.stateless_normal(weight.shape, seed=(4, seed)))
        return total(likelihood, random_params(likelihood, seed), np.arange(5_000.0, dtype="float32")[:, None])

    return total_of


def of_tokens(seed):
    likelihood = LIKELIHOODS["categorical_sequence"]((3,), vocabulary_size=5, features=4)
    likelihood.bias.assign(tf.random.stateless_normal([5], seed=(4, seed)))
    return total(likelihood, random_params(likelihood, seed), all_of(range(5), 3).astype("int32"))


def of_unit_square(seed):
    likelihood = ContinuousBernoulli((2,))
    x, weights = all_of(NODES, 2).astype("float32"), all_of(WEIGHTS, 2).prod(axis=-1)
    return total(likelihood, random_params(likelihood, seed, scale=5.0), x, weights)


def of_plane(seed, scale="shared"):
    """On the points of two lines, each as wide as eight standard deviations on both sides."""
    likelihood = Normal((2,), scale=scale)
    for weight in likelihood.weights:
        weight.assign(tf.random.stateless_normal(weight.shape, seed=(4, seed)))
    params = random_params(likelihood, seed)
    p = likelihood.distribution(params)
    line, spacing = np.linspace(-8.0, 8.0, 161, retstep=True)  # the trapezoidal rule is exact for what is so smooth
    scales = np.broadcast_to(p.stddev(), 2).astype(float)
    x = np.asarray(p.mean(), float) + scales * all_of(line, 2)
    return total(likelihood, params, x.astype("float32"), spacing**2 * scales.prod())


def of_line(name):
    """On points of a line, as wide as forty standard deviations on both sides, for a density of any smoothness."""

    def total_of(seed):
        likelihood = LIKELIHOODS[name]((1,))
        params = random_params(likelihood, seed)
        p = likelihood.distribution(params)
        line, spacing = np.linspace(-40.0, 40.0, 80_001, retstep=True)
        scale = float(p.stddev()[0])
        x = np.asarray(p.mean(), float) + scale * line[:, np.newaxis]
        return total(likelihood, params, x.astype("float32"), spacing * scale)

    return total_of


def of_columns(seed):
    """The sum over a category and a bit of the integral over a real column."""
    likelihood = LIKELIHOODS["columns"]((5,), kinds=["real", ("category", 3), "binary"])
    params = random_params(likelihood, seed)
    line, spacing = np.linspace(-12.0, 12.0, 241, retstep=True)
    levels = [[*row, bit] for row in np.eye(3) for bit in (0.0, 1.0)]
    x = np.array([[value, *level] for value in line for level in levels], "float32")
    return total(likelihood, params, x, spacing)


# One that is not here is integrated over a line if it is a density, else summed over 256 levels.
TOTALS = {
    "bernoulli": of_bits,
    "categorical_pixels": of_levels("categorical_pixels"),
    "categorical_sequence": of_tokens,
    "columns": of_columns,
    "continuous_bernoulli": of_unit_square,
    "discretized_logistic": of_levels("discretized_logistic"),
    "discretized_logistic_mixture": of_levels("discretized_logistic_mixture"),
    "negative_binomial": of_counts("negative_binomial"),
    "normal": of_plane,
    "poisson": of_counts("poisson"),
}


@every_seed
@pytest.mark.parametrize("name", sorted(LIKELIHOODS))
def test_a_likelihood_sums_to_one(name, seed):
    default = of_line if LIKELIHOODS[name].bits_offset else of_levels
    assert TOTALS.get(name, default(name))(seed) == pytest.approx(1.0, abs=TOLERANCE)


@every_seed
def test_the_integral_over_a_line_is_that_over_a_plane(seed):
    assert of_line("normal")(seed) == pytest.approx(of_plane(seed), abs=TOLERANCE)


@every_seed
@pytest.mark.parametrize("scale", SCALES)
def test_a_normal_integrates_to_one_wherever_its_scale_comes_from(scale, seed):
    assert of_plane(seed, scale) == pytest.approx(1.0, abs=TOLERANCE)


@pytest.mark.parametrize("logit", [-100.0, -30.0, -3.0, -5e-3, -1e-3, 0.0, 1e-3, 0.02, 3.0, 17.0, 30.0, 100.0])
def test_a_continuous_bernoulli_integrates_to_one_near_its_singularity_and_far_from_it(logit):
    """0 / 0 where the logit is zero; the 64 nodes of Gauss and Legendre do for exp(100 x)."""
    x = NODES[:, None].astype("float32")
    assert total(ContinuousBernoulli((1,)), tf.constant([logit]), x, WEIGHTS) == pytest.approx(1.0, abs=TOLERANCE)


@pytest.mark.slow
def test_three_channels_sum_to_one_given_each_other():
    """Over every colour there is, a plane of green and blue at a time."""
    likelihood = DiscretizedLogisticMixture((1, 1, 3), num_mixtures=2)
    params = random_params(likelihood, 0, scale=0.7)
    green, blue = (axis.ravel() for axis in np.meshgrid(LEVELS, LEVELS, indexing="ij"))

    @tf.function
    def plane(x):
        """The sum over [N, 3]."""
        log_prob = likelihood.distribution(params).log_prob(x[:, tf.newaxis, tf.newaxis])
        return tf.reduce_sum(tf.exp(tf.cast(log_prob, tf.float64)))

    planes = [plane(np.stack([np.full_like(green, red), green, blue], axis=-1)) for red in LEVELS]
    assert float(np.sum(planes)) == pytest.approx(1.0, abs=TOLERANCE)


# Bits per dimension.


def continuous_bernoulli_masses(logit):
    """The mass of each level's bin [k / 256, (k + 1) / 256], by the distribution function."""
    return np.diff(np.expm1(logit * np.arange(257) / 256) / np.expm1(logit))


def normal_masses(mean, scale):
    return np.diff(stats.norm.cdf(np.arange(257) / 256, mean, scale))


SMOOTH = {
    "continuous_bernoulli": (ContinuousBernoulli((1,)), [2.0], continuous_bernoulli_masses(2.0)),
    "normal": (Normal((1,), initial_scale=0.3), [0.4], normal_masses(0.4, 0.3)),
}


@pytest.mark.parametrize("name", sorted(SMOOTH))
@pytest.mark.parametrize("level", [0, 1, 100, 254, 255])
def test_a_density_on_dequantised_pixels_has_the_bits_of_its_levels(name, level):
    """A categorical with the mass of each bin, beside the density's mean over the noise in that bin."""
    density, params, masses = SMOOTH[name]
    discrete = CategoricalPixels((1,))
    of_level = discrete.log_prob(tf.constant(np.log(masses), tf.float32), LEVELS[[level]]) + math.log(masses.sum())
    pixels = ((level + NODES[:, None]) / 256).astype("float32")
    of_density = np.sum(np.asarray(density.log_prob(tf.constant(params), pixels), float) * WEIGHTS)
    # The density is curved within a bin: 1e-4 nats at most, where it has a scale of some 60 levels.
    expected = bits_per_dimension(float(of_level), discrete)
    assert bits_per_dimension(of_density, density) == pytest.approx(expected, abs=2e-4)
