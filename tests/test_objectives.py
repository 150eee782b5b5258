import math

import numpy as np
import pytest
import tensorflow as tf
from scipy.special import ndtri

import reference
from rme_tf import objectives
from rme_tf.core.types import LogProbs
from rme_tf.objectives import KL_BOUNDS

S, B, M = 5, 3, 4
# float32 keeps 7 digits of terms of size 10 to 100, and a bound sums a few dozen of them.
FLOAT32 = {"rtol": 1e-5, "atol": 1e-4}


@pytest.fixture
def draw(rng):
    """log_joint and log_q_all as of a real model, far apart enough to tell components apart."""
    log_joint = rng.normal(-90.0, 5.0, size=(S, B, M))
    log_q_all = rng.normal(-3.0, 4.0, size=(S, B, M, M))
    alpha = rng.dirichlet(np.ones(M), size=B)
    return log_joint, log_q_all, alpha


def float32(*arrays):
    tensors = [tf.constant(array, tf.float32) for array in arrays]
    return tensors if len(tensors) > 1 else tensors[0]


def mixture_by_loops(log_q_all, alpha):
    result = np.zeros(log_q_all.shape[:-1])
    for index in np.ndindex(*result.shape):
        weights = alpha[index[1]]
        result[index] = reference.log_sum_exp(
            math.log(weight) + value for weight, value in zip(weights, log_q_all[index], strict=True)
        )
    return result


# Against the oracle.


def test_log_mixture_is_the_log_of_the_weighted_sum(draw):
    _, log_q_all, alpha = draw
    result = objectives.log_mixture(float32(np.log(alpha))[:, None], float32(log_q_all))
    np.testing.assert_allclose(result, mixture_by_loops(log_q_all, alpha), **FLOAT32)


def test_elbo_is_the_mean_difference(draw):
    log_joint, log_q_all, _ = draw
    result = objectives.elbo(*float32(log_joint[..., 0], log_q_all[..., 0, 0]))
    np.testing.assert_allclose(result, reference.elbo(log_joint[..., 0], log_q_all[..., 0, 0]), **FLOAT32)


@pytest.mark.parametrize("name", ["mixture_elbo", "importance_weighted_bound"])
def test_mixture_bounds_match_the_oracle(draw, name):
    log_joint, log_q_all, alpha = draw
    log_density = mixture_by_loops(log_q_all, alpha)
    result = getattr(objectives, name)(*float32(log_joint, log_density, np.log(alpha)))
    expected = getattr(reference, name)(log_joint, log_density, alpha)
    np.testing.assert_allclose(result, expected, **FLOAT32)


@pytest.mark.parametrize("kl_bound", [0.0, 0.3, 3.0, 30.0])
@pytest.mark.parametrize("bound", sorted(KL_BOUNDS))
def test_bounded_kl_matches_the_oracle(draw, bound, kl_bound):
    _, log_q_all, _ = draw
    log_q, log_before = log_q_all[..., 0, 0], log_q_all[..., 0, 1]
    result = objectives.bounded_kl(*float32(log_q, log_before), bound=bound, kl_bound=kl_bound)
    expected = reference.KL_BOUNDS[bound](log_q, log_before, kl_bound)
    np.testing.assert_allclose(result, expected, **FLOAT32)


def test_an_unknown_bound_raises_with_the_choices():
    with pytest.raises(ValueError, match=r"'clamp', 'none', 'skew'.*'soft'"):
        objectives.bounded_kl(tf.zeros([1, 1]), tf.zeros([1, 1]), bound="soft", kl_bound=1.0)


# Prefixes of the recursion.


@pytest.mark.parametrize("count", range(1, M + 1))
def test_a_prefix_has_the_weights_of_the_shorter_recursion(rng, count):
    eps = rng.uniform(size=M - 1)
    log_alpha = float32(np.log(reference.recursion_weights(eps)))[None]
    prefix = tf.exp(objectives.prefix_log_alpha(log_alpha, count))[0]
    np.testing.assert_allclose(prefix, reference.recursion_weights(eps[: count - 1]), **FLOAT32)


# The bounds on the KL term.


def extreme_log_probs(rng, scale):
    return rng.normal(scale=scale, size=(4, 500)), rng.normal(scale=scale, size=(4, 500))


