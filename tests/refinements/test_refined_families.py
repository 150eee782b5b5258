"""Refinements in every posterior family: the gradient they climb, where it leads, and the derivatives through it."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from rme_tf import objectives
from rme_tf.core.types import Encoding
from rme_tf.posteriors import POSTERIORS
from rme_tf.refinements import REFINEMENTS, elbo_gradient
from test_refinements import SEED, refined_bound

OPTIONS = {"iaf": {"units": (4,), "context_size": 3}}

every_posterior = pytest.mark.parametrize("name", sorted(POSTERIORS))
every_refinement = pytest.mark.parametrize("refinement", sorted(REFINEMENTS))


def family_of(name):
    return POSTERIORS[name](2, **OPTIONS.get(name, {}))


def two_components(tiny_model, name, **choices):
    """Of weights that are learned, behind a trunk; the weights of a flow are moved with all others."""
    return tiny_model(2, mixing="learned", trunk="shared", posterior=family_of(name), spread=0.3, **choices)


def along_the_path(model, x, encoding, moved, num_samples):
    """The estimate of ELBO(Q) of each row, at draws by the params `moved` and densities by those of the encoding."""
    noise = tf.random.stateless_normal([num_samples, 1, moved.shape[1], 2], SEED)
    z = model.posterior_family.from_noise(moved, noise)
    log_q_all = model.posterior_of(encoding).component_log_probs(z)
    log_density = objectives.log_mixture(encoding.log_alpha[:, None], log_q_all)
    return objectives.mixture_elbo(sum(model.log_joint(x, z)), log_density, encoding.log_alpha)


@every_posterior
def test_the_gradient_is_that_of_the_estimate_in_every_param_that_matters(name, tiny_model, binary_data):
    """Central differences, all params of both components at once: a row of the batch for each."""
    model = two_components(tiny_model, name)
    row = tf.constant(binary_data(batch=1))
    own = model.amortised(row)
    size = own.params.shape[-1]
    x, encoding = tf.repeat(row, 2 * size, axis=0), Encoding(*(tf.repeat(part, 2 * size, axis=0) for part in own))
    found = elbo_gradient(model, x, encoding, SEED, num_samples=4)
    found = tf.reshape(tf.linalg.diag_part(tf.reshape(found, [2 * size, 2 * size])), [2, size]).numpy()

    step = 1e-2
    shifts = tf.reshape(step * tf.eye(2 * size), [2 * size, 2, size])
    ends = [along_the_path(model, x, encoding, encoding.params + sign * shifts, 4) for sign in (1.0, -1.0)]
    expected = tf.reshape(ends[0] - ends[1], [2, size]).numpy() / (2.0 * step)
    np.testing.assert_allclose(found, expected, rtol=5e-3, atol=2e-3)  # float32 of a bound of size 5, and step^2

    z = model.posterior_family.distribution(own.params).sample(8, seed=(1, 1))  # [S, 1, 2, D]
    densities = [model.posterior_family.log_prob(own.params + sign * shifts, z) for sign in (1.0, -1.0)]
    matters = (np.abs(densities[0] - densities[1]).max(axis=(0, 2)) > 1e-4 * step).reshape(2, size)
    assert matters.any(axis=0).all()  # every param of every family
    assert (np.abs(found[matters]) > 1e-6).all()


@pytest.mark.slow
@every_posterior
def test_steps_raise_the_bound(name, tiny_model, binary_data):
    x = tf.constant(binary_data(batch=6))
    options = {"steps": 4, "learning_rate": 0.1, "num_samples": 4}
    model = two_components(tiny_model, name, refinement="dsvi", refinement_options=options)
    elbos = []
    for encoding in model.refinement.path(model, x, model.amortised(x), SEED):
        z = model.posterior_of(encoding).sample_components(200, (5, 6))
        elbos.append(np.mean(objectives.mixture_terms(model.log_probs_at(x, encoding, z))["elbo"]))
    assert elbos[-1] > elbos[0] + 0.05


@pytest.mark.slow
@every_posterior
def test_sa_is_differentiated_through_the_steps_of_every_family(name, tiny_model, binary_data):
    """The gradient of all weights, along one direction, against differences: second derivatives count."""
    x, step = binary_data(batch=1), 3e-4  # small: where its axes are short, a reflection turns fast
    options = {"steps": 2, "learning_rate": 0.3}
    model = two_components(tiny_model, name, refinement="sa", refinement_options=options)
    values = [variable.value for variable in model.trainable_variables]
    with tf.GradientTape() as tape:
        bound = refined_bound(model, x)
    gradients = tape.gradient(bound, values)
    start, generator, ends = [value.numpy() for value in values], np.random.default_rng(0), []
    along = [generator.normal(size=value.shape).astype("float32") for value in start]
    for sign in (1.0, -1.0):
        for variable, value, d in zip(model.trainable_variables, start, along, strict=True):
            variable.assign(value + sign * step * d)
        ends.append(float(refined_bound(model, x)))
    slope = sum(np.sum(g.numpy() * d) for g, d in zip(gradients, along, strict=True))
    assert abs(slope) > 0.1
    np.testing.assert_allclose(slope, (ends[0] - ends[1]) / (2.0 * step), rtol=1e-2, atol=2e-2)  # float32 / step


@pytest.mark.slow
@every_posterior
@every_refinement
def test_every_refinement_trains_every_network_in_every_family(name, refinement, tiny_model, binary_data):
    options = {"steps": 1, **({"units": (4,)} if refinement == "iai" else {})}
    model = two_components(tiny_model, name, refinement=refinement, refinement_options=options)
    before = [variable.numpy() for variable in model.trainable_variables]
    model.compile(keras.optimizers.SGD(1.0), "elbo")
    model.algorithm.step(model, tf.constant(binary_data()), tf.constant(SEED))
    for variable, value in zip(model.trainable_variables, before, strict=True):
        assert np.isfinite(variable.numpy()).all()
        assert (variable.numpy() != value).any(), variable.path
