"""Recipes of images with hidden pixels: data, scores, tables and figures."""

import copy

import numpy as np
import pytest

import rme_tf
from rme_tf.data import ImageSplits
from rme_tf.experiments.recipes.observed_images import ObservedImages, imputation_metrics
from rme_tf.experiments.reports import imputation_tables
from rme_tf.experiments.reports.page_tables import page_text
from small_recipes import image_recipe
from test_report import record

TINY = {"encoder": "mlp", "decoder": "mlp", "mlp_units": (4,), "latent_dim": 2, "components": 2, "dataset": "digits"}
SHORT = {"epochs": 1, "algorithm": "elbo", "warm_start_epochs": 0, "train_size": 64, "test_size": 6, "batch_size": 64}


def test_the_same_pixels_are_hidden_in_every_run():
    task, other = (image_recipe(**TINY, **SHORT, hidden="half", seed=seed).load() for seed in (0, 1))
    assert task.model_options["missing"]
    for name, x in task.evaluations.items():
        np.testing.assert_array_equal(x, other.evaluations[name])
        np.testing.assert_array_equal(np.isnan(x).sum(axis=(1, 2, 3)), 32)
    (validation,) = [np.asarray(batch) for batch in task.validation]
    assert np.isnan(validation).any(axis=(1, 2, 3)).all()
    batches = [np.asarray(next(iter(task.batches(epoch)))) for epoch in (0, 0, 5)]
    np.testing.assert_array_equal(batches[0], batches[1])
    patterns = [sorted(image.tobytes() for image in np.isnan(batch)) for batch in batches]
    assert patterns[0] == patterns[2]  # a batch is the whole training set, in another order
    assert len(set(patterns[0])) == 4


def test_images_without_hidden_pixels_are_complete():
    task = image_recipe(**TINY, **SHORT).load()
    assert "missing" not in task.model_options
    for x in (*task.evaluations.values(), np.asarray(next(iter(task.batches(0))))):
        assert np.isfinite(x).all()


@pytest.mark.parametrize(("hidden", "seen"), [("none", 16), ("quarter", 12)])
def test_hidden_pixels_of_mapped_images_are_read_in_batches(hidden, seen, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (9, 4, 4, 1), dtype=np.uint8)
    pixels.tofile(tmp_path / "pixels")
    mapped = np.memmap(tmp_path / "pixels", np.uint8, "r", shape=pixels.shape)
    in_memory, on_disk = (
        ObservedImages(ImageSplits(x, x, x), binarization="static", hidden=hidden) for x in (pixels, mapped)
    )
    batches = np.concatenate(list(on_disk.evaluated("test", 7)))
    np.testing.assert_array_equal(batches, in_memory.evaluated("test", 7))
    np.testing.assert_array_equal(np.isfinite(batches).sum(axis=(1, 2, 3)), seen)
    complete = in_memory.array("test", 7, complete=True)
    np.testing.assert_array_equal(batches, np.where(np.isnan(batches), np.nan, complete))


def test_a_decoder_that_reads_the_pixels_is_refused():
    with pytest.raises(ValueError, match="Hidden pixels need a decoder of z alone"):
        image_recipe(hidden="half", decoder="pixelcnn")
    with pytest.raises(ValueError, match="Unknown hidden. Expected one of: 'half'"):
        image_recipe(hidden="some")


def test_the_scores_of_each_image_are_recorded(tiny_model, binary_data):
    complete = binary_data(batch=4)
    x = rme_tf.hide(complete, np.arange(5) < 3)
    metrics = imputation_metrics(tiny_model(missing=True), x, complete, 20)
    assert metrics["hidden_pixels"] == 2.0
    for name, values in metrics["of_each"].items():
        assert np.mean(values) == pytest.approx(metrics[name], abs=1e-4)
        assert metrics[name] < 0.0 < metrics[f"{name}_standard_error"]


def scored(method, seed, drawn, components=2):
    """A record of a run with scores of three images."""
    made = copy.deepcopy(record(method, components=components))
    made["config"] |= {"seed": seed}
    made["history"] = {"val_elbo": [0.0], "seconds": [1.0]}
    of_each = {"drawn": drawn, "weighted": [value + 1.0 for value in drawn]}
    means = {name: float(np.mean(values)) for name, values in of_each.items()}
    made["metrics"]["test"]["imputation"] = {**means, "hidden_pixels": 32.0, "of_each": of_each}
    return made


RECORDS = [
    scored("vae", 0, [-10.0, -20.0, -30.0], 1),
    scored("vae", 1, [-12.0, -20.0, -30.0], 1),
    scored("rme2", 0, [-9.0, -18.0, -27.0]),
    scored("rme2", 1, [-11.0, -18.0, -27.0]),
]


def test_differences_are_paired_by_image_and_seed():
    mean, error = imputation_tables.paired_gap(RECORDS[2:], RECORDS[:2], "drawn")
    assert mean == pytest.approx(2.0)  # of 1, 2 and 3
    assert error == pytest.approx(1.0 / np.sqrt(3.0))
    with pytest.raises(ValueError, match="Expected records of one seed"):
        imputation_tables.paired_gap(RECORDS[3:], RECORDS[:1], "drawn")


def test_the_tables_fit_a_page():
    rows = imputation_tables.imputation_rows(RECORDS, "vae")
    assert rows[0]["drawn from Q, less vae's"] == ""
    assert rows[1]["drawn from Q, less vae's"] == rows[1]["importance-weighted, less vae's"] == "+2.00 ± 0.58"
    assert rows[1]["drawn from Q"] == "-18.33 ± 0.33"
    text = page_text(rows, imputation_tables.imputation_page_tables(RECORDS, "vae"))
    for words in ("1,000 test images, 32 hidden pixels each", "5,000 draws from Q", "+2.00 ± 0.58", "log p(seen)"):
        assert words in text
    with pytest.raises(ValueError, match="Unknown reference"):
        imputation_tables.imputation_rows(RECORDS, "me")
    assert imputation_tables.has_imputations(RECORDS)
    assert not imputation_tables.has_imputations([record()])
