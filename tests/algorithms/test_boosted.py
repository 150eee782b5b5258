"""Boosted variational inference: its gradients by definition, and the optimum that theory gives it."""

import math

import numpy as np
import pytest
import tensorflow as tf

from definition import (
    UPDATES,
    Definition,
    assert_same_gradients,
    gradients_by_definition,
    mixture,
    recorded_gradients,
)
from rme_tf import Boosted
from rme_tf.algorithms import RecursiveMixture
from test_oracles import ORTHOGONAL, linear_model, observations, wrong_posterior


def rule_of(**choices):
    return Boosted(**{"warm_start_epochs": 0, "entropy_weight": 0.7, **choices})


class BoostedDefinition(Definition):
    def bounded_kl(self, m, mean, scale, z, log_q):
        """E_q[-log Q_{m-1}] + lambda H(q), minus the H(q) of ELBO(q)."""
        before = mixture(self.weights[m - 1], self.means[:m], self.scales[:m]).log_prob(z)
        return tf.reduce_mean(log_q - before - self.rule.entropy_weight * log_q, axis=0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mixing", "num_components", "num_samples", "entropy_weight"),
    [("uniform", 2, 1, 1.0), ("learned", 2, 3, 0.3), ("uniform", 3, 2, 0.7), ("learned", 3, 1, 2.0)],
)
def test_both_updates_have_the_gradients_of_the_definition(
    tiny_model, binary_data, mixing, num_components, num_samples, entropy_weight
):
    model, x = tiny_model(num_components, mixing=mixing), binary_data()
    choices = {"num_samples": num_samples, "entropy_weight": entropy_weight}
    expected = gradients_by_definition(BoostedDefinition(model, rule_of(**choices), x))
    joint, sequential = (recorded_gradients(model, rule_of(update=update, **choices), x) for update in UPDATES)
    assert_same_gradients(joint, sequential, tolerance=1e-5)  # float32, as in test_recursive_mixture
    assert_same_gradients(joint, expected, tolerance=2e-5)
    assert_same_gradients(sequential, expected, tolerance=2e-5)


@pytest.mark.slow
def test_updates_agree_for_a_kl_term_of_another_weight(tiny_model, binary_data):
    model, x = tiny_model(3, mixing="learned"), binary_data()
    joint, sequential = (recorded_gradients(model, rule_of(update=u, kl_weight=0.3), x) for u in UPDATES)
    assert_same_gradients(joint, sequential, tolerance=1e-5)


def pair_with(entropy_weight):
    """q_0 with twice the posterior's covariance, and the optimal q_1 ~ (p / q_0)^(1 / lambda), in closed form.

    All are Gaussian: the precisions of p, (1 - 1/2) / lambda of it, and the means, mirrored at that of p.
    """
    first = wrong_posterior("diag_normal", ORTHOGONAL, shift=0.3, factor=2.0)
    second = wrong_posterior("diag_normal", ORTHOGONAL, shift=-0.3, factor=2.0 * entropy_weight)
    return linear_model("diag_normal", ORTHOGONAL, [first, second])


@pytest.mark.parametrize("entropy_weight", [0.4, 1.0])
def test_at_the_optimum_every_draw_has_the_same_objective(entropy_weight):
    model, x = pair_with(entropy_weight), observations(ORTHOGONAL, batch=1)
    log_lik, log_prior, log_q_all, log_alpha = model.log_probs(x, num_samples=200, seed=(0, 1))
    draws = tf.reshape(log_q_all[:, :, 1], [1, 200, 2])  # as a batch of single draws of q_1
    elbos = (log_lik + log_prior)[:, 0, 1] - draws[0, :, 1]
    spread = {}
    for weight in (entropy_weight, 2 * entropy_weight):
        rule = rule_of(entropy_weight=weight)
        reward = rule.reward(draws[..., 1], draws, tf.repeat(log_alpha, 200, axis=0), 1)
        spread[weight] = np.std(elbos + reward)
    assert spread[entropy_weight] < 1e-4  # float32
    assert spread[2 * entropy_weight] > 0.1


@pytest.mark.parametrize("update", UPDATES)
def test_the_optimum_stays_where_it_is(update):
    model, x = pair_with(0.4), observations(ORTHOGONAL)
    second = model.encoders[1].trainable_variables
    largest = {}
    for weight in (0.4, 0.8):
        rule = rule_of(entropy_weight=weight, num_samples=2000, update=update)
        found = recorded_gradients(model, rule, x)
        largest[weight] = max(np.abs(found[variable.path]).max() for variable in second)
    # The score has mean zero and size up to 5 a draw: 0.06 over 2000 x 3 of them.
    assert largest[0.4] < 0.25
    assert largest[0.8] > 0.5


def test_the_reward_is_the_unbounded_kl_plus_entropy(rng):
    log_q, log_q_all = (rng.normal(size=shape).astype("float32") for shape in [(4, 3), (4, 3, 2)])
    log_alpha = np.log(np.full((3, 2), 0.5, "float32"))
    kl = RecursiveMixture(bound="none").reward(log_q, log_q_all, log_alpha, 1)
    found = rule_of(entropy_weight=0.3).reward(log_q, log_q_all, log_alpha, 1)
    np.testing.assert_allclose(found, kl - 0.3 * log_q.mean(axis=0), rtol=1e-5)
    assert not np.any(rule_of().reward(log_q, log_q_all, log_alpha, 0))


@pytest.mark.parametrize(
    "choices", [{"entropy_weight": 0.0}, {"entropy_weight": math.nan}, {"entropy_weight": math.inf}, {"update": "no"}]
)
def test_a_choice_out_of_range_raises(choices):
    with pytest.raises(ValueError, match=next(iter(choices))):
        Boosted(**choices)
