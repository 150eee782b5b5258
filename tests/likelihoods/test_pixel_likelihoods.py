"""Likelihoods of grey levels and of colours: they sum to one, hold up at extremes, and agree with densities."""

import itertools
import math

import numpy as np
import pytest
import tensorflow as tf
from scipy.special import expit, log_softmax

from rme_tf.evaluation.units import bits_per_dimension
from rme_tf.likelihoods import (
    CategoricalPixels,
    DiscretizedLogistic,
    DiscretizedLogisticMixture,
    Normal,
)

LEVELS = (np.arange(256) / 255).astype("float32")
DISCRETE = [CategoricalPixels, DiscretizedLogistic, DiscretizedLogisticMixture]
every_discrete = pytest.mark.parametrize("kind", DISCRETE)


def random_params(likelihood, lead=(), scale=1.5, seed=0):
    return tf.random.stateless_normal([*lead, *likelihood.params_shape], seed=(3, seed)) * scale


@pytest.mark.parametrize("mean", [-1.5, -1.0, 0.1, 1.0, 3.0])
@pytest.mark.parametrize("log_scale", [-20.0, -6.0, 0.0, 3.0, 20.0])
@pytest.mark.parametrize("least", [-20.0, -7.0])
def test_a_discretized_logistic_sums_to_one_wherever_it_lies(mean, log_scale, least):
    p = DiscretizedLogistic((1,), min_log_scale=least).distribution(tf.constant([mean, log_scale]))
    total = np.sum(np.exp(np.asarray(p.log_prob(LEVELS[:, None]), float)))
    assert total == pytest.approx(1.0, abs=1e-5)


def test_a_discretized_logistic_is_the_difference_of_its_distribution_function():
    mean, log_scale = 0.15, -1.2
    edges = (np.arange(257) - 0.5) * 2 / 255 - 1
    cdf = expit((edges - mean) / math.exp(log_scale))
    cdf[0], cdf[-1] = 0.0, 1.0  # the outer levels have all that is beyond them
    p = DiscretizedLogistic((1,)).distribution(tf.constant([mean, log_scale]))
    np.testing.assert_allclose(np.exp(p.log_prob(LEVELS[:, None])), np.diff(cdf), rtol=2e-4)
    assert float(p.mean()[0]) == pytest.approx(np.sum(np.diff(cdf) * LEVELS), rel=1e-5)


@pytest.mark.parametrize("kind", [DiscretizedLogistic, DiscretizedLogisticMixture])
@pytest.mark.parametrize("log_scale", [-10.0, -5.0, 20.0])
def test_a_log_scale_has_a_gradient_wherever_it_is_not_below_its_floor(kind, log_scale):
    """Of a level that is not at the mean: the logistic is wanted wider, or narrower."""
    for least in (-20.0, -7.0):
        likelihood = kind((1,), min_log_scale=least, **({} if kind is DiscretizedLogistic else {"num_mixtures": 1}))
        values = np.full(likelihood.params_shape, 0.1, "float32")
        values[..., -1] = log_scale
        params = tf.constant(values)
        with tf.GradientTape() as tape:
            tape.watch(params)
            log_prob = likelihood.distribution(params).log_prob(LEVELS[[200]])
        gradient = tape.gradient(log_prob, params).numpy().ravel()[-1]
        assert (abs(gradient) > 0.01) == (log_scale > least)


def test_the_floor_of_log_scales_is_pixelcnn_s_unless_said():
    for kind in (DiscretizedLogistic, DiscretizedLogisticMixture):
        assert kind((1,)).get_config()["min_log_scale"] == -7.0
        assert kind.from_config(kind((1,), min_log_scale=-9.0).get_config()).min_log_scale == -9.0
        for least in (-21.0, 40.0, math.nan):
            with pytest.raises(ValueError, match="`min_log_scale` must be a number in .-20, 40.. Received"):
                kind((1,), min_log_scale=least)
    narrow = DiscretizedLogistic((1,)).distribution(tf.constant([0.0, -20.0]))
    floor = DiscretizedLogistic((1,), min_log_scale=-20.0).distribution(tf.constant([0.0, -7.0]))
    np.testing.assert_array_equal(narrow.log_prob(LEVELS[:, None]), floor.log_prob(LEVELS[:, None]))


