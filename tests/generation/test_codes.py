"""Codes of observations: of all components, of one, or drawn."""

import numpy as np
import pytest
import tensorflow as tf

from rme_tf.generation.codes import MEANS, heaviest_means, mixture_means
from rme_tf.posteriors import POSTERIORS

every_posterior = pytest.mark.parametrize("posterior", sorted(POSTERIORS))


@every_posterior
@pytest.mark.parametrize("mixing", ["uniform", "learned"])
def test_codes_are_of_all_components(posterior, mixing, tiny_model, binary_data):
    model, x = tiny_model(3, posterior=posterior, mixing=mixing, spread=0.5), binary_data(4)
    inferred = {name: value.numpy() for name, value in model(x).items()}
    mean = np.einsum("bm,bmd->bd", inferred["weights"], inferred["means"])
    np.testing.assert_allclose(model.codes(x), mean, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(model.codes(x, "mean"), model.codes(x))
    np.testing.assert_array_equal(model.codes(x, which="components"), inferred["means"])
    heaviest = inferred["weights"].argmax(axis=-1) if mixing == "learned" else np.zeros(4, int)
    np.testing.assert_array_equal(model.codes(x, "heaviest"), inferred["means"][np.arange(4), heaviest])
    np.testing.assert_array_equal(model.codes(x, "draw", seed=(0, 1)), model.posterior(x).sample(seed=(0, 1)))


@pytest.mark.parametrize("which", sorted({*MEANS, "draw"} - {"heaviest"}))
def test_a_change_of_any_encoder_changes_the_codes_under_uniform_weights(which, tiny_model, binary_data):
    model, x = tiny_model(3), binary_data(40)
    seed = {"seed": (0, 1)} if which == "draw" else {}
    before = np.asarray(model.codes(x, which, **seed))
    for encoder in model.encoders:
        start = encoder.get_weights()
        encoder.set_weights([value + 0.5 for value in start])
        assert np.abs(model.codes(x, which, **seed) - before).max() > 0.05
        encoder.set_weights(start)


def test_a_seed_stands_for_a_draw(tiny_model, binary_data):
    model, x = tiny_model(2, mixing="learned"), binary_data(4)
    drawn = [np.asarray(model.codes(x, seed=(0, seed))) for seed in (1, 1, 2)]
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert (drawn[0] != drawn[2]).any()
    np.testing.assert_array_equal(drawn[0], model.codes(x, "draw", seed=(0, 1)))


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"which": "first"}, "Expected one of: 'components', 'draw', 'heaviest', 'mean'. Received: 'first'"),
        ({"which": (0, 1)}, "Expected one of: 'components', 'draw', 'heaviest', 'mean'"),
        ({"which": "draw"}, "`seed`, an integer or a stateless seed.*needs one. Received: which='draw' and none"),
        ({"which": "mean", "seed": (0, 1)}, "Received: which='mean' and one"),
    ],
)
def test_what_does_not_go_together_is_refused(choices, message, tiny_model, binary_data):
    with pytest.raises(ValueError, match=message):
        tiny_model(2).codes(binary_data(2), **choices)


def test_observations_of_another_shape_are_refused(tiny_model, binary_data):
    with pytest.raises(ValueError, match="`x` must have shape"):
        tiny_model(2).codes(binary_data(2)[0])


def test_the_heaviest_component_is_chosen_for_each_observation_the_first_of_equals():
    means = np.arange(18.0).reshape(3, 3, 2)
    third = np.float32(1 / 3)
    weights = np.array([[0.2, 0.5, 0.3], [0.4, 0.3, 0.3], [third, np.nextafter(third, np.float32(1)), third]])
    np.testing.assert_array_equal(heaviest_means(weights, means), [[2, 3], [6, 7], [12, 13]])


def test_the_mean_of_one_component_is_its_own():
    means = tf.random.stateless_normal([4, 1, 3], seed=(1, 2))
    np.testing.assert_array_equal(mixture_means(tf.ones([4, 1]), means), means[:, 0])
