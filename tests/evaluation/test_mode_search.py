"""Modes that ascents find, on models whose posterior is known, and against the grid."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

import rme_tf
from rme_tf.core.compiled import compiled
from rme_tf.evaluation import FoundModes, find_modes, posterior_shape
from rme_tf.evaluation.modes import ascents as mode_ascents
from rme_tf.evaluation.modes import search as mode_search
from rme_tf.likelihoods import Normal
from test_oracles import GENERAL, dense, encoder_of, exact_posterior, linear_model, observations, raw_scale
from test_posterior_modes import X as X_2D
from test_posterior_modes import folded_model

SIGMA, D = 0.2, 4
SHRINK, WIDTH = 1.0 / (1.0 + SIGMA**2), SIGMA / math.sqrt(1.0 + SIGMA**2)
X = np.array([[1.0, 0.8, 0.1, -0.7], [0.9, 1.5, 0.3, 0.4]], "float32")


def four_modes(signs):
    """x = (|z_1|, |z_2|, z_3, z_4) and noise; a component for each pair of signs of the first two codes."""
    pairs = np.repeat(np.eye(D), 2, axis=1) * np.tile([1, -1], D)  # z -> z_1, -z_1, z_2, ...
    back = np.repeat(np.eye(D), 2, axis=0)
    back[[5, 7]] *= -1  # relu(z) - relu(-z) = z
    decoder = keras.Sequential([keras.layers.Input((D,)), keras.layers.Dense(2 * D, "relu"), keras.layers.Dense(D)])
    decoder.set_weights([pairs, np.zeros(2 * D), back, np.zeros(D)])
    encoders = []
    for pair in signs:
        kernel = np.concatenate([SHRINK * np.diag([*pair, 1.0, 1.0]), np.zeros([D, D])], axis=1)
        encoders.append(dense(kernel, [*np.zeros(D), *np.full(D, raw_scale(WIDTH))]))
    likelihood = Normal((D,), initial_scale=SIGMA, interval=None)
    return rme_tf.VAE(encoders, decoder, posterior="diag_normal", likelihood=likelihood)


@pytest.mark.slow
def test_two_folded_codes_have_four_modes_of_which_two_components_cover_two():
    model = four_modes([(1, 1), (-1, 1)])
    found = find_modes(model, X, num_starts=64, steps=150, progress=False)
    np.testing.assert_array_equal(found.num_modes, 4)
    np.testing.assert_allclose(found.mass, 0.25, rtol=1e-3)  # Gaussian on each side: Laplace's approximation is exact
    assert (found.settled == 1.0).all()
    for modes, q_mass, covered, x in zip(found.modes, found.q_mass, found.covered, X, strict=True):
        signs = np.sign(modes[:, :2])
        assert len(np.unique(signs, axis=0)) == 4
        np.testing.assert_allclose(np.abs(modes[:, :2]), np.tile(SHRINK * x[:2], [4, 1]), atol=0.02)
        np.testing.assert_allclose(modes[:, 2:], np.tile(SHRINK * x[2:], [4, 1]), atol=0.02)
        np.testing.assert_array_equal(covered, signs[:, 1] > 0)
        np.testing.assert_allclose(q_mass, np.where(covered, 0.5, 0.0), atol=4 * math.sqrt(0.25 / 32))


@pytest.mark.slow
def test_in_two_dimensions_the_ascents_find_the_modes_of_the_grid():
    model = folded_model([1.0])
    found = find_modes(model, X_2D, num_starts=32, steps=100, progress=False)
    expected = posterior_shape(model, X_2D, num=100, progress=False)
    np.testing.assert_array_equal(found.num_modes, expected.num_modes)
    np.testing.assert_allclose(found.mass, expected.mass, atol=2e-3)
    for one, other, covered, covers in zip(found.modes, expected.modes, found.covered, expected.covered, strict=True):
        first, second = np.argsort(one[:, 0]), np.argsort(other[:, 0])
        np.testing.assert_allclose(one[first], other[second], atol=0.04)  # the step of the grid
        np.testing.assert_array_equal(covered[first], covers[second])


@pytest.mark.slow
def test_a_linear_model_has_one_mode_with_the_curvature_of_its_covariance():
    covariance, gain, offset = exact_posterior(GENERAL)
    model = linear_model("full_normal", GENERAL, [encoder_of("full_normal", covariance, gain, offset)])
    x = observations(GENERAL)
    found = find_modes(model, x, num_starts=8, steps=150, progress=False)
    np.testing.assert_array_equal(found.num_modes, 1)
    np.testing.assert_allclose(found.modes[:, 0], x @ gain + offset, atol=0.01)
    np.testing.assert_array_equal(found.q_mass, 1.0)
    hessian = mode_search._hessians(model, x[:1], found.modes[0].astype("float32"))
    np.testing.assert_allclose(hessian[0], -np.linalg.inv(covariance), rtol=1e-4, atol=1e-4)


PIXELS = {"likelihood": "categorical_pixels", "input_shape": (2, 2, 1)}
PIXELS["decoder_options"] = {"units": (4,), "activation": "tanh"}  # without kinks
TOKENS = {"likelihood": "categorical_sequence", "input_shape": (None,), "encoder": "lstm", "decoder": "lstm"}
TOKENS |= {f"{part}_options": {"units": 3, "embedding_size": 3} for part in ("encoder", "decoder")}
TOKENS["likelihood_options"] = {"vocabulary_size": 6, "features": 3}


@pytest.mark.parametrize(
    ("options", "x"),
    [
        (PIXELS, np.float32([[0.0, 0.2, 0.4, 1.0]]).reshape(1, 2, 2, 1)),
        pytest.param(TOKENS, np.array([[4, 5, 3, 0]]), marks=pytest.mark.slow),
    ],
    ids=["pixels", "tokens"],
)
def test_second_derivatives_are_differences_of_first_ones_for_decoders_of_every_kind(options, x):
    keras.utils.set_random_seed(0)
    model = rme_tf.VAE.from_names(latent_dim=2, **{"encoder": "mlp", "decoder": "mlp"} | options)
    x, at, step = model.likelihood.cast(x), np.float32([[0.3, -0.2]]), 0.02

    def gradient(z):
        with tf.GradientTape() as tape:
            tape.watch(z := tf.constant(z))
            log_joint = mode_ascents.log_joint_at(model, x, z)
        return tape.gradient(log_joint, z)

    moves = np.float32(step * np.eye(2))
    expected = [(gradient(at + move) - gradient(at - move))[0] / (2 * step) for move in moves]
    hessian = compiled(mode_search._hessians, model)(x, tf.constant(at))
    np.testing.assert_allclose(hessian[0], expected, rtol=0.01, atol=2e-3)


@pytest.mark.filterwarnings("ignore:The decoder ends in exp")
def test_starts_at_which_the_decoder_overflows_are_no_modes():
    """A third of the prior's draws has a mean of x beyond float32, where log p(x, z) = -inf."""
    decoder = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(2, "exponential")])
    decoder.set_weights([np.diag([100.0, 100.0]), np.zeros(2)])
    encoder = dense(np.zeros([2, 4]), [-0.5, -0.5, *np.full(2, raw_scale(0.1))])
    likelihood = Normal((2,), initial_scale=0.3, interval=None)
    model = rme_tf.VAE([encoder], decoder, posterior="diag_normal", likelihood=likelihood)
    found = find_modes(model, np.zeros([1, 2], "float32"), num_starts=32, steps=50, progress=False)
    np.testing.assert_array_equal([found.num_modes, found.mass[:, 0], found.q_mass[:, 0]], 1.0)
    assert -0.1 < found.modes[0].max() < 0.0
    assert 0.5 < found.settled[0] < 1.0


