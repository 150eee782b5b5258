"""The components that a step draws: how often, what is estimated from them, and what the log shows."""

import itertools
import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from drawn import SameNoise, choose
from rme_tf import RecursiveMixture, objectives
from rme_tf.algorithms.component_draws import ComponentDraws, draw_components, epoch_terms
from rme_tf.core.types import DrawnLogProbs, LogProbs

B, M = 2, 3


@pytest.mark.parametrize("count", [1, 2])
def test_each_subset_is_drawn_equally_often_for_each_row(count):
    """By z-scores over seeds, for each row; and the rows of the two halves are independent."""
    draws, rows = 3000, 4

    @tf.function(autograph=False)
    def drawn(seeds):
        return tf.map_fn(lambda seed: draw_components(rows, M, count, seed).indices, seeds, parallel_iterations=1)

    seeds = np.stack([np.arange(draws), np.zeros(draws)], axis=-1).astype("int32")
    index = np.sort(drawn(tf.constant(seeds)).numpy(), axis=-1)  # [draws, rows, K]
    subsets = list(itertools.combinations(range(M), count))
    number = np.array([[subsets.index(tuple(row)) for row in draw] for draw in index.tolist()])

    def z_scores(events, probability):
        return (events.mean(axis=0) - probability) * math.sqrt(draws / (probability * (1.0 - probability)))

    scores = [z_scores(number == subset, 1 / 3) for subset in range(3)]
    scores += [
        z_scores((number[:, :1] == first) & (number[:, 1::2] == second), 1 / 9) for first, second in ((0, 0), (0, 1))
    ]
    assert max(np.abs(score).max() for score in scores) < 4.0


@pytest.mark.parametrize("count", [1, 2])
def test_components_are_different_and_balanced_in_each_half_of_a_batch(count):
    for rows, seed in itertools.product((1, 2, 11, 14), ((0, 1), (0, 2))):
        index = draw_components(rows, 5, count, tf.constant(seed)).indices.numpy()
        assert index.shape == (rows, count)
        assert all(len(set(row)) == count for row in index.tolist())
        for half in (index[::2], index[1::2]):
            times = np.bincount(half.ravel(), minlength=5)
            assert times.max() - times.min() <= 1


def all_draws(count):
    """The index of every pair of subsets of two rows, [9, B, K]."""
    subsets = list(itertools.combinations(range(M), count))
    return [np.array(pair) for pair in itertools.product(subsets, repeat=B)]


@pytest.mark.parametrize("count", [1, 2])
def test_a_weighted_sum_and_its_gradients_are_unbiased(rng, count):
    """As the mean over all draws, for weights whose sum is one, with little noise in their gradient."""
    logits, values = tf.Variable(rng.normal(size=(B, M))), tf.Variable(rng.normal(-100.0, 1.0, (B, M)))

    def gradients(estimate):
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(estimate(tf.nn.softmax(logits), values))
        return [np.asarray(part) for part in (total, *tape.gradient(total, [logits, values]))]

    expected = gradients(lambda alpha, values: tf.reduce_sum(alpha * values, axis=-1))
    found = []
    for index in all_draws(count):
        drawn = ComponentDraws(tf.constant(index, tf.int32), M)

        def estimate(alpha, values, drawn=drawn):
            return drawn.weighted_sum(drawn.take(alpha), drawn.take(values))

        found.append(gradients(estimate))
    for parts, exact in zip(zip(*found, strict=True), expected, strict=True):
        np.testing.assert_allclose(np.mean(parts, axis=0), exact, rtol=1e-9, atol=1e-9)
    assert np.std([part[1] for part in found], axis=0).max() < 5.0  # without a baseline, about 50


def test_means_over_the_batch_are_of_the_observations_that_drew_a_component(rng):
    index = np.array([[0, 2], [2, 1], [2, 0]])
    values = rng.normal(size=(3, 2, 4))
    means = ComponentDraws(tf.constant(index, tf.int32), 3).means_over_batch(tf.constant(values))
    for row, column in itertools.product(range(3), range(2)):
        expected = values[index == index[row, column]].mean(axis=0)
        np.testing.assert_allclose(means[row, column], expected, rtol=1e-12)


# The epoch log.


@pytest.mark.parametrize("learned", [False, True])
@pytest.mark.parametrize("count", [1, 2])
def test_the_terms_of_the_log_are_unbiased(rng, count, learned):
    """The mean over all draws of two rows is what all components give."""
    log_alpha = np.log(rng.dirichlet(np.ones(M), size=B))
    log_lik, log_prior = rng.normal(-90.0, 20.0, (2, 5, B, M))
    every = LogProbs(*map(tf.constant, (log_lik, log_prior, rng.normal(-9.0, 4.0, (5, B, M, M)), log_alpha)))
    exact, found = objectives.mixture_terms(every), []
    for index in all_draws(count):
        parts = [np.stack([part.numpy()[:, b, index[b]] for b in range(B)], axis=1) for part in every[:3]]
        log_probs = DrawnLogProbs(*map(tf.constant, parts), every.log_alpha, tf.constant(index, tf.int32))
        found.append(epoch_terms(log_probs, learned=learned))
    for name in ("elbo", "reconstruction", "kl"):
        np.testing.assert_allclose(np.mean([terms[name] for terms in found], axis=0), exact[name], rtol=1e-9)
    for terms, index in zip(found, all_draws(count), strict=True):
        known = np.zeros((B, M), bool)
        np.put_along_axis(known, index, True, axis=-1)
        np.testing.assert_array_equal(terms["known"], known)
        np.testing.assert_allclose(terms["component_elbo"], np.where(known, exact["component_elbo"], 0.0))
        np.testing.assert_allclose(terms["alpha"], exact["alpha"])


@pytest.mark.usefixtures("eagerly")
def test_the_log_has_means_over_the_observations_that_drew(monkeypatch, tiny_model, binary_data):
    model, x = tiny_model(M, posterior=SameNoise(2)), binary_data(4)
    exact = objectives.mixture_terms(model.log_probs(x, num_samples=1, seed=0))["component_elbo"].numpy()
    rule = RecursiveMixture(warm_start_epochs=0, components_per_step=1)
    model.compile(keras.optimizers.SGD(0.0), rule)
    choose(monkeypatch, [[0], [2], [2], [0]])
    logs = model.fit(x, batch_size=4, shuffle=False, verbose=0).history
    assert logs["elbo_0"][0] == pytest.approx(exact[[0, 3], 0].mean(), rel=1e-5)
    assert math.isnan(logs["elbo_1"][0])
    assert logs["elbo_2"][0] == pytest.approx(exact[[1, 2], 2].mean(), rel=1e-5)
    assert logs["alpha_1"][0] == pytest.approx(1 / 3)
    values = model.evaluate(x, verbose=0, return_dict=True)  # all components
    np.testing.assert_allclose([values[f"elbo_{m}"] for m in range(M)], exact.mean(axis=0), rtol=1e-5)
