"""Two stochastic layers in a model: whom the gradient reaches, diagnostics, precision, recipes."""

import dataclasses
import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from definition import (
    UPDATES,
    Definition,
    algorithm,
    assert_same_gradients,
    gradients_by_definition,
    recorded_gradients,
)
from rme_tf import ELBO, FreeBits, RecursiveMixture
from rme_tf.evaluation.collapse import collapse_report
from rme_tf.experiments.recipes import factories
from rme_tf.posteriors import POSTERIORS
from rme_tf.priors import Hierarchical
from small_recipes import image_recipe

SEED = (3, 4)
FLOOR = 0.05
NORMAL = math.log(math.expm1(1.0 - FLOOR))  # what is added to a raw scale: the scale of zero is one


@pytest.fixture
def hierarchy(tiny_model):
    """Builder of tiny models of three latent dimensions, one of them above the others."""
    options = {"units": (4,), "activation": "tanh"}
    return lambda num_components=2, **more: tiny_model(
        num_components, **{"latent_dim": 3, "prior": "hierarchical", "prior_options": options, **more}
    )


def test_a_model_refuses_a_size_of_its_prior(tiny_model):
    with pytest.raises(ValueError, match=r"`upper_dim` must be an integer from 1 to 1"):
        tiny_model(latent_dim=2, prior="hierarchical", prior_options={"upper_dim": 2})


# Gradients.


class HierarchicalDefinition(Definition):
    """The objectives with this prior written out, in float64."""

    def log_prior(self, z):
        kernels, biases = (
            [tf.cast(variable.value, tf.float64) for variable in self.model.prior.weights[start::2]] for start in (0, 1)
        )
        lower, upper = z[..., :2], z[..., 2:]
        outputs = tf.tensordot(tf.tanh(tf.tensordot(upper, kernels[0], 1) + biases[0]), kernels[1], 1) + biases[1]
        mean, raw = tf.split(outputs, 2, axis=-1)
        scale = tf.math.log(1.0 + tf.exp(raw + NORMAL)) + FLOOR
        standard = tf.concat([(lower - mean) / scale, upper], axis=-1)
        density = tf.reduce_sum(-0.5 * standard**2 - 0.5 * math.log(2 * math.pi), axis=-1)
        return density - tf.reduce_sum(tf.math.log(scale), axis=-1)


@pytest.mark.slow
@pytest.mark.parametrize(
    "choices",
    [
        {"num_components": 1},
        {"num_components": 2},
        {"num_components": 3, "mixing": "learned"},
        {"num_components": 3, "mixing": "learned", "trunk": "shared"},
    ],
    ids=str,
)
def test_both_updates_have_the_gradients_of_the_definition(hierarchy, binary_data, choices):
    model, x = hierarchy(**choices), binary_data()
    expected = gradients_by_definition(HierarchicalDefinition(model, algorithm(num_samples=2), x))
    joint, sequential = (recorded_gradients(model, algorithm(update=u, num_samples=2), x) for u in UPDATES)
    assert set(expected) == {variable.path for variable in model.trainable_variables}
    assert len(expected) == len(model.trainable_variables)  # no two of them by one name
    assert_same_gradients(joint, sequential, tolerance=1e-5)  # float32, as in test_recursive_mixture
    assert_same_gradients(joint, expected, tolerance=2e-5)
    for variable in model.prior.trainable_variables:
        assert np.abs(expected[variable.path]).max() > 0.0, variable.path
    if choices["num_components"] == 1:
        assert_same_gradients(recorded_gradients(model, ELBO(num_samples=2), x), expected, tolerance=2e-5)


@pytest.mark.parametrize("posterior", sorted(POSTERIORS))
def test_the_elbo_of_every_family_reaches_it(hierarchy, binary_data, posterior):
    model = hierarchy(1, posterior=posterior)
    record = recorded_gradients(model, ELBO(), binary_data())
    for variable in model.trainable_variables:
        assert np.isfinite(record[variable.path]).all()
    assert all(np.abs(record[variable.path]).max() > 0 for variable in model.prior.trainable_variables)


# In a model.


