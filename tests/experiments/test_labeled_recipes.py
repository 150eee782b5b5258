"""Labels in the tasks of recipes: beside the observations that figures show, and nowhere in training."""

import dataclasses

import numpy as np
import pytest

from rme_tf.data import DATASETS, load_digits
from small_recipes import image_recipe, text_recipe

SENTENCES = [f"{word} sentence number {index}" for index in range(40) for word in ("good", "bad", "odd")]


@pytest.fixture
def corpus(tmp_path):
    for name, part in (("train", SENTENCES[:80]), ("validation", SENTENCES[80:100]), ("test", SENTENCES[100:])):
        lines = [f"{line.split()[0].upper()}\t{line}" for line in part]
        (tmp_path / f"{name}.txt").write_text("\n".join(lines), encoding="utf-8")
    return text_recipe(corpus=str(tmp_path), labeled=True, data_dir=None, vocabulary_size=30, diagnosed=12)


def test_the_example_images_have_their_labels():
    labels = image_recipe(dataset="digits", test_size=50).load().labels
    np.testing.assert_array_equal(labels.values, load_digits().labels.test[:50])
    assert labels.names == tuple("0123456789")


def test_labels_change_no_training_batch(monkeypatch):
    recipe = image_recipe(dataset="digits", train_size=300)
    labeled = next(iter(recipe.load().batches(0)))
    splits = load_digits()
    monkeypatch.setitem(DATASETS, "digits", lambda **_: splits._replace(train=splits.train))
    task = recipe.load()
    assert task.labels is None
    np.testing.assert_array_equal(next(iter(task.batches(0))), labeled)


def test_a_split_that_stands_for_another_brings_its_labels(monkeypatch):
    splits = load_digits()
    monkeypatch.setitem(DATASETS, "digits", lambda **_: splits.first(test=1))
    task = image_recipe(dataset="digits", diagnosed=5, smoke=True).resolved().load()
    np.testing.assert_array_equal(task.labels.values, splits.labels.train[: len(task.example)])


def test_the_example_sentences_have_their_labels(corpus):
    task = corpus.load()
    lines = task.export_options["tokenizer"].decode(task.example)
    assert len(lines) == 12
    assert [task.labels.names[label] for label in task.labels.values] == [line.split()[0].upper() for line in lines]
    cut = dataclasses.replace(corpus, test_size=5, train_size=40).load()
    assert len(cut.labels.values) == 5


def test_sentences_without_labels_have_none():
    assert text_recipe(data_dir=None, test_size=20, train_size=64).load().labels is None


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"labeled": True}, "`labeled` is for files of lines"),
        ({"labeled": True, "tfds": "imdb_reviews"}, "`labeled` is for files of lines"),
        ({"label_field": "label"}, "`label_field` needs a data set, `tfds`. Received: 'label'"),
    ],
    ids=str,
)
def test_labels_that_the_data_do_not_have_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        text_recipe(**fields)