@pytest.mark.parametrize("scale", [1.0, 100.0, 1e5])
@pytest.mark.parametrize("kl_bound", [0.0, 1e-6, 0.5, 5.0, 80.0])
@pytest.mark.parametrize("bound", ["clamp", "skew"])
def test_a_bounded_kl_never_exceeds_its_bound(rng, bound, kl_bound, scale):
    log_q, log_before = extreme_log_probs(rng, scale)
    result = objectives.bounded_kl(*float32(log_q, log_before), bound=bound, kl_bound=kl_bound)
    assert np.isfinite(result).all()
    # The difference log q - (log q - C) is only known to the spacing of floats near log q.
    rounding = 2 * np.spacing(np.float32(max(np.abs(log_q).max(), kl_bound)))
    assert np.max(result) <= kl_bound + rounding


@pytest.mark.parametrize("kl_bound", [0.5, 3.0, 20.0])
def test_the_skew_bound_has_a_gradient_everywhere(kl_bound):
    """d/d log_q = (1 - d) Q / ((1 - d) Q + d q): positive, whatever the KL."""
    gap = np.linspace(-20.0, 20.0 + kl_bound, 81)  # log q - log Q
    log_q = tf.constant(gap[None], tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(log_q)
        value = objectives.skewed_kl(log_q, tf.zeros_like(log_q), kl_bound)
    gradient = tape.gradient(value, log_q)[0]
    share = math.exp(-kl_bound)
    expected = (1 - share) / (1 - share + share * np.exp(gap))
    np.testing.assert_allclose(gradient, expected, rtol=1e-7)  # float64
    assert (np.diff(value) > 0).all()  # and so it rises all the way
    assert np.max(value) <= kl_bound


def test_the_clamp_has_the_gradient_of_the_kl_below_its_bound_and_none_beyond():
    log_q = tf.constant([[-1.0, 2.9, 3.1, 50.0]] * 2)
    with tf.GradientTape() as tape:
        tape.watch(log_q)
        value = objectives.clamped_kl(log_q, tf.zeros_like(log_q), 3.0)
    np.testing.assert_array_equal(tape.gradient(value, log_q), [[0.5, 0.5, 0.0, 0.0]] * 2)


@pytest.mark.parametrize("kl_bound", [60.0, math.inf])
@pytest.mark.parametrize("bound", ["clamp", "skew"])
def test_a_bounded_kl_becomes_the_kl_as_the_bound_grows(draw, bound, kl_bound):
    _, log_q_all, _ = draw
    log_q, log_before = float32(log_q_all[..., 0, 0], log_q_all[..., 0, 1])
    with tf.GradientTape() as tape:
        tape.watch(log_q)
        result = objectives.bounded_kl(log_q, log_before, bound=bound, kl_bound=kl_bound)
    np.testing.assert_allclose(result, objectives.unbounded_kl(log_q, log_before), **FLOAT32)
    np.testing.assert_allclose(tape.gradient(result, log_q), np.full((S, B), 1 / S), rtol=1e-5)


def test_the_skew_bound_grows_with_c_and_lies_below_the_kl():
    """Exact for the KL of one Gaussian to another, by quantiles: KL(skewed) <= (1 - d) KL."""
    z = ndtri((np.arange(2000) + 0.5) / 2000)[:, None]  # N(0, 1), a sample of equal probabilities
    log_q, log_before = -0.5 * z**2, -0.5 * (z - 2.0) ** 2
    bounds = [0.1, 0.5, 1.0, 2.0, 5.0]
    values = [float(objectives.skewed_kl(*float32(log_q, log_before), bound)[0]) for bound in bounds]
    assert values == sorted(values)
    for bound, value in zip(bounds, values, strict=True):
        assert 0.0 < value < (1 - math.exp(-bound)) * 2.0  # KL = 2^2 / 2


# Equalities that theory promises.


def test_one_sample_of_one_component_makes_the_importance_weighted_bound_the_elbo(draw):
    log_joint, log_q_all, _ = draw
    log_joint, log_q = float32(log_joint[:1, :, :1], log_q_all[:1, :, 0, :1])
    result = objectives.importance_weighted_bound(log_joint, log_q, tf.zeros([B, 1]))
    np.testing.assert_allclose(result, objectives.elbo(log_joint[..., 0], log_q[..., 0]), rtol=1e-6)


def test_one_component_makes_the_mixture_elbo_the_elbo(draw):
    log_joint, log_q_all, _ = draw
    log_joint, log_q = float32(log_joint[..., :1], log_q_all[..., 0, :1])
    result = objectives.mixture_elbo(log_joint, log_q, tf.zeros([B, 1]))
    np.testing.assert_array_equal(result, objectives.elbo(log_joint[..., 0], log_q[..., 0]))


@pytest.mark.parametrize("name", ["mixture_elbo", "importance_weighted_bound"])
def test_identical_components_equal_one(draw, name):
    log_joint, log_q_all, alpha = draw
    bound = getattr(objectives, name)
    log_joint, log_q, log_alpha = float32(log_joint[..., :1], log_q_all[..., 0, :1], np.log(alpha))
    copies = tf.repeat(log_q[..., None], M, axis=-1)
    log_density = objectives.log_mixture(log_alpha[:, None], copies)
    log_density = tf.repeat(log_density, M, axis=-1)
    several = bound(tf.repeat(log_joint, M, axis=-1), log_density, log_alpha)
    np.testing.assert_allclose(several, bound(log_joint, log_q, tf.zeros([B, 1])), **FLOAT32)


def test_the_importance_weighted_bound_forgets_the_order_of_samples_and_components(draw, rng):
    log_joint, log_q_all, alpha = draw
    density = mixture_by_loops(log_q_all, alpha)
    expected = objectives.importance_weighted_bound(*float32(log_joint, density, np.log(alpha)))
    samples, components = rng.permutation(S), rng.permutation(M)
    shuffled = [log_joint[samples][..., components], density[samples][..., components]]
    result = objectives.importance_weighted_bound(*float32(*shuffled, np.log(alpha)[:, components]))
    np.testing.assert_allclose(result, expected, **FLOAT32)


def test_the_importance_weighted_bound_shifts_with_the_joint_and_forgets_repeated_samples(draw):
    log_joint, log_q_all, alpha = draw
    density = mixture_by_loops(log_q_all, alpha)
    bound = objectives.importance_weighted_bound
    expected = bound(*float32(log_joint, density, np.log(alpha)))
    shifted = bound(*float32(log_joint + 1000.0, density, np.log(alpha)))  # no overflow
    np.testing.assert_allclose(shifted - 1000.0, expected, atol=1e-3)  # spacing of floats near 1000
    doubled = bound(*float32(np.tile(log_joint, (2, 1, 1)), np.tile(density, (2, 1, 1)), np.log(alpha)))
    np.testing.assert_allclose(doubled, expected, **FLOAT32)


def test_the_importance_weighted_bound_is_never_below_the_mixture_elbo(draw):
    """Jensen's inequality, draw by draw."""
    log_joint, log_q_all, alpha = draw
    arguments = float32(log_joint, mixture_by_loops(log_q_all, alpha), np.log(alpha))
    gap = objectives.importance_weighted_bound(*arguments) - objectives.mixture_elbo(*arguments)
    assert (np.asarray(gap) > 0).all()


def test_importance_weights_accumulate_over_chunks(draw):
    log_joint, log_q_all, alpha = draw
    density = mixture_by_loops(log_q_all, alpha)
    log_alpha = float32(np.log(alpha))
    chunks = [
        objectives.log_importance_weight(*float32(log_joint[part], density[part]), log_alpha)
        for part in (slice(0, 2), slice(2, S))
    ]
    total = tf.reduce_logsumexp(tf.stack(chunks), axis=0) - math.log(S)
    expected = reference.importance_weighted_bound(log_joint, density, alpha)
    np.testing.assert_allclose(total, expected, **FLOAT32)


def test_a_component_of_weight_zero_changes_nothing(draw):
    log_joint, log_q_all, alpha = draw
    log_alpha = np.log(alpha)
    log_alpha[:, -1] = -1e9  # what a component that has not joined gets
    rest = [array[..., :-1] for array in (log_joint, log_joint - log_q_all[..., 0, :], log_alpha)]
    for bound in (objectives.mixture_elbo, objectives.importance_weighted_bound):
        result = bound(*float32(log_joint, log_joint - log_q_all[..., 0, :], log_alpha))
        np.testing.assert_allclose(result, bound(*float32(*rest)), **FLOAT32)


# ELBO(Q) - sum_m alpha_m ELBO(q_m) = I(m; z | x).

MEANS = {"equal": [0.0, 0.0, 0.0], "overlapping": [-1.0, 0.5, 2.0], "apart": [-40.0, 0.0, 40.0]}


@pytest.mark.parametrize("case", sorted(MEANS))
def test_the_gain_of_mixing_is_the_information_between_component_and_code(case):
    alpha, means, scales = np.array([0.2, 0.5, 0.3]), np.array(MEANS[case]), np.array([0.7, 0.7, 0.7])
    grid, weight = reference.grid_1d(limit=50.0, size=8001)
    log_q = [
        [reference.diag_normal_log_prob(z, [mean], [scale]) for mean, scale in zip(means, scales, strict=True)]
        for z in grid
    ]
    information = reference.mutual_information(alpha, np.maximum(log_q, -700.0), weight)

    quantiles = ndtri((np.arange(4000) + 0.5) / 4000)  # a sample of equal probabilities: no noise
    z = means + scales * quantiles[:, None]  # [S, M]
    own = -0.5 * quantiles[:, None] ** 2 - np.log(scales) - 0.5 * math.log(2 * math.pi)
    standardised = (z[..., None] - means) / scales
    log_q_all = -0.5 * standardised**2 - np.log(scales) - 0.5 * math.log(2 * math.pi)
    log_joint = -0.5 * z**2 - 10.0  # whatever the model is
    terms = objectives.mixture_terms(
        LogProbs(
            log_lik=tf.constant(log_joint[:, None]),
            log_prior=tf.zeros([4000, 1, 3], tf.float64),
            log_q_all=tf.constant(log_q_all[:, None]),
            log_alpha=tf.constant(np.log(alpha)[None]),
        )
    )
    gain = float(terms["elbo"][0]) - np.dot(alpha, terms["component_elbo"][0])
    assert gain == pytest.approx(information, abs=1e-3)  # the quantiles miss the outer 1/8000
    assert -1e-12 <= gain <= reference.entropy(alpha) + 1e-12
    limits = {"equal": 0.0, "apart": reference.entropy(alpha)}
    assert gain == pytest.approx(limits.get(case, gain), abs=1e-9)
    np.testing.assert_allclose(terms["component_elbo"][0], np.mean(log_joint - own, axis=0), rtol=1e-12)


def test_the_terms_of_the_log_add_up(draw):
    log_lik, log_q_all, alpha = draw
    log_prior = log_q_all[..., 0] - 1.0
    log_probs = LogProbs(*float32(log_lik, log_prior, log_q_all, np.log(alpha)))
    terms = objectives.mixture_terms(log_probs)
    density = mixture_by_loops(log_q_all, alpha)
    np.testing.assert_allclose(terms["elbo"], reference.mixture_elbo(log_lik + log_prior, density, alpha), **FLOAT32)
    reconstruction = reference.mixture_elbo(log_lik, np.zeros_like(log_lik), alpha)
    np.testing.assert_allclose(terms["reconstruction"], reconstruction, **FLOAT32)
    np.testing.assert_allclose(terms["kl"], reference.mixture_elbo(density, log_prior, alpha), **FLOAT32)
    np.testing.assert_allclose(terms["alpha"], alpha, **FLOAT32)
    for m in range(M):
        expected = reference.elbo((log_lik + log_prior)[..., m], log_q_all[..., m, m])
        np.testing.assert_allclose(terms["component_elbo"][:, m], expected, **FLOAT32)


@pytest.mark.parametrize("log_ratio", [-1e4, -1e3, -3.0, 0.0, 3.0, 1e3, 1e4])
def test_the_skew_bound_holds_to_the_last_bit_however_large_the_densities(log_ratio, rng):
    log_q = tf.constant(rng.normal(scale=1e3, size=(7, 99)), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(log_q)
        value = objectives.skewed_kl(log_q, log_q + log_ratio, 1.7)
    assert value.numpy().max() <= np.float32(1.7)
    assert np.isfinite(tape.gradient(value, log_q)).all()
