"""The weight of the KL term and free bits in the algorithms: exact gradients, and what they are refused for."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from conftest import build_tiny_model
from rme_tf.algorithms import ALGORITHMS, ELBO, RecursiveMixture
from rme_tf.algorithms.free_bits import FreeBits
from rme_tf.algorithms.kl_annealing import LinearAnnealing
from rme_tf.experiments.recipes import factories
from small_recipes import image_recipe

RATE = 1e-2
SEED = tf.constant([3, 4])


def steps_taken(model, algorithm, x):
    """What one step of plain gradient ascent adds to each variable, divided by the rate."""
    model.compile(keras.optimizers.SGD(RATE), algorithm)
    before = [variable.numpy() for variable in model.trainable_variables]
    algorithm.step(model, x, SEED)
    moved = [np.asarray(v.value) - b for v, b in zip(model.trainable_variables, before, strict=True)]
    for variable, value in zip(model.trainable_variables, before, strict=True):
        variable.assign(value)
    return [change / RATE for change in moved]


def check_equal(first, second, atol=2e-3):  # float32 differences of weights of size 1, divided by the rate
    for a, b in zip(first, second, strict=True):
        np.testing.assert_allclose(a, b, atol=atol)


def gradients(model, objective):
    with tf.GradientTape() as tape:
        value = tf.reduce_mean(objective())
    found = tape.gradient(value, [variable.value for variable in model.trainable_variables])
    return [
        np.zeros(v.shape) if g is None else np.asarray(g) for g, v in zip(found, model.trainable_variables, strict=True)
    ]


@functools.cache
def of_one_component(latent_dim=2):
    """A model that the tests leave as it was, and observations."""
    x = np.random.default_rng(1).integers(0, 2, size=(3, 5)).astype("float32")
    return build_tiny_model(1, latent_dim=latent_dim), x


def vae_objective(model, x, weigh):
    """E_q[log p(x|z)] - weigh(log q(z_d|x) - log p(z_d) [B, D]) of a plain VAE with one draw, written out anew."""
    mean, raw = tf.split(model.encoders[0](x), 2, axis=-1)
    scale = tf.math.softplus(raw) + 1e-5
    z = model.infer(x).sample_components(1, SEED)[0, :, 0]
    noise = tf.stop_gradient((z - mean) / scale)
    z = mean + scale * noise
    log_lik = model.likelihood.distribution(model.decoder(z)).log_prob(x)
    kl = -0.5 * noise**2 - tf.math.log(scale) + 0.5 * z**2
    return log_lik - weigh(kl)


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0, 4.0])
@pytest.mark.parametrize("name", sorted(ALGORITHMS))
def test_one_component_ascends_the_weighted_bound(name, weight):
    model, x = of_one_component()
    algorithm = ALGORITHMS[name](kl_weight=weight, warm_start_epochs=0, num_samples=1)
    check_equal(steps_taken(model, algorithm, x), weighted_gradients(weight))


@functools.cache  # the same for every algorithm
def weighted_gradients(weight):
    model, x = of_one_component()
    return gradients(model, lambda: vae_objective(model, x, lambda kl: weight * tf.reduce_sum(kl, axis=-1)))


def floored(nats, groups):
    def weigh(kl):
        kl = tf.reduce_sum(tf.reshape(kl, [kl.shape[0], groups, -1]), axis=-1)
        return tf.reduce_sum(tf.maximum(nats, tf.reduce_mean(kl, axis=0)))

    return weigh


@pytest.mark.parametrize("name", sorted(name for name, kind in ALGORITHMS.items() if "free_bits" in kind.honors))
@pytest.mark.parametrize("groups", [None, 1, 2])
@pytest.mark.parametrize("nats", [0.0, 0.4, 100.0])
def test_one_component_ascends_the_bound_with_free_bits(name, groups, nats):
    model, x = of_one_component(latent_dim=4)
    algorithm = ALGORITHMS[name](free_bits=FreeBits(nats=nats, groups=groups), warm_start_epochs=0)
    check_equal(steps_taken(model, algorithm, x), floored_gradients(nats, groups or 4))


@functools.cache
def floored_gradients(nats, groups):
    model, x = of_one_component(latent_dim=4)
    return gradients(model, lambda: vae_objective(model, x, floored(nats, groups)))


@pytest.mark.slow
def test_a_floor_of_some_dimensions_is_neither_none_nor_all(tiny_model, binary_data):
    """The floor of the test above must cut between the dimensions, or it would show nothing."""
    model, x = tiny_model(1, latent_dim=4), binary_data()
    taken = [steps_taken(model, ELBO(free_bits=FreeBits(nats=nats)), x)[0] for nats in (0.0, 0.4, 100.0)]
    assert np.abs(taken[0] - taken[1]).max() > 1e-2
    assert np.abs(taken[1] - taken[2]).max() > 1e-2


@pytest.mark.slow
@pytest.mark.parametrize("mixing", ["uniform", "learned"])
@pytest.mark.parametrize("choices", [{"kl_weight": 0.3}, {"free_bits": FreeBits(nats=0.4)}], ids=str)
def test_sequential_and_joint_agree(tiny_model, binary_data, mixing, choices):
    """At equal parameters: the optimizer moves nothing, and adds up the gradients that it is given."""
    model, x = tiny_model(3, mixing=mixing), binary_data()
    moved = {}
    before = model.get_weights()
    for update in ("joint", "sequential"):
        algorithm = RecursiveMixture(update=update, warm_start_epochs=0, **choices)
        recorded = {}

        class Recorder(keras.optimizers.SGD):
            def apply(self, grads, trainable_variables=None, recorded=recorded):
                for gradient, variable in zip(grads, trainable_variables, strict=True):
                    before = recorded.get(variable.path, 0.0)  # the mixing network has many stages
                    recorded[variable.path] = before + np.asarray(tf.convert_to_tensor(gradient))

        model.compile(Recorder(), algorithm, run_eagerly=True)
        algorithm.step(model, x, SEED)
        moved[update] = recorded
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert moved["joint"].keys() == moved["sequential"].keys()
    for path, gradient in moved["joint"].items():
        np.testing.assert_allclose(gradient, moved["sequential"][path], atol=2e-6, err_msg=path)


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_the_weight_follows_the_steps_of_training(tiny_model, binary_data):
    model, x = tiny_model(1), binary_data(8)
    algorithm = ELBO(kl_weight=LinearAnnealing(steps=4))
    model.compile("sgd", algorithm)
    weights = [float(algorithm.kl_weight_now(model))]
    for _ in range(5):
        model.fit(x, batch_size=8, verbose=0)
        weights.append(float(algorithm.kl_weight_now(model)))
    np.testing.assert_allclose(weights, [0.0, 0.25, 0.5, 0.75, 1.0, 1.0])


@pytest.mark.slow
@pytest.mark.parametrize("update", ["joint", "sequential"])
def test_a_compiled_step_sees_the_weight_change(tiny_model, binary_data, update):
    """A weight frozen when the step is traced would be zero for ever."""
    x, moved = tf.constant(binary_data()), []
    algorithm = RecursiveMixture(kl_weight=LinearAnnealing(steps=1, end=50.0), update=update, warm_start_epochs=0)
    compiled = tf.function(algorithm.step, autograph=False)
    for step in (algorithm.step, compiled):
        model = tiny_model(2)
        model.compile(keras.optimizers.SGD(RATE), algorithm)
        for weight in (0.0, 50.0):
            assert float(algorithm.kl_weight_now(model)) == weight
            step(model, x, SEED)
        moved.append(model.get_weights())
    for eager, traced in zip(*moved, strict=True):
        np.testing.assert_allclose(traced, eager, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_algorithms_with_schedules_survive_saving(tiny_model, binary_data, tmp_path):
    model = tiny_model(2)
    algorithm = RecursiveMixture(
        kl_weight=LinearAnnealing(steps=9, start=0.1), free_bits=FreeBits(nats=0.2), warm_start_epochs=0
    )
    model.compile("sgd", algorithm)
    model.fit(binary_data(8), verbose=0)
    model.save(tmp_path / "model.keras")
    assert keras.saving.load_model(tmp_path / "model.keras").algorithm == algorithm


@pytest.mark.parametrize("weight", [-1.0, float("nan"), float("inf")])
def test_a_weight_out_of_range_raises(weight):
    with pytest.raises(ValueError, match="`kl_weight`"):
        ELBO(kl_weight=weight)


@pytest.mark.parametrize("choices", [{"nats": -1.0}, {"nats": float("nan")}, {"nats": 1.0, "groups": 0}])
def test_free_bits_out_of_range_raise(choices):
    with pytest.raises(ValueError, match="`nats`|`groups`"):
        FreeBits(**choices)


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_free_bits_in_groups_need_independent_dimensions(tiny_model, binary_data):
    model = tiny_model(1, posterior="full_normal")
    model.compile("sgd", ELBO(free_bits=FreeBits(nats=0.1)))
    with pytest.raises(ValueError, match="FullNormal.*groups=1"):
        model.fit(binary_data(), verbose=0)
    model.compile("sgd", ELBO(free_bits=FreeBits(nats=0.1, groups=1)))
    model.fit(binary_data(), verbose=0)


@pytest.mark.usefixtures("eagerly")
def test_groups_must_divide_the_dimensions(tiny_model, binary_data):
    model = tiny_model(1, latent_dim=3)
    model.compile("sgd", ELBO(free_bits=FreeBits(nats=0.1, groups=2)))
    with pytest.raises(ValueError, match="`groups` must divide"):
        model.fit(binary_data(), verbose=0)


def test_a_recipe_describes_them():
    recipe = image_recipe(annealing="linear", annealing_steps=7, annealing_start=0.1, free_bits=0.25)
    algorithm = factories.make_algorithm(recipe)
    assert algorithm.kl_weight == LinearAnnealing(steps=7, start=0.1)
    assert algorithm.free_bits == FreeBits(nats=0.25)
    with pytest.raises(ValueError, match="annealing"):
        image_recipe(annealing="cubic")
