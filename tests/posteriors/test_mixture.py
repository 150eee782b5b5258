"""The mixture posterior: draws, densities and moments, of every family, against TFP and plain loops."""

import math

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import reference
from rme_tf.posteriors import POSTERIORS, FlowFamily, MixturePosterior
from test_posteriors import B, D, M, S, every_posterior, family_of, random_params

SEED = tf.constant([0, 1])
LOG_ALPHA = tf.nn.log_softmax(tf.random.stateless_normal([B, M], seed=(0, 3)))


def posterior_of(name, num_components=M, seed=0):
    family = family_of(name, D)
    params = random_params(family, (B, num_components), seed, spread=0.7)
    return MixturePosterior(family, params, tf.nn.log_softmax(LOG_ALPHA[:, :num_components]))


def component_log_prob(name, q, b, m, z):
    """log q_m(z|x_b) of one point by plain loops in float64; TFP's for a family without an oracle in NumPy."""
    params = q.params[b, m].numpy().astype(np.float64)
    if name not in ("diag_normal", "laplace", "student_t"):
        component = q.components[m]
        if not q.family.gaussian:
            return float(component.log_prob(tf.constant(z, tf.float32))[b])
        return reference.full_normal_log_prob(z, component.mean()[b], component.covariance()[b])  # TFP's moments
    mean, stddev = params[:D], np.log1p(np.exp(params[D:])) + 1e-5
    if name == "laplace":
        return reference.diag_laplace_log_prob(z, mean, stddev / math.sqrt(2.0))
    if name == "student_t":
        return reference.diag_student_t_log_prob(z, q.family.df, mean, stddev * math.sqrt(1.0 - 2.0 / q.family.df))
    return reference.diag_normal_log_prob(z, mean, stddev)


# The mixture.


@pytest.mark.parametrize("name", sorted(n for n in POSTERIORS if not issubclass(POSTERIORS[n], FlowFamily)))
def test_log_prob_is_that_of_plain_loops(name):
    q, alpha = posterior_of(name), np.exp(np.asarray(LOG_ALPHA, np.float64))
    z = np.random.default_rng(0).normal(size=(S, B, D))
    log_prob = q.log_prob(z)
    assert log_prob.dtype == tf.float32
    for s, b in np.ndindex(S, B):
        terms = [math.log(alpha[b, m]) + component_log_prob(name, q, b, m, z[s, b]) for m in range(M)]
        assert float(log_prob[s, b]) == pytest.approx(reference.log_sum_exp(terms), rel=2e-4, abs=1e-4)


@every_posterior
def test_log_prob_is_that_of_the_distribution(name):
    q = posterior_of(name)
    assert isinstance(q.distribution(), tfp.distributions.MixtureSameFamily)
    z = q.sample(S, seed=(0, 1))
    assert z.shape == (S, B, D)
    np.testing.assert_allclose(q.log_prob(z), q.distribution().log_prob(z), rtol=1e-5, atol=1e-5)
    for shape in ((D,), (B, D), (1, D), (2, S, B, D)):
        z = tf.random.stateless_normal(shape, seed=(0, 2))
        expected = q.distribution().log_prob(tf.broadcast_to(z, [*shape[:-2], B, D]))
        np.testing.assert_allclose(q.log_prob(z), expected, rtol=1e-4, atol=1e-4)  # a flow solves to float32


@every_posterior
def test_moments_are_those_of_draws(name):
    q, count = posterior_of(name), 20_000
    z = np.asarray(q.sample(count, seed=0), np.float64)
    mean, stddev = np.asarray(q.mean()), np.asarray(q.stddev())
    assert mean.shape == stddev.shape == (B, D)
    # Those of a flow are estimates from 128 draws.
    slack = 0.1 * stddev if issubclass(POSTERIORS[name], FlowFamily) else 0.0
    kurtosis = np.mean(((z - mean) / stddev) ** 4, axis=0)
    assert (np.abs(z.mean(axis=0) - mean) < 4.5 * stddev / math.sqrt(count) + slack).all()
    error = stddev * np.sqrt((kurtosis - 1) / (4 * count))
    assert (np.abs(z.std(axis=0) - stddev) < 4.5 * error + slack).all()


