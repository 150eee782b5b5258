"""What weighs the components for the decoder in the recursion: their mixing weights, or nothing."""

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
from rme_tf import RecursiveMixture


class UniformDefinition(Definition):
    def generative_objective(self):
        """mean_m E_{q_m}[log p(x, z)] [B]."""
        return sum(tf.reduce_mean(self.log_joint(z), axis=0) for z in self.samples) / len(self.samples)


@pytest.mark.slow
@pytest.mark.parametrize(("num_components", "num_samples"), [(2, 3), (3, 1)])
def test_both_updates_have_the_gradients_of_the_definition(tiny_model, binary_data, num_components, num_samples):
    model, x = tiny_model(num_components, mixing="learned", likelihood="normal"), binary_data()
    choices = {"num_samples": num_samples, "decoder_weights": "uniform"}
    expected = gradients_by_definition(UniformDefinition(model, algorithm(**choices), x))
    joint, sequential = (recorded_gradients(model, algorithm(update=update, **choices), x) for update in UPDATES)
    assert_same_gradients(joint, sequential, tolerance=1e-5)  # float32, as in test_recursive_mixture
    assert_same_gradients(joint, expected, tolerance=2e-5)


@pytest.mark.slow
def test_it_moves_the_decoder_alone_and_not_at_equal_weights(tiny_model, binary_data):
    for mixing in ("learned", "uniform"):
        model, x = tiny_model(2, mixing=mixing), binary_data()
        alpha, uniform = (recorded_gradients(model, algorithm(decoder_weights=w), x) for w in ("alpha", "uniform"))
        theta = {variable.path for variable in model.generative_variables}
        changed = {path for path in alpha if np.abs(alpha[path] - uniform[path]).max() > 1e-4}
        assert changed == (theta if mixing == "learned" else set())


def test_a_component_of_no_weight_learns_at_full_speed(tiny_model, binary_data):
    """The division by the weights has no floor to meet: the joint update is the sequential one."""
    model, x = tiny_model(2, mixing="learned"), binary_data()
    kernel, bias = model.mixing_network.trainable_variables[-2:]
    kernel.assign(tf.zeros_like(kernel.value))
    bias.assign(tf.fill(bias.shape, -30.0))
    joint, sequential = (
        recorded_gradients(model, algorithm(update=update, decoder_weights="uniform"), x) for update in UPDATES
    )
    assert_same_gradients(joint, sequential, tolerance=1e-5)


def test_unknown_weights_are_refused():
    with pytest.raises(ValueError, match="`decoder_weights`.*'alpha', 'uniform'"):
        RecursiveMixture(decoder_weights="equal")