@pytest.mark.slow
def test_every_diagnostic_is_that_of_the_standard_normal_where_they_are_the_same(hierarchy, binary_data):
    x, priors = binary_data(20), (Hierarchical(3), "standard_normal")
    models = [hierarchy(prior=prior, prior_options=None, spread=0.0) for prior in priors]
    own, normal = (dataclasses.asdict(collapse_report(model, x, num_samples=2)) for model in models)
    assert own.pop("kl_per_dimension") is None  # the dimensions are dependent
    assert normal.pop("kl_per_dimension") is not None
    assert own.pop("advice") == normal.pop("advice")
    for name, value in normal.items():
        np.testing.assert_allclose(own[name], value, rtol=1e-4, atol=1e-5, err_msg=name)


@pytest.mark.slow
def test_the_kl_is_that_of_its_density(hierarchy, binary_data):
    model, x = hierarchy(), binary_data(20)
    report = collapse_report(model, x, num_samples=200)
    q = model.infer(x)
    z = q.sample_components(200, SEED)
    log_q = tf.linalg.diag_part(q.component_log_probs(z))
    expected = tf.reduce_mean(log_q - model.prior.distribution().log_prob(z), axis=(0, 1))
    np.testing.assert_allclose(report.kl_per_component, expected, atol=0.2)  # 4,000 draws of a standard deviation of 2


def test_free_bits_need_all_dimensions_as_one_group_and_no_recursion(hierarchy, binary_data):
    model = hierarchy(1)
    model.compile("sgd", ELBO(free_bits=FreeBits(nats=0.1)), run_eagerly=True)
    with pytest.raises(ValueError, match="independent over latent dimensions. Received: Hierarchical. Pass `groups=1`"):
        model.fit(binary_data(4), verbose=0)
    model.compile("sgd", ELBO(free_bits=FreeBits(nats=0.1, groups=1)), run_eagerly=True)
    assert np.isfinite(model.fit(binary_data(4), verbose=0).history["loss"]).all()
    with pytest.raises(ValueError, match="a prior without weights of its own. Received: Hierarchical"):
        model.compile("sgd", RecursiveMixture(free_bits=FreeBits(nats=0.1, groups=1)))


@pytest.mark.parametrize("refinement", ["sa", "iai"])
def test_steps_up_the_elbo_go_through_it(hierarchy, binary_data, refinement):
    model, x = hierarchy(1, refinement=refinement, refinement_options={"steps": 2}), binary_data()
    record = recorded_gradients(model, ELBO(), x)
    assert all(np.isfinite(record[variable.path]).all() for variable in model.trainable_variables)


@pytest.mark.slow
def test_it_is_compiled_with_mixed_precision(hierarchy, binary_data):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = hierarchy()
        model.compile(keras.optimizers.SGD(0.1), algorithm(), jit_compile=True)
        assert np.isfinite(model.fit(binary_data(4), batch_size=4, verbose=0).history["loss"]).all()
        distribution = model.prior.distribution()
        z = distribution.sample(2000, seed=SEED)
        assert z.dtype == distribution.log_prob(z).dtype == tf.float32
        copy = Hierarchical.from_config({**model.prior.get_config(), "dtype": "float32"})
        copy.set_weights(model.prior.get_weights())
        # No matrix product of half the precision: that would be off by 1e-3.
        np.testing.assert_array_equal(distribution.log_prob(z), copy.distribution().log_prob(z))
    finally:
        keras.config.set_dtype_policy("float32")


# In a recipe.


def test_the_size_of_a_prior_reaches_it():
    def options(**fields):
        return factories.names_and_options(image_recipe(**fields))["prior_options"]

    assert options(prior="hierarchical") == {}
    assert options(prior="hierarchical", upper_dim=5) == {"upper_dim": 5}
    assert options(prior="vamp", prior_components=5) == {"num_components": 5}


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"prior": "mixture", "upper_dim": 5}, "Unknown options of the prior 'mixture'.*upper_dim: for the prior"),
        (
            {"prior": "hierarchical", "prior_components": 5},
            "Unknown options of the prior 'hierarchical'.*num_components: for",
        ),
        ({"prior": "hierarchical", "latent_dim": 4, "upper_dim": 4}, r"`upper_dim`.* from 1 to 3.*Received: 4"),
        ({"prior": "hierarchical", "latent_dim": 4, "upper_dim": 0}, r"`upper_dim`.* from 1 to 3.*Received: 0"),
        ({"prior": "hierarchical", "latent_dim": 1}, "`latent_dim` must be .* at least 2. Received: 1. There are two"),
    ],
)
def test_a_recipe_refuses_a_size_that_its_prior_has_not(choices, message):
    with pytest.raises(ValueError, match=message):
        image_recipe(**choices)
