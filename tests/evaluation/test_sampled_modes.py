"""Modes of true posteriors by draws of HMC, on models whose posterior is a known mixture."""

import math

import numpy as np
import pytest
from scipy.special import softmax
from scipy.stats import multivariate_normal

import rme_tf
from linear_gaussian import linear_gaussian
from rme_tf.evaluation import SampledModes, sampled_modes
from rme_tf.evaluation.annealing import settings as annealed_settings
from rme_tf.evaluation.modes.mode_masses import masses_of
from rme_tf.likelihoods import Normal
from rme_tf.priors import Mixture
from test_mode_search import SHRINK, four_modes
from test_mode_search import X as FOLDED
from test_oracles import dense, raw_scale

OPTIONS = {"num_chains": 64, "num_temperatures": 60, "steps": 60, "progress": False}
FEW = {"num_chains": 2, "num_temperatures": 1, "steps": 10, "progress": False}


@pytest.fixture(autouse=True)
def _short_chains(monkeypatch):
    monkeypatch.setattr(annealed_settings, "LEAST_PILOT", 15)
    monkeypatch.setattr("rme_tf.evaluation.modes.sampling.LEAPFROG_STEPS", 5)


# A prior of three Gaussians and a linear likelihood: p(z|x) is a mixture of three Gaussians.

D, SIGMA, SPREAD = 4, 0.8, 0.5
WEIGHTS = np.array([0.2, 0.5, 0.3])
CENTERS = np.array([[-3.0, 0.0, 0.0, 0.0], [3.0, 0.3, 0.0, 0.0], [0.0, 0.6, 3.0, 0.0]])
KERNEL = np.zeros([D, 3])  # x does not depend on z_1 and z_3, by which the Gaussians differ most
KERNEL[1] = [1.0, 0.5, 0.0]
KERNEL[3] = [0.0, 1.0, -0.7]
X = np.array([[0.4, 0.1, 0.3], [-0.5, 0.6, 0.0]], "float32")


def exact_posterior():
    """Weights [N, K], means [N, K, D] and covariance [D, D] of the Gaussians of p(z|x), and log p(x) [N]."""
    of_x = SPREAD**2 * KERNEL.T @ KERNEL + SIGMA**2 * np.eye(3)
    log_joint = np.log(WEIGHTS) + np.stack([multivariate_normal(c @ KERNEL, of_x).logpdf(X) for c in CENTERS], axis=-1)
    covariance = np.linalg.inv(np.eye(D) / SPREAD**2 + KERNEL @ KERNEL.T / SIGMA**2)
    means = (CENTERS / SPREAD**2 + (X @ KERNEL.T / SIGMA**2)[:, np.newaxis]) @ covariance
    return softmax(log_joint, axis=-1), means, covariance, np.logaddexp.reduce(log_joint, axis=-1)


def three_modes():
    """The model, with a component at the first mode and one at the second."""
    _, _, covariance, _ = exact_posterior()
    scales = raw_scale(np.sqrt(np.diag(covariance)))
    gain = np.concatenate([KERNEL.T / SIGMA**2 @ covariance, np.zeros([3, D])], axis=1)
    encoders = [dense(gain, [*(center @ covariance / SPREAD**2), *scales]) for center in CENTERS[:2]]
    prior = Mixture(D, num_components=3)
    prior.set_weights([np.log(WEIGHTS), CENTERS, np.full([3, D], np.log(np.expm1(SPREAD - 1e-3)))])
    likelihood = Normal((3,), initial_scale=SIGMA, interval=None)
    return rme_tf.VAE(encoders, dense(KERNEL, np.zeros(3)), posterior="diag_normal", likelihood=likelihood, prior=prior)


def test_a_posterior_of_three_gaussians_has_their_weights_as_masses():
    weights, means, _, log_evidence = exact_posterior()
    result = sampled_modes(three_modes(), X, **OPTIONS)
    np.testing.assert_array_equal(result.num_modes, 3)
    np.testing.assert_allclose(result.log_evidence, log_evidence, atol=0.3)
    for n, expected in enumerate(weights):
        nearest = np.linalg.norm(result.modes[n][:, np.newaxis] - means[n], axis=-1).argmin(axis=-1)
        assert sorted(nearest) == [0, 1, 2]
        np.testing.assert_allclose(result.modes[n], means[n][nearest], atol=0.05)
        assert (result.mass_error[n] < 0.1).all()
        assert (np.abs(result.mass[n] - expected[nearest]) < 4.0 * result.mass_error[n]).all()
        np.testing.assert_allclose(result.component_mass[n], np.eye(3)[:2][:, nearest], atol=1e-9)
        np.testing.assert_allclose(result.q_mass[n], np.array([0.5, 0.5, 0.0])[nearest], atol=1e-6)
        np.testing.assert_array_equal(result.covered[n], nearest < 2)
        missed = result.mass_by_start[n][:, nearest == 2]  # by the chains from the prior, and from Q
        assert missed[0] > 2.0 * missed[1]
    assert ((result.effective_sample_size > 10.0) & (result.effective_sample_size <= 128.0)).all()
    assert "Q covers every mode of 0" in result.summary()


def test_a_linear_model_has_one_mode_at_its_mean():
    known = linear_gaussian(4, 6)
    x = known.draw(2)
    result = sampled_modes(known.model, x, **OPTIONS)
    np.testing.assert_array_equal(result.num_modes, 1)
    np.testing.assert_allclose(result.modes[:, 0], (x - known.shift) @ known.gain, atol=0.02)
    np.testing.assert_array_equal(result.mass, 1.0)
    np.testing.assert_array_equal(result.mass_error, 0.0)
    np.testing.assert_array_equal(result.component_mass, 1.0)
    np.testing.assert_allclose(result.log_evidence, known.log_likelihood(x), atol=0.3)
    assert result.covered.all()
    assert (result.settled == 1.0).all()


