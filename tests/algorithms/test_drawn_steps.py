"""Gradients from drawn components: of the objectives written out once more, and on average those of all components."""

import dataclasses
import itertools

import numpy as np
import pytest
import tensorflow as tf

from conftest import build_tiny_model
from definition import SEED, Definition, algorithm, assert_same_gradients, descent_direction, recorded_gradients
from drawn import SameNoise, SameNoiseFlow, choose
from rme_tf import ELBO, Boosted, FreeBits, RecursiveMixture, Renyi
from rme_tf.algorithms.component_draws import ComponentDraws
from rme_tf.algorithms.recursive_mixture import Recursion
from rme_tf.posteriors import RecursiveMixing

M = 3
SUBSETS = {1: [[0], [1], [2]], 2: [[0, 1], [2, 0], [1, 2]]}  # K -> all of them


def drawn_gradients_by_definition(model, rule, x, index):
    """Of the mean over the drawn components of their objectives, in float64."""
    definition, total = Definition(model, rule, x), {}
    own = ComponentDraws(tf.constant(index, tf.int32), M).of(model.infer(tf.constant(x)))
    z = tf.cast(model.posterior_of(own).sample_components(rule.num_samples, tf.constant(SEED)), tf.float64)
    networks = [*model.encoders, *([] if model.trunk is None else [model.trunk])]
    variables = [variable for network in networks for variable in network.trainable_variables]
    for k, column in enumerate(np.transpose(index)):
        mean, scale = definition._normal(own.params[:, k])
        definition.noise = [(z[:, :, k] - mean) / scale] * M
        definition.hold()
        shares = [(column == m) / len(index[0]) for m in range(M)]
        alpha = [M * definition.weights[-1][:, m] if rule.decoder_weights == "alpha" else 1.0 for m in range(M)]

        def of_components(shares=shares):
            return sum(share * definition.component_objective(m) for m, share in enumerate(shares))

        def of_theta(shares=shares, alpha=alpha):
            gains = [tf.reduce_mean(definition.log_joint(z), axis=0) for z in definition.samples]
            return sum(share * weight * gain for share, weight, gain in zip(shares, alpha, gains, strict=True))

        parts = descent_direction(of_components, variables), descent_direction(of_theta, model.generative_variables)
        for path, gradient in {**parts[0], **parts[1]}.items():
            total[path] = total.get(path, 0.0) + gradient
    return total


@pytest.mark.slow
@pytest.mark.parametrize(
    ("index", "options", "choices"),
    [
        ([[0], [2], [1]], {}, {}),
        ([[1, 2], [2, 0], [0, 1]], {"bound": "clamp", "num_samples": 2}, {"likelihood": "normal", "trunk": "shared"}),
        ([[2], [2], [1]], {"bound": "none"}, {"mixing": "learned"}),
        ([[2, 1], [1, 0], [0, 2]], {"decoder_weights": "uniform"}, {"mixing": "learned"}),
    ],
    ids=["uniform", "two, clamped, one trunk", "learned", "learned, uniform for the decoder"],
)
def test_a_step_has_the_gradients_of_the_drawn_objectives(monkeypatch, binary_data, index, options, choices):
    model, x = build_tiny_model(M, **choices), binary_data()
    rule = algorithm(components_per_step=len(index[0]), **options)
    expected = drawn_gradients_by_definition(model, rule, x, index)
    choose(monkeypatch, index)
    found = recorded_gradients(model, rule, x)
    mixes = {v.path for v in ([] if model.mixing_network is None else model.mixing_network.trainable_variables)}
    assert_same_gradients({path: g for path, g in found.items() if path not in mixes}, expected, tolerance=3e-5)
    assert mixes <= found.keys()


# On average over all draws: the same noise for all components, so that nothing but the draw differs.

TRUNK = {"trunk": "shared"}
CASES = {
    "recursion": (RecursiveMixture, 1, {}, TRUNK),
    "recursion, two, annealed": (RecursiveMixture, 2, {"kl_weight": 0.4, "num_samples": 2}, {}),
    "recursion, free bits": (RecursiveMixture, 1, {"free_bits": FreeBits(nats=1.0)}, {}),
    "recursion, vamp": (RecursiveMixture, 1, {}, {"prior": "vamp", **TRUNK}),
    "recursion, learned": (RecursiveMixture, 1, {"kl_weight": 0.4}, {"mixing": "pulled", "prior": "vamp", **TRUNK}),
    "recursion, learned, two": (RecursiveMixture, 2, {"decoder_weights": "uniform"}, {"mixing": "pulled"}),
    "recursion, flow": (RecursiveMixture, 1, {}, {"posterior": "flow", **TRUNK}),
    "recursion, flow, vamp": (RecursiveMixture, 1, {}, {"posterior": "flow", "prior": "vamp"}),
    "boosted": (Boosted, 1, {"entropy_weight": 0.5}, {"trunk": "conditioned"}),
    "elbo": (ELBO, 1, {"kl_weight": 0.4, "free_bits": FreeBits(nats=50.0)}, TRUNK),
    "elbo, refined": (ELBO, 1, {}, {"refinement": "dsvi", "refinement_options": {"steps": 2}}),
    "elbo, flow": (ELBO, 1, {"free_bits": FreeBits(nats=50.0, groups=1)}, {"posterior": "flow", **TRUNK}),
    "elbo, learned": (ELBO, 1, {}, {"mixing": "pulled"}),
    "elbo, learned, two": (ELBO, 2, {}, {"mixing": "pulled"}),
    "renyi, learned, two": (Renyi, 2, {"order": 1.0, "num_samples": 2}, {"mixing": "pulled"}),
}


def depends_on_other_rows(kind, count, options, choices):
    """Whether the gradient of a row depends on the draw of the other row, by its baseline."""
    return "mixing" in choices and (count == 1 or kind is Renyi)


def model_of(choices):
    choices = {"posterior": SameNoise(2), **choices}
    if choices["posterior"] == "flow":
        choices["posterior"] = SameNoiseFlow(2, shared=True, units=(6,), context_size=3)
    if choices.get("mixing") == "pulled":
        choices["mixing"] = RecursiveMixing(uniform_pull=0.3)
    if choices.get("prior") == "vamp":
        choices["prior_options"] = {"num_components": 2}
    return build_tiny_model(M, **choices)


def slow_if_in_many_steps(name):
    return pytest.param(name, marks=pytest.mark.slow) if depends_on_other_rows(*CASES[name]) else name


@pytest.mark.parametrize("name", map(slow_if_in_many_steps, CASES))
def test_on_average_over_the_draws_the_gradients_are_those_of_all_components(monkeypatch, binary_data, name):
    kind, count, options, choices = CASES[name]
    model, x = model_of(choices), binary_data(2)
    every = kind(warm_start_epochs=0, **options)
    expected = recorded_gradients(model, every, x)
    if issubclass(kind, Recursion):
        theta = {variable.path for variable in model.generative_variables}
        expected = {path: g if path in theta else g / M for path, g in expected.items()}
    some, found = dataclasses.replace(every, components_per_step=count), []
    if depends_on_other_rows(*CASES[name]):
        pairs = itertools.product(SUBSETS[count], repeat=2)
    else:  # each row draws everything, in one batch
        pairs, x = [np.repeat(SUBSETS[count], 2, axis=0)], np.tile(x, [M, 1])
    for index in pairs:
        choose(monkeypatch, index)
        found.append(recorded_gradients(model, some, x))
    mean = {path: np.mean([each[path] for each in found], axis=0) for path in expected}
    assert_same_gradients(mean, expected, tolerance=2e-5)
