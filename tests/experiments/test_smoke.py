"""A run of seconds takes what is there, however little; one that is none asks for what it needs before any work."""

import dataclasses
import warnings

import numpy as np
import pytest
from PIL import Image

import rme_tf
from rme_tf.data import DATASETS, ImageSplits
from rme_tf.experiments.reports.tables import summary_table
from small_recipes import image_recipe, text_recipe

SMALL = {"latent_dim": 2, "components": 2}
IMAGES = image_recipe(
    **SMALL, encoder="mlp", decoder="mlp", mlp_units=(4,), dataset="folder", binarization="threshold", smoke=True
)
TEXTS = text_recipe(**SMALL, units=4, embedding_size=4, max_length=8, data_dir=None, smoke=True)


def sizes(task, *splits):
    return [task.facts[name] for name in splits or ("train", "validation", "test")]


@pytest.fixture
def folder(tmp_path):
    """Builder of a folder of so many images, and the recipe of a run of seconds on it."""

    def built(count):
        rng, path = np.random.default_rng(0), tmp_path / "images"
        path.mkdir()
        for index in range(count):
            Image.fromarray(rng.integers(0, 256, (3, 4), dtype=np.uint8)).save(path / f"{index}.png")
        places = {"path": str(path), "data_dir": str(tmp_path / "data"), "out": str(tmp_path / "run")}
        return dataclasses.replace(IMAGES, **places, size=3, channels=1)

    return built


@pytest.fixture
def corpus(tmp_path):
    """Builder of a folder of three files of so many lines, and the recipe of a run of seconds on it."""

    def built(train, validation, test):
        for name, count in (("train", train), ("validation", validation), ("test", test)):
            lines = [f"the cat sat on mat {index}" for index in range(count)]
            (tmp_path / f"{name}.txt").write_text("\n".join(lines), encoding="utf-8")
        return dataclasses.replace(TEXTS, corpus=str(tmp_path), out=str(tmp_path / "run"), vocabulary_size=8)

    return built


@pytest.mark.parametrize(
    ("count", "expected"), [(3, [1, 1, 1]), (10, [8, 1, 1]), (300, [240, 30, 30]), (700, [512, 64, 64])]
)
def test_images(folder, count, expected):
    recipe = folder(count).resolved()
    task = recipe.load()
    assert sizes(task) == expected
    assert task.steps_per_epoch == max(1, expected[0] // recipe.batch_size)
    assert len(next(iter(task.batches(0)))) == min(recipe.batch_size, expected[0])


@pytest.mark.parametrize("name", sorted(DATASETS))
def test_every_set_of_images_may_be_a_small_one(name, monkeypatch):
    pixels = np.zeros((300, 3, 3, 1), np.uint8)
    monkeypatch.setitem(DATASETS, name, lambda **options: ImageSplits(pixels, pixels[:5], pixels[:4]))
    recipe = dataclasses.replace(IMAGES, dataset=name)
    assert sizes(recipe.resolved().load()) == [300, 5, 4]
    with pytest.raises(ValueError, match="`train_size` must be an integer from 1 to 300. Received: 512"):
        dataclasses.replace(recipe, smoke=False, train_size=512).load()


@pytest.mark.parametrize(
    ("lines", "expected"), [((5, 1, 1), [5, 5, 5]), ((50, 3, 2), [50, 3, 2]), ((600, 70, 70), [512, 64, 64])]
)
def test_sentences(corpus, lines, expected):
    recipe = corpus(*lines).resolved()
    task = recipe.load()
    assert [split["num_rows"] for split in sizes(task)] == expected
    assert task.steps_per_epoch == max(1, expected[0] // recipe.batch_size)
    assert len(next(iter(task.batches(0)))) == min(recipe.batch_size, expected[0])


def test_fifty_lines_in_one_file(tmp_path):
    (tmp_path / "all.txt").write_text("\n".join(f"line {index}" for index in range(50)), encoding="utf-8")
    recipe = dataclasses.replace(TEXTS, corpus=str(tmp_path / "all.txt"))
    with pytest.warns(UserWarning, match=r"allow for a vocabulary of \d\d by the tokenizer 'word'"):
        task = recipe.resolved().load()
    assert 40 < sizes(task, "train")[0]["num_rows"] < 50
    assert min(split["num_rows"] for split in sizes(task)) >= 2


def test_a_run_that_is_none_of_seconds_asks_for_what_it_needs(folder, corpus):
    images, texts = (dataclasses.replace(recipe, smoke=False) for recipe in (folder(10), corpus(50, 1, 1)))
    with pytest.raises(ValueError, match="Too few images for a batch"):
        images.load()
    with pytest.raises(ValueError, match="`diagnosed` needs two images at least. Received: one, in .* 'validation'"):
        dataclasses.replace(images, diagnosed=5).load()
    with pytest.raises(ValueError, match="Expected two sentences at least to diagnose. Received: one, in the split"):
        texts.load()


def test_training_images_stand_for_those_to_diagnose(folder):
    task = dataclasses.replace(folder(10), diagnosed=5).resolved().load()
    assert sizes(task) == [8, 8, 8]


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_the_smallest_folder_is_run_and_shown(folder, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        finished = rme_tf.experiments.run(folder(3))
        finished.task.show({"RME": finished}, tmp_path / "shown")
    assert (tmp_path / "shown" / "reconstructions.png").exists()
    assert "±" not in summary_table({"RME": finished.record})  # of one image


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_the_smallest_corpus_is_run_and_shown(corpus, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        finished = rme_tf.experiments.run(corpus(2, 1, 1))
        finished.task.show({"RME": finished}, tmp_path)
    assert "From the first to the second" in (tmp_path / "sentences.txt").read_text(encoding="utf-8")
    assert "test ELBO" in summary_table({"RME": finished.record})
