"""Encoders that share a trunk: whose objectives move it, how often it is computed, its life on disk."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from definition import (
    SEED,
    UPDATES,
    Definition,
    Recorder,
    algorithm,
    assert_same_gradients,
    gradients_by_definition,
    recorded_gradients,
)
from rme_tf import ELBO, VAE, Aggressive
from rme_tf.algorithms.aggressive import InnerLoop
from rme_tf.posteriors import MixturePosterior, RecursiveMixing
from rme_tf.posteriors.draws import Draws

PIXELS, LATENT = 5, 2
RULES = {"elbo": ELBO(), **{update: algorithm(update=update) for update in UPDATES}}

every_rule = pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
both_updates = pytest.mark.parametrize("update", UPDATES)


def network(inputs, outputs, activation=None, **options):
    layer = keras.layers.Dense(outputs, activation, kernel_initializer="he_normal", **options)
    return keras.Sequential([keras.layers.Input((inputs,)), layer])


def own_parts(num_components=3, width=6, **options):
    """A trunk, its heads and a mixing head of the user's own."""
    heads = [network(width, 2 * LATENT, **options) for _ in range(num_components)]
    return network(PIXELS, width, "tanh", **options), heads, network(width, max(1, num_components - 1), **options)


def trunk_model(num_components=3, *, options=None, **choices):
    trunk, heads, mixing_head = own_parts(num_components, **(options or {}))
    parts = {"trunk": trunk, "encoder": heads, "mixing_network": mixing_head, "decoder": network(LATENT, PIXELS)}
    sizes = {"input_shape": (PIXELS,), "latent_dim": LATENT, "num_components": num_components}
    return VAE.from_names(**{**parts, **choices}, **sizes, seed=0)


def untied(model):
    """Returns the same posterior by encoders that have a copy of the trunk each, and whose copy each weight is."""

    def behind_a_copy(head):
        layers = [network(PIXELS, 6, "tanh"), network(6, head.output_shape[-1])]
        copy = keras.Sequential([keras.layers.Input((PIXELS,)), *layers])
        copy.set_weights([*model.trunk.get_weights(), *head.get_weights()])
        return copy

    encoders = [behind_a_copy(head) for head in model.encoders]
    mixing_network = behind_a_copy(model.mixing_network) if model.mixing_network is not None else None
    parts = {"posterior": model.posterior_family, "likelihood": model.likelihood, "mixing": model.mixing}
    apart = VAE(encoders, model.decoder, mixing_network=mixing_network, **parts)
    pairs = list(zip(encoders, model.encoders, strict=True))
    if mixing_network is not None:
        pairs.append((mixing_network, model.mixing_network))
    return apart, {
        mine.path: theirs.path
        for copy, head in pairs
        for mine, theirs in zip(copy.weights, [*model.trunk.weights, *head.weights], strict=True)
    }


def summed_over_copies(gradients, origin, without=()):
    """What weights that are tied get: the sum over their copies."""
    total = {}
    for path, gradient in gradients.items():
        if path not in without:
            name = origin.get(path, path)
            total[name] = total.get(name, 0.0) + gradient
    return total


# Gradients.