@pytest.mark.slow
def test_two_folded_codes_have_four_modes_of_equal_mass():
    """x = (|z_1|, |z_2|, z_3, z_4) and noise; each of the two components covers the mode of its signs."""
    many = {**OPTIONS, "num_chains": 128, "num_temperatures": 150}
    result = sampled_modes(four_modes([(1, 1), (-1, 1)]), FOLDED, **many)
    np.testing.assert_array_equal(result.num_modes, 4)
    binomial = math.sqrt(0.25 * 0.75 / 128)  # of the chains from the prior, which see all modes
    np.testing.assert_allclose(result.mass, 0.25, atol=4.0 * binomial)
    for modes, of_components, x in zip(result.modes, result.component_mass, FOLDED, strict=True):
        np.testing.assert_allclose(np.abs(modes[:, :2]), np.tile(SHRINK * x[:2], [4, 1]), atol=0.02)
        signs = np.sign(modes[:, :2])
        expected = [(signs == pair).all(axis=-1) for pair in [(1, 1), (-1, 1)]]
        np.testing.assert_array_equal(of_components, np.array(expected, float))


# Masses of weighted draws.


def test_a_group_that_misses_a_mode_does_not_count_there():
    log_weights = np.array([[0.0, 0.0, 0.0, 0.0], [math.log(0.5)] * 4]) - 900.0
    found = masses_of(log_weights, np.array([[0, 0, 1, 1], [0, 0, 0, 0]]), 2)
    np.testing.assert_allclose(found.mass, [0.5, 0.5])
    np.testing.assert_allclose(found.starts, [[0.5, 1.0], [0.5, 0.0]])
    assert found.log_evidence == pytest.approx(-900.0)
    # In mode 0 two draws of weight 1 with a share of 2/6, and four of 1/2 with 4/6; in mode 1 two of weight 1.
    used = np.array([1 / 3] * 2 + [1 / 3] * 4 + [1.0] * 2)
    assert found.effective_sample_size == pytest.approx(used.sum() ** 2 / (used**2).sum())


def test_the_error_of_equal_weights_is_the_binomial_one():
    mode_of = np.repeat([0, 1], [30, 70])[np.newaxis]
    found = masses_of(np.full([1, 100], -3.0), mode_of, 2)
    np.testing.assert_allclose(found.mass, [0.3, 0.7])
    np.testing.assert_allclose(found.error, math.sqrt(0.3 * 0.7 / 100), rtol=0.2)  # of 200 replicates: 5%
    assert found.effective_sample_size == pytest.approx(100.0)


def test_draws_without_weight_change_nothing():
    log_weights = np.array([[0.0, 0.0, -5000.0], [-1.0, -1.0, -1.0]])
    found = masses_of(log_weights, np.array([[0, 1, 2], [0, 1, 1]]), 3)
    assert np.isfinite(found.error).all()
    assert found.mass[2] == 0.0
    assert found.mass.sum() == pytest.approx(1.0)


# Files, words and arguments.


@pytest.mark.usefixtures("eagerly")
def test_finished_batches_are_not_computed_again(tiny_model, binary_data, tmp_path, monkeypatch):
    monkeypatch.setattr("rme_tf.evaluation.annealing.chains.NUM_FIRST", 1)
    monkeypatch.setattr("rme_tf.evaluation.modes.sampling.LEAPFROG_STEPS", 1)
    model, x, path = tiny_model(2), binary_data(2), tmp_path / "modes.npz"
    expected = sampled_modes(model, x, batch_size=1, **FEW)
    sampled_modes(model, x[:1], batch_size=1, path=path, **FEW)
    found = sampled_modes(model, x, batch_size=1, path=path, **FEW)
    for one, other in zip(expected, found, strict=True):
        np.testing.assert_array_equal(one, other)
    monkeypatch.setattr("rme_tf.evaluation.modes.sampling._explored", None)
    one_mode = sampled_modes(model, x, batch_size=1, path=path, least_mass=0.99, **FEW)
    np.testing.assert_array_equal(one_mode.num_modes, 1)
    with pytest.raises(ValueError, match=r"`path` must be a new file.* with steps 10 there"):
        sampled_modes(model, x, batch_size=1, path=path, **{**FEW, "steps": 11})


def test_the_summary_warns_of_few_effective_chains():
    result = SampledModes(
        np.array([1, 1]), np.zeros([2, 1, 3]), np.ones([2, 1]), np.ones([2, 1]), np.ones([2, 1], bool),
        np.ones([2, 1, 1]), np.zeros([2, 1]), np.ones([2, 2, 1]), np.array([40.0, 2.5]), np.zeros(2),
        np.full([2, 2], 0.65), np.array([1.0, 0.5]),
    )  # fmt: skip
    text = result.summary()
    assert "In 1 observations it is below 10, at least 2.50, and masses are rough" in text
    assert "not settled" in text
    good = result._replace(effective_sample_size=np.array([40.0, 30.0]), settled=np.ones(2)).summary()
    assert good.endswith("Effective sample size of the chains: 35.0 ± 5.0.")


@pytest.mark.parametrize(
    ("name", "value"),
    [("num_chains", 1), ("num_temperatures", 0), ("steps", 9), ("least_mass", 1.0), ("least_depth", -1.0),
     ("covered_share", 0.0), ("seed", -1), ("batch_size", 0)],
)  # fmt: skip
def test_numbers_outside_of_their_range_are_refused(name, value, tiny_model):
    with pytest.raises(ValueError, match=f"`{name}` must"):
        sampled_modes(tiny_model(1), np.ones([1, 5], "float32"), **{name: value})