@every_posterior
def test_components_are_distributions_of_their_own(name):
    q = posterior_of(name)
    assert len(q.components) == q.num_components == M
    assert q.latent_dim == D
    np.testing.assert_allclose(q.weights, np.exp(LOG_ALPHA), rtol=1e-6)
    moments = q.moments()
    np.testing.assert_array_equal(moments["weights"], q.weights)
    for m, component in enumerate(q.components):
        assert component.batch_shape == (B,)
        assert component.event_shape == (D,)
        np.testing.assert_allclose(moments["means"][:, m], component.mean(), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(moments["scales"][:, m], component.stddev(), rtol=1e-5)


def test_a_component_without_weight_counts_for_nothing():
    q = posterior_of("diag_normal")
    alone = MixturePosterior(q.family, q.params, tf.constant([[0.0, -1e6, -1e6, -1e6]] * B))
    single = MixturePosterior(q.family, q.params[:, :1], tf.zeros([B, 1]))
    z = single.sample(S, seed=3)
    for one, other in ((alone.log_prob(z), single.log_prob(z)), (alone.mean(), single.mean())):
        np.testing.assert_allclose(one, other, rtol=1e-6)
    np.testing.assert_allclose(alone.stddev(), single.stddev(), rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "jit_compile"), [("diag_normal", True), ("student_t", False), ("full_normal", True)])
