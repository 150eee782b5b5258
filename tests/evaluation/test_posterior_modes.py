"""Modes of true posteriors, on models whose posterior is known."""

import math

import keras
import numpy as np
import pytest
import scipy.stats

import rme_tf
from rme_tf.evaluation import PosteriorShape, posterior_shape
from rme_tf.likelihoods import Normal
from test_oracles import (
    GENERAL,
    dense,
    encoder_of,
    exact_log_likelihood,
    exact_posterior,
    linear_model,
    observations,
    raw_scale,
)

SIGMA = 0.2
X = np.array([[1.0, 0.5], [1.4, -0.3]], "float32")


def folded_model(centers):
    """x = (|z_1|, z_2) and noise; for each sign of z_1 a component, exact on its half but for the edge."""
    decoder = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(4, "relu"), keras.layers.Dense(2)])
    hidden = np.array([[1, -1, 0, 0], [0, 0, 1, -1]], "float32")
    output = np.array([[1, 0], [1, 0], [0, 1], [0, -1]], "float32")
    decoder.set_weights([hidden, np.zeros(4), output, np.zeros(2)])
    shrink, scale = 1.0 / (1.0 + SIGMA**2), raw_scale(SIGMA / math.sqrt(1.0 + SIGMA**2))
    kernel = np.zeros([2, 4])
    kernel[1, 1] = shrink
    encoders = []
    for sign in centers:
        kernel[0, 0] = sign * shrink
        encoders.append(dense(kernel, [0.0, 0.0, scale, scale]))
    likelihood = Normal((2,), initial_scale=SIGMA, interval=None)
    return rme_tf.VAE(encoders, decoder, posterior="diag_normal", likelihood=likelihood)


def folded_log_likelihood(x):
    """log p(x) of the folded model: N(x_1; |z|, s^2) N(z; 0, 1) is twice a Gaussian on the half line."""
    total = math.sqrt(1.0 + SIGMA**2)
    density = scipy.stats.norm(scale=total)
    inside = scipy.stats.norm.logcdf(x[:, 0] / (SIGMA * total))
    return math.log(2.0) + density.logpdf(x[:, 0]) + inside + density.logpdf(x[:, 1])


@pytest.mark.parametrize(("centers", "covered"), [([1.0], [1, 0]), ([1.0, -1.0], [1, 1])], ids=["one", "two"])
def test_a_folded_code_has_two_modes_and_a_gaussian_covers_one(centers, covered):
    model = folded_model(centers)
    shape = posterior_shape(model, X, progress=False)
    np.testing.assert_array_equal(shape.num_modes, 2)
    np.testing.assert_allclose(shape.mass, 0.5, atol=1e-3)
    np.testing.assert_allclose(shape.log_evidence, folded_log_likelihood(X.astype(float)), atol=1e-3)
    for modes, q_mass, covers, x in zip(shape.modes, shape.q_mass, shape.covered, X, strict=True):
        order = np.argsort(-modes[:, 0])
        expected = np.array([[1, 1], [-1, 1]]) * x / (1.0 + SIGMA**2)
        np.testing.assert_allclose(modes[order], expected, atol=0.03)  # the step of the grid
        np.testing.assert_allclose(q_mass[order], np.array(covered) / sum(covered), atol=1e-3)
        np.testing.assert_array_equal(covers[order], np.array(covered, bool))
    assert (shape.largest_cell < 0.1).all()


def test_an_encoding_takes_the_place_of_the_models_own():
    """Of two components the first alone covers one mode, though the model has both."""
    model = folded_model([1.0, -1.0])
    first = model.amortized(X, num_components=1)
    shape, expected = posterior_shape(model, X, encoding=first, progress=False), posterior_shape(model, X)
    np.testing.assert_array_equal(shape.covered.sum(axis=1), 1)
    np.testing.assert_array_equal(expected.covered.sum(axis=1), 2)
    of_one = posterior_shape(folded_model([1.0]), X, progress=False)
    np.testing.assert_allclose(shape.q_mass, of_one.q_mass, atol=1e-5)
    with pytest.raises(ValueError, match=r"`encoding` must have shapes \(1, 1, 4\) and \(1, 1\)"):
        posterior_shape(model, X[:1], encoding=first)