def logistic_bin(x, mean, log_scale):
    """log P of a level [-1, 1], by float64 differences."""
    scale = math.exp(log_scale)
    upper = 1.0 if x > 0.999 else expit((x + 1 / 255 - mean) / scale)
    lower = 0.0 if x < -0.999 else expit((x - 1 / 255 - mean) / scale)
    return math.log(upper - lower)


def test_the_mixture_of_logistics_is_that_of_the_paper():
    likelihood = DiscretizedLogisticMixture((1, 2, 3), num_mixtures=2)
    params = random_params(likelihood, scale=0.5)
    x = LEVELS[np.array([[[[3, 200, 90], [255, 0, 17]]]])][0]  # [1, 2, 3]
    result = likelihood.distribution(params).log_prob(x[None])[0]
    expected = 0.0
    for pixel, row in zip(x[0], np.asarray(params, float)[0], strict=True):
        logits, means, log_scales, coefficients = row[:2], *row[2:].reshape(3, 3, 2)
        coefficients = np.tanh(coefficients)
        r, g, b = 2 * pixel.astype(float) - 1
        terms = []
        for k in range(2):
            moved = [
                means[0, k],
                means[1, k] + coefficients[0, k] * r,
                means[2, k] + coefficients[1, k] * r + coefficients[2, k] * g,
            ]
            bins = [logistic_bin(v, m, log_scales[c, k]) for c, (v, m) in enumerate(zip((r, g, b), moved, strict=True))]
            terms.append(log_softmax(logits)[k] + sum(bins))
        expected += np.logaddexp.reduce(terms)
    assert float(result) == pytest.approx(expected, rel=1e-4)


@every_discrete
@pytest.mark.parametrize("value", [-1e3, -20.0, 20.0, 1e3])
def test_gradients_are_finite_at_extreme_params(kind, value):
    likelihood = kind((2, 2, 1))
    params = tf.concat([tf.fill([3, *likelihood.params_shape], value), random_params(likelihood, (1,))], axis=0)
    x = np.resize(LEVELS[[0, 1, 128, 255]], (4, 2, 2, 1))
    with tf.GradientTape() as tape:
        tape.watch(params)
        log_prob = likelihood.distribution(params).log_prob(x)
    assert np.isfinite(log_prob).all()
    assert np.isfinite(tape.gradient(log_prob, params)).all()


def test_a_categorical_pixel_is_one_of_its_levels():
    """Against a log-softmax in 64 bits, with axes that broadcast, and the gradient of it."""
    likelihood = CategoricalPixels((2, 1, 3))
    params = random_params(likelihood, (2, 1, 4))  # [S, 1, M]
    levels = np.random.default_rng(0).integers(0, 256, size=(5, 1, 2, 1, 3))  # [B, 1, ...]
    with tf.GradientTape() as tape:
        tape.watch(params)
        log_prob = likelihood.log_prob(params, LEVELS[levels])
    logits = np.asarray(params, float).reshape(2, 1, 4, 2, 1, 3, 256)
    rows = np.broadcast_to(log_softmax(logits, axis=-1), (2, 5, 4, 2, 1, 3, 256))
    picked = np.take_along_axis(rows, np.broadcast_to(levels, (2, 5, 4, 2, 1, 3))[..., None], axis=-1)[..., 0]
    np.testing.assert_allclose(log_prob, picked.sum(axis=(-3, -2, -1)), rtol=1e-5)
    one_hot = np.eye(256)[np.broadcast_to(levels, (2, 5, 4, 2, 1, 3))]
    expected = (one_hot - np.exp(rows)).sum(axis=1, keepdims=True).reshape(params.shape)
    np.testing.assert_allclose(tape.gradient(log_prob, params), expected, atol=1e-4)