def test_ends_of_one_maximum_are_one_and_the_highest_stands_for_them():
    ends = np.array([[0.0, 0.0], [3.0, 0.0], [0.01, 0.0], [3.0, 0.02], [9.0, 9.0]])
    chosen, nearest = mode_ascents._distinct(ends, np.array([-2.0, -1.0, -1.9, -1.1, -5.0]))
    np.testing.assert_array_equal(chosen, [1, 2, 4])
    np.testing.assert_array_equal(nearest, [1, 0, 1, 0, 2])


def test_the_summary_warns_of_ascents_that_have_not_settled():
    found = FoundModes(
        np.array([1, 1]), np.zeros([2, 1, 3]), np.ones([2, 1]), np.ones([2, 1]), np.ones([2, 1], bool),
        np.array([1.0, 0.5]),
    )  # fmt: skip
    assert found.summary().endswith(
        "In 1 observations more than a tenth of the ascents had not settled: more `steps` help."
    )
    assert "settled" not in found._replace(settled=np.ones(2)).summary()


@pytest.mark.parametrize(("name", "value"), [("num_starts", 3), ("steps", 9), ("least_mass", 1.0), ("seed", "a")])
def test_numbers_outside_of_their_range_are_refused(name, value, tiny_model):
    with pytest.raises(ValueError, match=f"`{name}` must"):
        find_modes(tiny_model(1), np.ones([1, 5], "float32"), **{name: value})