@pytest.mark.slow
@pytest.mark.parametrize("mixing", ["uniform", "learned"])
@every_rule
def test_the_trunk_gets_what_the_encoders_copies_of_it_would_get_in_sum(binary_data, rule, mixing):
    """In the recursion not what the mixing network's copy would: for eps_m the components are fixed."""
    model, x = trunk_model(mixing=mixing), binary_data()
    apart, origin = untied(model)
    np.testing.assert_allclose(apart(x)["means"], model(x)["means"], rtol=1e-5, atol=1e-6)
    result = recorded_gradients(model, rule, x)
    expected = recorded_gradients(apart, rule, x)
    fixed = set()
    if mixing == "learned" and not isinstance(rule, ELBO):
        fixed = {variable.path for variable in apart.mixing_network.layers[0].weights}
    assert_same_gradients(result, summed_over_copies(expected, origin, without=fixed), tolerance=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mixing", "bound", "num_samples"),
    [("uniform", "clamp", 1), ("learned", "skew", 3), ("pulled", "none", 1)],
)
def test_both_updates_have_the_gradients_of_the_definition(binary_data, mixing, bound, num_samples):
    mixing = RecursiveMixing(uniform_pull=0.7) if mixing == "pulled" else mixing
    model, x = trunk_model(mixing=mixing), binary_data()
    choices = {"bound": bound, "num_samples": num_samples}
    expected = gradients_by_definition(Definition(model, algorithm(**choices), x))
    assert set(expected) == {variable.path for variable in model.trainable_variables}
    results = [recorded_gradients(model, algorithm(update=update, **choices), x) for update in UPDATES]
    assert_same_gradients(*results, tolerance=1e-5)
    for result in results:
        assert_same_gradients(result, expected, tolerance=2e-5)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["kernel_regularizer", "activity_regularizer"])
def test_a_regularisation_loss_reaches_the_trunk_once(binary_data, kind):
    model, x = trunk_model(mixing="learned", options={kind: keras.regularizers.L2(1.0)}), binary_data()
    joint, sequential = (recorded_gradients(model, algorithm(update=update), x) for update in UPDATES)
    assert_same_gradients(joint, sequential, tolerance=1e-5)


@both_updates
def test_a_component_moves_its_own_head_and_the_trunk_alone(binary_data, update):
    """Component 1's part of the trunk's gradient: the difference to a mixture without it."""
    model, x = trunk_model(2), binary_data()
    both = recorded_gradients(model, algorithm(update=update), x)
    model.active_components = 1
    first = recorded_gradients(model, algorithm(update=update), x)
    own = {variable.path for variable in model.encoders[1].trainable_variables}
    assert set(both) - set(first) == own
    for variable in model.encoders[0].trainable_variables:
        np.testing.assert_allclose(both[variable.path], first[variable.path], rtol=1e-4, atol=1e-6)
    definition = Definition(model, algorithm(), x)
    with tf.GradientTape() as tape:
        loss = -tf.reduce_mean(definition.component_objective(1))
    variables = model.trunk.trainable_variables
    for variable, gradient in zip(variables, tape.gradient(loss, [v.value for v in variables]), strict=True):
        part = both[variable.path] - first[variable.path]
        np.testing.assert_allclose(part, gradient, rtol=1e-3, atol=1e-5)  # float32, of a difference
        assert np.abs(part).max() > 1e-3


@every_rule
def test_one_component_with_a_trunk_is_the_vae(binary_data, rule):
    model, x = trunk_model(1), binary_data()
    plain, origin = untied(model)
    expected = summed_over_copies(recorded_gradients(plain, ELBO(), x), origin)
    assert_same_gradients(recorded_gradients(model, rule, x), expected, tolerance=1e-6)


@every_rule
def test_a_trunk_that_is_frozen_stays(binary_data, rule):
    model = trunk_model(2)
    model.trunk.trainable = False
    gradients = recorded_gradients(model, rule, binary_data())
    assert set(gradients) == {variable.path for variable in model.trainable_variables}
    assert not {variable.path for variable in model.trunk.variables} & set(gradients)


# Steps.


@keras.saving.register_keras_serializable("test_trunk")
class Counting(keras.layers.Dense):
    """A layer that counts how often it is computed."""

    calls = 0

    def call(self, x):
        self.calls += 1
        return super().call(x)


@pytest.mark.parametrize("rule", [RULES["elbo"], RULES["joint"]], ids=["elbo", "joint"])
def test_a_step_computes_the_trunk_once(tiny_model, binary_data, rule):
    model = tiny_model(4, encoder=keras.layers.Dense(4), trunk=Counting(6), mixing="learned")
    model.compile(Recorder({}), rule)
    before = model.trunk.calls
    rule.step(model, tf.constant(binary_data()), tf.constant(SEED))
    assert model.trunk.calls == before + 1


