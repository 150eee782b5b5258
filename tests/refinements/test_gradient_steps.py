"""Steps along a gradient: how long they may be, and what a recipe says of them."""

import numpy as np
import pytest
import tensorflow as tf

from rme_tf.experiments.recipes import factories
from rme_tf.refinements import SemiAmortised
from rme_tf.refinements.gradient import clipped
from small_recipes import image_recipe


def test_a_long_gradient_is_cut_and_a_zero_one_differentiable():
    """The means (3, 4) are long over two components, the other param is short."""
    gradient = tf.constant([[[3.0, 0.5], [4.0, 0.5]], [[0.3, 0.5], [0.4, 3.0]], [[0.0, 0.0], [0.0, 0.0]]])
    with tf.GradientTape() as tape:
        tape.watch(gradient)
        cut = clipped(gradient, 1.0, num_means=1)
    np.testing.assert_allclose(cut[:, :, 0], [[0.6, 0.8], [0.3, 0.4], [0.0, 0.0]], rtol=1e-6)
    np.testing.assert_allclose(cut[:, :, 1], [[0.5, 0.5], np.array([0.5, 3.0]) / 9.25**0.5, [0.0, 0.0]], rtol=1e-6)
    assert np.isfinite(tape.gradient(cut, gradient)).all()


def test_steps_are_cut_no_shorter_than_the_authors_cut_them():
    """They cut a batch's mean to 5 in the means, and to 5 in the log variances: equal rows, in their units and here."""
    batch, rows = 32, np.ones((32, 1, 4), np.float32)
    rows[..., 2:] = 100.0
    for scale in (5.0, 50.0):
        ours = clipped(tf.constant(scale * rows), SemiAmortised().clip_norm, num_means=2).numpy()
        theirs = []
        for block in np.split(scale * rows / batch, 2, axis=-1):
            theirs.append(block * min(1.0, 5.0 / np.linalg.norm(block)) * batch)
        np.testing.assert_allclose(ours, np.concatenate(theirs, axis=-1), rtol=0.02)  # 28 is 5 sqrt(32), rounded


def made(**choices):
    recipe = image_recipe(components=1, algorithm="elbo", encoder="mlp", decoder="mlp", latent_dim=2, **choices)
    return factories.make_model(recipe, {"input_shape": (5,)}).refinement


@pytest.mark.slow
def test_a_recipe_sets_the_rate_and_the_limit_of_the_steps():
    found = made(refinement="dsvi", refinement_steps=2, refinement_rate=0.25, refinement_clip=7.0)
    assert (found.steps, found.learning_rate, found.clip_norm) == (2, 0.25, 7.0)
    own, unset = SemiAmortised(), made(refinement="sa")
    assert (unset.learning_rate, unset.clip_norm) == (own.learning_rate, own.clip_norm)
    assert made(refinement="iai", refinement_steps=3).steps == 3


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"refinement": "sa", "refinement_rate": 0.0}, "`learning_rate` must be a finite number above 0"),
        ({"refinement": "dsvi", "refinement_clip": float("nan")}, "`clip_norm` must be a finite number above 0"),
        (
            {"refinement": "iai", "refinement_rate": 0.1},
            "Unknown options of the refinement 'iai'.*learning_rate: for the refinement 'dsvi' or 'sa'",
        ),
        (
            {"refinement_clip": 5.0},
            "Unknown options of the refinement None.*clip_norm: for the refinement 'dsvi' or 'sa'",
        ),
    ],
)
def test_a_rate_or_limit_that_means_nothing_is_refused(choices, message):
    with pytest.raises(ValueError, match=message):
        image_recipe(components=1, algorithm="elbo", **choices)