@every_discrete
def test_draws_are_levels_with_the_frequencies_of_their_probabilities(kind):
    likelihood = kind((1,))
    params = random_params(likelihood, scale=1.0)
    p = likelihood.distribution(params)
    draws = np.asarray(p.sample(40_000, seed=(1, 2)))[:, 0]
    assert likelihood.in_support(draws[:, None]).numpy().all()
    probability = np.exp(np.asarray(p.log_prob(LEVELS[:, None]), float))
    counts = np.bincount(np.rint(draws * 255).astype(int), minlength=256)
    blocks = slice(None, None, 32)
    expected = np.add.reduceat(probability, np.arange(256)[blocks]) * len(draws)
    observed = np.add.reduceat(counts, np.arange(256)[blocks])
    assert (np.abs(observed - expected) < 5 * np.sqrt(expected + 1)).all()  # five standard deviations
    assert float(p.mean()[0]) == pytest.approx(draws.mean(), abs=0.01)


def test_draws_of_colours_depend_on_the_channels_before():
    likelihood = DiscretizedLogisticMixture((1, 1, 3), num_mixtures=1)
    means, log_scales, coefficients = [0.0, 0.0, 0.0], [-1.0, -4.0, -4.0], [2.0, 0.0, -2.0]
    params = tf.constant([0.0, *means, *log_scales, *coefficients])[None, None]
    draws = 2 * np.asarray(likelihood.distribution(params).sample(2000, seed=(1, 2)))[:, 0, 0] - 1
    red, green, blue = draws[np.abs(draws).max(axis=-1) < 0.99].T
    slope = math.tanh(2.0)
    assert np.abs(green - slope * red).max() < 0.3
    assert np.abs(blue + slope * green).max() < 0.3
    assert np.std(red) > 0.2


def test_bits_of_a_density_and_of_levels_agree_where_it_is_smooth():
    """A broad logistic: its level's probability is its density on dequantised pixels times the width of a level."""
    mean, scale = 0.1, 0.6  # of pixels in [-1, 1]
    rng = np.random.default_rng(0)
    levels = rng.integers(60, 200, size=4000)
    discrete = DiscretizedLogistic((1,))
    nats = discrete.distribution(tf.constant([mean, math.log(scale)])).log_prob(LEVELS[levels][:, None])
    pixels = 2 * (levels + rng.uniform(size=4000)) / 256 - 1
    standard = (pixels - mean) / scale
    density = -standard - 2 * np.log1p(np.exp(-standard)) - math.log(scale) + math.log(2.0)  # of x in [0, 1]
    bits = bits_per_dimension(float(np.mean(nats)), discrete)
    assert bits == pytest.approx(bits_per_dimension(float(density.mean()), Normal((1,))), abs=0.01)


@pytest.mark.parametrize(
    ("shape", "options"), [((4, 4, 2), {}), ((4, 4, 4), {}), ((4, 4, 3), {"num_mixtures": 0})], ids=str
)
def test_what_the_mixture_of_logistics_cannot_do_is_refused(shape, options):
    with pytest.raises(ValueError, match="1 or 3 channels|at least 1"):
        DiscretizedLogisticMixture(shape, **options)


@pytest.mark.parametrize("kind", [CategoricalPixels, DiscretizedLogistic])
def test_observations_without_axes_are_refused(kind):
    with pytest.raises(ValueError, match=f"{kind.__name__} needs observations with an axis. Received: .*\\(\\)"):
        kind(()).params_shape  # noqa: B018


@every_discrete
def test_pixels_between_levels_are_refused(kind):
    likelihood = kind((2,))
    likelihood.check(LEVELS.reshape(-1, 2))
    with pytest.raises(ValueError, match="256 levels"):
        likelihood.check(np.array([[0.5, 1.0]], "float32"))


@pytest.mark.parametrize(("kind", "shape"), [*itertools.product(DISCRETE, [(4, 4, 1), (4, 4, 3)])])
def test_they_fit_a_convolutional_decoder(kind, shape):
    import rme_tf

    model = rme_tf.VAE.from_names(
        encoder="mlp",
        decoder="conv",
        decoder_options={"filters": (4, 4), "hidden": 8},
        input_shape=shape,
        latent_dim=2,
        likelihood=kind(shape),
    )
    x = LEVELS[np.random.default_rng(0).integers(0, 256, size=(3, *shape))]
    assert np.isfinite(model.log_probs(tf.constant(x), seed=(0, 1)).log_lik).all()
    assert model.reconstruct(x).shape == x.shape
