"""From one observation to another by way of their codes, and what lies near a code."""

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from conftest import build_tiny_model
from rme_tf import generate, interpolate, nearest_neighbors
from rme_tf.data.text import train_tokenizer
from rme_tf.experiments.recipes import sentence_samples
from test_lstm import ROWS, D, build_text_model
from test_pixel_generation import pixel_model


def moved(built):
    for index, variable in enumerate(built.trainable_variables):
        variable.assign(variable + tf.random.stateless_normal(variable.shape, seed=(3, index)))
    return built


@pytest.fixture(scope="module")
def model():
    return moved(build_text_model(2, mixing="learned", decoder_options={"skip": True}))


def codes(*lead):
    return tf.random.stateless_normal([*lead, D], seed=(4, 4))


@pytest.mark.slow
def test_a_line_begins_and_ends_with_its_codes(model):
    first, second = codes(2)
    rows = interpolate(model, first, second, steps=5, max_length=6)
    assert rows.shape == (5, 6)
    np.testing.assert_array_equal(tf.gather(rows, [0, 4]), generate(model, codes(2), max_length=6))
    middle = generate(model, (first + second)[tf.newaxis] / 2.0, max_length=6)
    np.testing.assert_array_equal(rows[2], middle[0])


def test_lines_are_batched(model):
    first, second = codes(2, 2, 3)
    rows = interpolate(model, first, second, steps=4, max_length=6)
    assert rows.shape == (2, 3, 4, 6)
    for i, j in np.ndindex(2, 3):
        np.testing.assert_array_equal(rows[i, j], interpolate(model, first[i, j], second[i, j], steps=4, max_length=6))


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ((D,), (2, D), r"`second` must have the shape of `first`, \(3,\). Received: \(2, 3\)"),
        ((4, D + 1), (4, D + 1), r"`first` must be latent codes of shape \[..., 3\]. Received: \(4, 4\)"),
        ((D,), (D + 1,), r"`second` must be latent codes"),
        ((), (), r"`first` must be latent codes"),
    ],
)
def test_ends_that_do_not_fit_are_refused(model, first, second, message):
    with pytest.raises(ValueError, match=message):
        interpolate(model, tf.zeros(first), tf.zeros(second))


def test_a_line_has_two_ends(model):
    with pytest.raises(ValueError, match="`steps` must be an integer of at least 2"):
        interpolate(model, *codes(2), steps=1)


@pytest.mark.slow
def test_from_sentence_to_sentence(model):
    first, second = ROWS[:2], ROWS[1:]
    rows = model.interpolate(first, second[:, :4], steps=4, max_length=6)
    ends = [generate(model, model.codes(x), max_length=6) for x in (first, second[:, :4])]
    assert rows.shape == (2, 4, 6)
    np.testing.assert_array_equal(rows[:, 0], ends[0])
    np.testing.assert_array_equal(rows[:, -1], ends[1])
    lines = [
        np.asarray(model.interpolate(first, second, draw=True, strategy="sample", max_length=6, seed=(0, seed)))
        for seed in (1, 1, 2)
    ]
    np.testing.assert_array_equal(lines[0], lines[1])
    assert (lines[0] != lines[2]).any()
    same = model.interpolate(first, first, draw=True, max_length=6)
    assert (same[:, 0] != same[:, -1]).numpy().any()  # two draws


@pytest.mark.slow
def test_from_image_to_image(binary_data):
    built, x = build_tiny_model(), binary_data(4)
    images = built.interpolate(x[:2], x[2:], steps=3)
    assert images.shape == (2, 3, 5)
    line = tf.stack([built.codes(x[:2]), (built.codes(x[:2]) + built.codes(x[2:])) / 2.0, built.codes(x[2:])], axis=1)
    np.testing.assert_allclose(images, built.decode(line).mean(), rtol=1e-5)
    lines = built.interpolate(x[:2], x[2:], steps=3, which="components")
    assert lines.shape == (2, 2, 3, 5)
    np.testing.assert_allclose(lines[:, :, 0], built.decode(built.codes(x[:2], "components")).mean(), rtol=1e-5)
    drawn = built.interpolate(x[:2], x[2:], steps=3, draw=True, seed=(4, 5))
    np.testing.assert_array_equal(drawn, built.interpolate(x[:2], x[2:], steps=3, which="draw", seed=(4, 5)))
    with pytest.raises(ValueError, match="`draw=True` is for ends that are drawn.*which='mean'"):
        built.interpolate(x[:2], x[2:], draw=True, which="mean")
    with pytest.raises(ValueError, match="no option but `verbose`.*'strategy'"):
        built.sample(2, strategy="greedy")
    with pytest.raises(ValueError, match=r"latent codes of shape \[..., 2\]"):
        built.render(tf.zeros([2, 3]))
    pixels = pixel_model(shape=(2, 3, 1))
    assert pixels.interpolate(np.zeros([2, 2, 3, 1]), np.ones([2, 2, 3, 1]), steps=3).shape == (2, 3, 2, 3, 1)


def test_neighbours_are_the_nearest(rng):
    points, queries = rng.normal(size=(20, 3)), rng.normal(size=(4, 3))
    distances = np.linalg.norm(points[None] - queries[:, None], axis=-1)
    np.testing.assert_array_equal(nearest_neighbors(points, queries, k=3), np.argsort(distances, axis=1)[:, :3])
    for given, message in (
        ((points, queries, 21), "`k` must be an integer from 1 to 20. Received: 21"),
        ((points, queries, 0), "`k` must be an integer from 1 to 20. Received: 0"),
        ((points[0], queries), r"Received: \(3,\)"),
        ((points, queries[:, :2]), r"`queries` must be latent codes of shape \[N, 3\]"),
    ):
        with pytest.raises(ValueError, match=message):
            nearest_neighbors(*given)


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_a_recipe_shows_lines_between_the_codes_of_the_model(monkeypatch):
    tokenizer = train_tokenizer(["a b c d e f g h"], kind="word", vocabulary_size=11)
    built, ends = moved(build_text_model(2)), []
    seen = interpolate
    monkeypatch.setattr(
        sentence_samples, "interpolate", lambda *given, **choices: (ends.append(given), seen(*given, **choices))[1]
    )
    task = SimpleNamespace(example=ROWS, export_options={"tokenizer": tokenizer, "max_length": 6})
    text = sentence_samples.examples(SimpleNamespace(model=built, task=task, recipe=None))
    assert "From the first to the second" in text
    ((_, first, second),) = ends
    np.testing.assert_allclose([first, second], built.codes(ROWS)[:2], rtol=1e-4, atol=1e-5)