def test_a_linear_model_has_one_mode_at_its_mean():
    covariance, gain, offset = exact_posterior(GENERAL)
    model = linear_model("full_normal", GENERAL, [encoder_of("full_normal", covariance, gain, offset)])
    x = observations(GENERAL)
    shape = posterior_shape(model, x, num=101, progress=False)
    np.testing.assert_array_equal(shape.num_modes, 1)
    np.testing.assert_allclose(shape.modes[:, 0], x @ gain + offset, atol=0.03)
    np.testing.assert_allclose(shape.mass, 1.0, atol=1e-5)
    np.testing.assert_allclose(shape.q_mass, 1.0, atol=1e-3)
    np.testing.assert_allclose(shape.log_evidence, exact_log_likelihood(x, GENERAL), atol=1e-4)
    assert shape.covered.all()


def test_a_light_mode_is_left_out_and_needs_less_of_q():
    """Components of weights 1/2 at both modes, and at one mode only for a share above one half of its mass."""
    model = folded_model([1.0, -1.0])
    assert posterior_shape(model, X, least_mass=0.6, progress=False).num_modes.tolist() == [1, 1]
    shape = posterior_shape(model, X, covered_share=1.1, progress=False)
    assert not shape.covered.any()


def test_the_rows_of_fewer_modes_are_filled():
    """At x_1 = 0.05 the two halves meet: the pass at 0 is 0.03 nats deep."""
    x = np.array([[1.0, 0.5], [0.05, 0.5]], "float32")
    shape = posterior_shape(folded_model([1.0]), x, progress=False)
    np.testing.assert_array_equal(shape.num_modes, [2, 1])
    assert np.isnan(shape.modes[1, 1]).all()
    assert shape.mass[1, 1] == shape.q_mass[1, 1] == 0.0
    assert not shape.covered[1, 1]
    np.testing.assert_allclose(shape.mass[1, 0], 1.0, atol=1e-5)


def test_the_summary_counts_modes_and_warns_of_a_coarse_grid():
    shape = PosteriorShape(
        num_modes=np.array([2, 1, 2]),
        modes=np.zeros([3, 2, 2]),
        mass=np.array([[0.7, 0.3], [1.0, 0.0], [0.6, 0.4]]),
        q_mass=np.array([[1.0, 0.0], [1.0, 0.0], [0.5, 0.5]]),
        covered=np.array([[True, False], [True, False], [True, True]]),
        log_evidence=np.zeros(3),
        largest_cell=np.array([0.01, 0.4, 0.02]),
    )
    text = shape.summary()
    assert "2 observations, 67%, have several, at most 2." in text
    assert "Q covers every mode of 1; the modes that it misses have 0.15 ± 0.15 of the mass." in text
    assert "too coarse for 1 observations: one cell has up to 0.40 of the mass" in text


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"num": 9}, "`num` must be an integer of at least 10"),
        ({"least_mass": 1.0}, "`least_mass` must"),
        ({"least_depth": -0.1}, "`least_depth` must"),
        ({"covered_share": 0.0}, "`covered_share` must"),
        ({"batch_size": 0}, "`batch_size` must"),
    ],
)
def test_numbers_outside_of_their_range_are_refused(choices, message):
    with pytest.raises(ValueError, match=message):
        posterior_shape(folded_model([1.0]), X, **choices)


def test_other_numbers_of_latent_dimensions_are_refused(tiny_model):
    with pytest.raises(ValueError, match="`model` must have two latent dimensions, for a grid. Received: D = 3"):
        posterior_shape(tiny_model(1, latent_dim=3), np.ones([1, 5], "float32"))