def test_it_works_in_graphs_of_any_batch_size(name, jit_compile):
    q = posterior_of(name)

    @tf.function(
        input_signature=[tf.TensorSpec([None, *part.shape[1:]]) for part in (q.params, q.log_alpha)],
        jit_compile=jit_compile,
        autograph=False,
    )
    def answers(params, log_alpha):
        inner = MixturePosterior(q.family, params, log_alpha)
        z = inner.sample_components(S, (0, 1))
        draws, nothing = inner.sample(S, seed=5), inner.sample(2)
        return inner.log_prob(z[:, :, 0]), inner.mean(), inner.stddev(), z, inner.log_prob(draws), nothing

    log_prob, mean, stddev, z, of_draws, unseeded = answers(q.params, q.log_alpha)
    np.testing.assert_allclose(log_prob, q.log_prob(z[:, :, 0]), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(mean, q.mean(), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(stddev, q.stddev(), rtol=1e-4, atol=1e-5)
    assert np.isfinite(of_draws).all()
    assert unseeded.shape == (2, B, D)
    if not jit_compile:  # XLA has random numbers of its own
        np.testing.assert_allclose(z, q.sample_components(S, (0, 1)), rtol=1e-5, atol=1e-5)


def test_codes_that_do_not_fit_are_refused():
    q = posterior_of("diag_normal")
    with pytest.raises(ValueError, match=rf"`z` must be latent codes of shape \[..., {D}\]. Received: \(2, 5\)"):
        q.log_prob(np.zeros([2, 5], "float32"))
    with pytest.raises(ValueError, match=rf"codes of {B} observations, \[..., {B}, D\]. Received: \(7, {D}\)"):
        q.log_prob(np.zeros([7, D], "float32"))
    with pytest.raises(ValueError, match="must be finite. Received: nan"):
        q.log_prob(np.full([B, D], np.nan, "float32"))
    with pytest.raises(ValueError, match="must be finite. Received: inf"):
        q.component_log_probs(np.full([1, B, 1, D], np.inf, "float32"))


def test_it_shows_its_family_and_its_sizes():
    assert repr(posterior_of("laplace")) == f"<MixturePosterior of DiagLaplace: B={B}, M={M}, D={D}>"


# Draws from each component.


@pytest.mark.slow
@every_posterior
def test_component_log_probs_pair_every_sample_with_every_component(name):
    q = posterior_of(name)
    z = q.sample_components(S, SEED)
    assert z.shape == (S, B, M, D)
    log_q_all = q.component_log_probs(z)
    assert log_q_all.shape == (S, B, M, M)
    for m in range(M):
        for j in range(M):
            expected = q.family.distribution(q.params[:, j]).log_prob(z[:, :, m])
            np.testing.assert_allclose(log_q_all[..., m, j], expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(q.component_log_probs(z[:, :, 1:3]), log_q_all[:, :, 1:3], rtol=1e-5, atol=1e-5)


@every_posterior
@pytest.mark.parametrize("num_components", [1, M])
def test_draws_come_with_their_densities(name, num_components):
    """For one component a flow is not inverted: the same draws, the same densities, the same gradients."""
    q = posterior_of(name, num_components)
    results = []
    for draw_with_log_probs in (True, False):
        with tf.GradientTape() as tape:
            tape.watch(q.params)
            if draw_with_log_probs:
                z, log_q_all = q.sample_with_log_probs(S, SEED)
            else:
                z = q.sample_components(S, SEED)
                log_q_all = q.component_log_probs(z)
            loss = tf.reduce_sum(log_q_all)
        sources = [q.params, *(v.value for v in q.family.trainable_variables)]
        results.append((z, log_q_all, *tape.gradient(loss, sources)))
    (z, *rest), (z_again, *others) = results
    np.testing.assert_array_equal(z, z_again)
    for one, other in zip(rest, others, strict=True):
        # Through the inverse of a flow it is another sum of float32 terms.
        np.testing.assert_allclose(one, other, rtol=2e-4, atol=2e-4 * np.abs(other).max())


@every_posterior
def test_the_noise_of_a_component_depends_on_seed_and_index_alone(name):
    q = posterior_of(name, 1)
    repeated = MixturePosterior(q.family, tf.repeat(q.params, M, axis=1), LOG_ALPHA)  # one distribution, M times
    z = np.asarray(repeated.sample_components(S, SEED))
    few = MixturePosterior(q.family, repeated.params[:, :2], LOG_ALPHA[:, :2])
    np.testing.assert_allclose(few.sample_components(S, SEED), z[:, :, :2], rtol=1e-6, atol=1e-6)  # fused or not
    for m in range(1, M):
        assert (z[:, :, m] != z[:, :, 0]).all()  # components do not share their noise
    assert (np.asarray(repeated.sample_components(S, tf.constant([0, 2]))) != z).all()


@pytest.mark.parametrize("name", ["diag_normal", "student_t"])
def test_some_of_the_components_draw_as_they_do_among_all(name):
    q = posterior_of(name)
    z, log_q_all = q.sample_with_log_probs(S, SEED)
    np.testing.assert_allclose(q.sample_components(S, SEED, first=2), z[:, :, 2:], rtol=1e-6, atol=1e-6)
    for first, count in ((1, 2), (tf.constant(2), 2), (0, 1)):
        some, densities = q.sample_with_log_probs(S, SEED, first=first, count=count)
        block = slice(int(first), int(first) + count)
        np.testing.assert_allclose(some, z[:, :, block], rtol=1e-6, atol=1e-6)  # fused or not
        np.testing.assert_allclose(densities, log_q_all[:, :, block], rtol=1e-5, atol=1e-5)


def test_no_gradient_passes_through_params_that_are_held():
    q, params = posterior_of("diag_normal"), tf.Variable(tf.zeros([B, M, 2 * D]))
    with tf.GradientTape(persistent=True) as tape:
        moved = MixturePosterior(q.family, q.params + params, q.log_alpha)
        z = moved.sample_components(S, SEED)
        values = [posterior.component_log_probs(tf.stop_gradient(z)) for posterior in (moved, moved.params_held())]
        through_z = moved.params_held().component_log_probs(z)
    assert np.abs(tape.gradient(values[0], params)).max() > 0.1
    assert tape.gradient(values[1], params) is None
    assert np.abs(tape.gradient(through_z, params)).max() > 0.1


@pytest.mark.parametrize("number", [2.5, -1, 0, True, "2", [2]])
def test_every_draw_refuses_a_number_that_is_no_count(number):
    q = posterior_of("diag_normal")
    for draw in (q.sample, q.sample_components, q.sample_with_log_probs):
        with pytest.raises(ValueError, match="`num_samples` must be an integer of at least 1. Received: "):
            draw(number)
    assert q.sample(np.int64(2), seed=0).shape == q.sample(tf.constant(2), seed=0).shape == (2, B, D)
