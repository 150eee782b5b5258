"""Batch normalization in training: each step differentiates its objective as it is, whatever the rows share."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from definition import UPDATES, assert_same_gradients, recorded_gradients
from rme_tf import ELBO, VAE, Boosted, ImportanceWeighted, RecursiveMixture, SubsetELBO
from rme_tf.algorithms import base, bound, drawn_update, recursive_mixture, sequential

layers = keras.layers
PIXELS, LATENT, SEED = 5, 2, (3, 4)
LOOP = {"update": "sequential", "warm_start_epochs": 0}


def network(inputs, outputs, normalized=False):
    normalization = [layers.BatchNormalization()] if normalized else []
    return keras.Sequential(
        [layers.Input((inputs,)), layers.Dense(6, activation="tanh"), *normalization, layers.Dense(outputs)]
    )


def model_with(normalized, num_components, **choices):
    """A model with batch statistics in the encoders or in the decoder, and weights as after a training."""
    model = VAE(
        [network(PIXELS, 2 * LATENT, normalized == "encoders") for _ in range(num_components)],
        network(LATENT, PIXELS, normalized == "decoder"),
        posterior="diag_normal",
        likelihood="bernoulli",
        mixing_network=network(PIXELS, num_components - 1),
        seed=0,
        **choices,
    )
    generator = np.random.default_rng(0)
    for variable in model.trainable_variables:
        variable.assign(variable.numpy() + generator.normal(scale=0.3, size=variable.shape))
    return model


def directional(value, variables, direction, step=1e-2):
    """The derivative by central differences."""
    ends = []
    for sign in (1.0, -1.0):
        for variable, part in zip(variables, direction, strict=True):
            variable.assign_add(sign * step * part)
        ends.append(float(tf.reduce_mean(value())))
        for variable, part in zip(variables, direction, strict=True):
            variable.assign_sub(sign * step * part)
    return (ends[0] - ends[1]) / (2 * step)


RULES = {
    "elbo": (ELBO(), 2),
    "importance weighted": (ImportanceWeighted(num_samples=3), 2),
    "subset": (SubsetELBO(subset_size=2), 3),
    "recursion": (RecursiveMixture(**LOOP), 3),
    "boosted": (Boosted(**LOOP), 2),
    "drawn elbo": (ELBO(components_per_step=2), 3),
    # Without a reward, in which the components before are held fixed.
    "drawn recursion": (RecursiveMixture(components_per_step=1, kl_bound=0.0, warm_start_epochs=0), 3),
}


@pytest.mark.slow
@pytest.mark.parametrize("normalized", ["decoder", "encoders"])
@pytest.mark.parametrize("name", sorted(RULES))
def test_the_gradient_is_that_of_the_value(monkeypatch, binary_data, name, normalized):
    """In every stage, with the statistics of the very batch that it decodes."""
    rule, count = RULES[name]
    model = model_with(normalized, count)
    stages = []

    def compare(model, variables, objective, **options):
        _, result = objective()
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(objective()[0])
        gradients = tape.gradient(loss, [variable.value for variable in variables])
        generator = np.random.default_rng(len(stages))
        direction = [generator.normal(size=tuple(variable.shape)).astype("float32") for variable in variables]
        length = np.sqrt(sum(np.sum(part**2) for part in direction))
        direction = [part / length for part in direction]
        exact = sum(float(tf.reduce_sum(g * part)) for g, part in zip(gradients, direction, strict=True))
        scale = np.sqrt(
            sum(float(tf.reduce_sum(g**2)) for g in gradients) / sum(g.shape.num_elements() for g in gradients)
        )
        numeric = directional(lambda: objective()[0], variables, direction)
        stages.append((numeric, exact, scale))
        return result

    for module in (bound, drawn_update, recursive_mixture, sequential):
        monkeypatch.setattr(module, "ascend", compare)
    model.compile("sgd", rule)
    rule.step(model, tf.constant(binary_data(8)), tf.constant(SEED))
    assert len(stages) == (count + 1 if getattr(rule, "update", None) == "sequential" else 1)
    for numeric, exact, scale in stages:
        assert numeric == pytest.approx(exact, rel=0.02, abs=0.02 * scale)


@pytest.mark.slow
@pytest.mark.parametrize("mixing", ["uniform", "learned"])
def test_batch_statistics_in_the_encoders_leave_the_updates_equal(binary_data, mixing):
    """What is rescaled at a code is the gradient of its own row; the encoders' rows may have anything in common."""
    model, x = model_with("encoders", 3, mixing=mixing), binary_data(8)
    joint, loop = (recorded_gradients(model, RecursiveMixture(**{**LOOP, "update": each}), x) for each in UPDATES)
    assert_same_gradients(joint, loop, 1e-4)


@pytest.mark.slow
def test_batch_statistics_in_the_decoder_would_not(monkeypatch, binary_data):
    model, x = model_with("decoder", 3), binary_data(8)
    with monkeypatch.context() as patch:
        patch.setattr(base, "decoder_mixes_rows", lambda model: False)
        joint = recorded_gradients(model, RecursiveMixture(warm_start_epochs=0), x)
    loop = recorded_gradients(model, RecursiveMixture(**LOOP), x)
    kernels = [encoder.trainable_variables[0].path for encoder in model.encoders]
    errors = [np.linalg.norm(joint[path] - loop[path]) / np.linalg.norm(loop[path]) for path in kernels]
    assert min(errors) > 0.05