class Counter(keras.optimizers.SGD):
    """Counts how often each variable is moved, and when."""

    def __init__(self):
        super().__init__(learning_rate=0.0)
        self._moves = []

    def apply(self, grads, trainable_variables=None):
        self._moves += [(variable.path, int(self.iterations.value)) for variable in trainable_variables]
        super().apply(grads, trainable_variables)


@pytest.mark.slow
@both_updates
def test_the_trunk_moves_once_a_step(binary_data, update):
    model, optimizer, rule = trunk_model(2, mixing="learned"), Counter(), algorithm(update=update)
    model.compile(optimizer, rule)
    for _ in range(2):
        rule.step(model, tf.constant(binary_data()), tf.constant(SEED))
    for variable in model.trunk.trainable_variables:
        assert [time for path, time in optimizer._moves if path == variable.path] == [0, 1]


@pytest.mark.slow
@pytest.mark.parametrize(
    "rule",
    [ELBO(warm_start_epochs=1), *(algorithm(update=update, warm_start_epochs=1) for update in UPDATES)],
    ids=RULES,
)
def test_a_warm_start_trains_trunk_and_first_head_and_copies_the_head(binary_data, rule):
    model, x = trunk_model(3, mixing="learned"), binary_data(8)
    model.compile(keras.optimizers.Adam(0.01), rule, run_eagerly=True)
    networks = [model.trunk, *model.encoders, model.mixing_network]
    before = [network.get_weights() for network in networks]
    with pytest.warns(UserWarning, match="warm start"):
        model.fit(x, epochs=1, verbose=0)
    after = [network.get_weights() for network in networks]
    moved = [any((a != b).any() for a, b in zip(*pair, strict=True)) for pair in zip(before, after, strict=True)]
    assert moved == [True, True, False, False, False]
    model.begin_epoch()
    np.testing.assert_array_equal(model.trunk.get_weights()[0], after[0][0])
    for head in model.encoders[1:]:
        noise = head.get_weights()[0] - model.encoders[0].get_weights()[0]
        assert 0.002 < noise.std() < 0.03  # 24 Gaussians of scale 0.01


@every_rule
def test_in_aggressive_training_the_trunk_is_of_the_encoders(binary_data, rule):
    rule = type(rule)(**{**rule.__dict__, "aggressive": Aggressive()})
    model, x = trunk_model(2), tf.constant(binary_data(8))
    model.compile(keras.optimizers.SGD(0.1), rule)
    assert isinstance(model.inner_loop, InnerLoop)
    decoder, trunk = model.decoder.get_weights(), model.trunk.get_weights()
    rule.step(model, x, tf.constant(SEED))
    np.testing.assert_array_equal(model.decoder.get_weights()[0], decoder[0])
    assert (model.trunk.get_weights()[0] != trunk[0]).any()


@pytest.mark.slow
def test_xla_compiles_the_step(binary_data, monkeypatch):
    def same_draw(self, num_samples, seed):  # XLA's generator is another
        mean, stddev = self.family.moments(self.params)
        return Draws((mean + 0.3 * stddev)[tf.newaxis])

    monkeypatch.setattr(MixturePosterior, "draw", same_draw)
    x, states = binary_data(8), []
    for options in ({"run_eagerly": True}, {"jit_compile": True}):
        keras.utils.set_random_seed(0)
        model = trunk_model(2, mixing="learned")
        model.compile(keras.optimizers.SGD(0.1), algorithm(), **options)
        model.fit(x, shuffle=False, verbose=0)
        states.append(model.get_weights())
    for plain, compiled in zip(*states, strict=True):
        np.testing.assert_allclose(plain, compiled, rtol=1e-4, atol=1e-5)
