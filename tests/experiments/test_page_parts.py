"""Parts of the page of a run from arrays: neighbors, the plane of the codes, numbers, settings."""

import dataclasses

import numpy as np
import pytest

from rme_tf.core.types import EOS, PAD
from rme_tf.data.tables import TableEncoding
from rme_tf.experiments import IMAGE_RECIPES, TableRecipe, with_fields
from rme_tf.experiments.pages import facts, final_numbers, latent_space, settings
from rme_tf.experiments.pages.charts import shortened
from rme_tf.experiments.pages.comparison import difference_text, distinct_names
from rme_tf.experiments.pages.model_verdicts import COPY
from rme_tf.experiments.pages.neighbors import ArraySearch, SentenceSearch, stacked
from rme_tf.experiments.pages.page import environment
from rme_tf.experiments.recipes import table_files

# Neighbors.


def test_a_search_in_batches_finds_the_two_nearest_rows(rng):
    queries, rows = rng.normal(size=(5, 2, 3)), rng.normal(size=(40, 2, 3))
    search = ArraySearch(list(queries))
    for start in range(0, 40, 7):
        search.add(rows[start : start + 7])
    distances = np.linalg.norm((queries[:, None] - rows[None]).reshape(5, 40, -1), axis=-1)
    np.testing.assert_allclose(search.distances, np.sort(distances, axis=-1)[:, :2], rtol=1e-5)
    np.testing.assert_array_equal(stacked(search.rows), rows[distances.argmin(axis=-1)])
    assert not search.copies().any()


def test_a_copy_is_much_nearer_than_the_second_nearest(rng):
    rows = rng.normal(size=(20, 6))
    near = rows[3] + 1e-3
    between = 0.5 * (rows[0] + rows[1])
    search = ArraySearch([near, between, rows[5]])
    search.add(rows)
    assert search.copies().tolist() == [True, False, True]
    assert search.distances[0, 0] < COPY * search.distances[0, 1]


def test_one_training_row_is_no_evidence_of_copies():
    search = ArraySearch([np.zeros(3)])
    search.add(np.ones((1, 3)))
    assert not search.copies().any()


def test_the_nearest_sentence_shares_most_tokens():
    rows = [np.array([7, 8, 9, EOS, PAD]), np.array([7, 8, 10, 11, EOS]), np.array([12, EOS, PAD, PAD, PAD])]
    search = SentenceSearch([np.array([8, 7, 9, 13, EOS]), np.array([12, EOS])])
    for row in rows:
        search.add(row[None])
    np.testing.assert_array_equal(search.rows[0], rows[0])
    assert search.distances[0].tolist() == pytest.approx([1 - 3 / 4, 1 - 2 / 6])
    assert search.copies().tolist() == [False, True]  # the same tokens, whatever the padding


def test_the_same_tokens_in_another_order_are_no_copy():
    search = SentenceSearch([np.array([8, 7, EOS])])
    search.add(np.array([[7, 8, EOS]]))
    assert search.distances[0, 0] == 0.0
    assert not search.copies().any()


# The plane of the codes.


def test_the_plane_has_the_most_variance(rng):
    codes = rng.normal(size=(200, 6)) @ np.diag([3.0, 0.1, 2.0, 0.2, 0.3, 0.1]) + 5.0
    center, directions, explained = latent_space.principal_plane(codes)
    centered = codes - codes.mean(axis=0)
    _, scales, axes = np.linalg.svd(centered, full_matrices=False)
    np.testing.assert_allclose(center, codes.mean(axis=0))
    np.testing.assert_allclose(np.abs(directions @ axes[:2].T), np.eye(2), atol=1e-6)
    assert explained == pytest.approx((scales[:2] ** 2).sum() / (scales**2).sum())


@pytest.mark.parametrize("size", [1, 2])
def test_few_dimensions_are_shown_themselves(rng, size):
    codes = rng.normal(size=(10, size))
    center, directions, explained = latent_space.principal_plane(codes)
    np.testing.assert_array_equal((codes - center) @ directions.T, np.pad(codes, [(0, 0), (0, 2 - size)]))
    assert explained == 1.0


def test_equal_codes_have_a_plane_without_variance():
    _, directions, explained = latent_space.principal_plane(np.ones((5, 3)))
    assert np.isfinite(directions).all()
    assert explained == 0.0


def test_neighbors_stay_together(rng):
    centers = rng.normal(size=(3, 5)) * 30.0
    codes = np.repeat(centers, 10, axis=0) + rng.normal(size=(30, 5))
    places = latent_space.neighborhoods(codes)
    distances = np.linalg.norm(places[:, None] - places[None], axis=-1) + 1e9 * np.eye(30)
    np.testing.assert_array_equal(distances.argmin(axis=-1) // 10, np.arange(30) // 10)
    np.testing.assert_array_equal(latent_space.neighborhoods(codes), places)
    assert latent_space.neighborhoods(np.zeros((30, 5))) is None


def test_the_rarest_labels_share_a_color():
    labels = [str(index) for index in range(15) for _ in range(20 - index)]
    groups = latent_space.grouped(labels)
    assert len(set(groups)) == 10
    assert groups.count("other") == sum(20 - index for index in range(9, 15))
    assert latent_space.grouped([3, 3, 7]) == ["3", "3", "7"]


# Rows of a table.


def test_rows_of_a_table_are_words_in_their_own_units():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"age": [20.5, 30.5, None], "color": ["red", "<blue>", "red"]})
    encoding = TableEncoding.of_frame(frame)
    texts = table_files.row_texts(encoding, encoding.encode(frame))
    assert texts == ["age: 20.5, color: red", "age: 30.5, color: <blue>", "age: missing, color: red"]
    wide = pandas.DataFrame({f"x{index}": [0.5, 1.5] for index in range(10)})
    encoding = TableEncoding.of_frame(wide)
    assert table_files.row_texts(encoding, encoding.encode(wide))[0].endswith("x7: 0.5, and 2 more")


# Numbers.


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"elbo": -23.619, "elbo_standard_error": 0.241}, "-23.62 ± 0.24"),
        ({"elbo": -23.619, "elbo_standard_error": None}, "-23.62"),
        ({"elbo": -1234.5}, "-1,234.50"),
        ({"elbo": -73127.46, "elbo_standard_error": 584.9}, "-73,127 ± 585"),
        ({"elbo": None}, ""),
        ({"elbo": float("nan"), "elbo_standard_error": 1.0}, ""),
        ({}, ""),
    ],
)
def test_a_number_has_its_error_where_it_is_known(values, text):
    assert final_numbers.with_error(values, "elbo", 2) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.333, "0.33 s"), (59.0, "59 s"), (200.4, "3 min 20 s"), (7500.0, "2 h 05 min"), (float("nan"), "")],
)
def test_durations_have_two_units_at_most(seconds, text):
    assert final_numbers.duration(seconds) == text


def test_the_gap_of_inference_has_the_error_of_its_differences(tmp_path, rng):
    elbo, gap = rng.normal(size=50), rng.gamma(2.0, size=50)
    np.savez(tmp_path / "bounds.npz", test_elbo=elbo, test_log_likelihood=elbo + gap)
    test = {"log_likelihood": float((elbo + gap).mean()), "elbo": float(elbo.mean())}
    gaps = final_numbers.gaps_of(tmp_path, {"metrics": {"test": test}})
    np.testing.assert_allclose(gaps.inference, gap)
    assert gaps.rows[0].values[0] == f"{gap.mean():+.2f} ± {gap.std(ddof=1) / np.sqrt(50):.2f} nats"
    assert len(final_numbers.gaps_of(tmp_path / "missing", {"metrics": {"test": test}}).rows) == 1


def test_metrics_that_were_not_measured_have_no_row():
    record = {"config": {"importance_samples": 64}, "metrics": {"test": {"elbo": -1.0}, "train": {}}}
    (row,) = final_numbers.metric_rows(record)
    assert (row.name, row.values) == ("ELBO", ("-1.00", ""))


def test_a_linear_probe_has_its_error_and_the_majority_class():
    probe = {"accuracy": 0.9, "standard_error": 0.01, "majority_rate": 0.2}
    record = {"config": {}, "metrics": {"test": {"linear_probe": probe}, "train": {}}}
    (row,) = final_numbers.metric_rows(record)
    assert row.values == ("0.900 ± 0.010", "")
    assert row.meaning.endswith("majority class 0.200")


# Settings and circumstances.


def test_numbers_break_before_their_error_and_names_at_their_dots():
    macros = environment().get_template("macros.html.j2").module
    row = final_numbers.Row("log p(x)", "", ("-73,127 ± 585", "-9.64 ± 0.12"))
    cells = macros.rows([row], 3)
    assert '<td class="number">-73,127 ±\u00a0585</td>' in cells
    assert macros.name("algorithm.kl_weight.end").strip() == "<code>algorithm.<wbr>kl_weight.<wbr>end</code>"


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("train_size", "512", "512 at most, 240 found"),
        ("test_size", "64", "64 at most, 30 found"),
        ("train_size", "200", "200"),
        ("train_size", "none", "none"),
        ("epochs", "512", "512"),
    ],
)
def test_a_limit_above_the_data_has_their_size(name, value, text):
    data = {"train": 240, "test": {"num_rows": 30}}
    assert settings.with_found(settings.Setting(name, value, "none"), data).value == text


def test_defaults_are_of_the_settings_that_a_recipe_was_made_from():
    folder = IMAGE_RECIPES["folder"]
    networks = {"encoder.name": "resnet", "encoder.filters": (32, 64)}
    recipe = with_fields(folder, {"path": "photos", "epochs": 21, "batch_size": 8, **networks})
    recipe = dataclasses.replace(recipe, by_size=("batch_size", *networks))
    changed = {setting.name: setting for setting in settings.settings_of(recipe) if setting.changed}
    assert {name for name, setting in changed.items() if not setting.by_size} == {"path", "epochs"}
    assert {"batch_size", "encoder.name", "encoder.filters"} <= {*changed}
    assert changed["encoder.name"].default == folder.encoder.name
    unnamed = {setting.name for setting in settings.settings_of(dataclasses.replace(recipe, made_from=None))}
    assert unnamed == {setting.name for setting in settings.settings_of(recipe)}


def test_a_named_table_is_without_effect_beside_a_file():
    for fields, expected in (({}, "breast_cancer"), ({"path": "a.csv"}, "without effect: `path` is set")):
        (table,) = [row for row in settings.settings_of(TableRecipe(**fields)) if row.name == "table"]
        assert table.value == expected
        assert not table.changed


def test_differing_settings_are_listed_with_all_values():
    configs = [{"a": 1, "b": {"c": 2, "d": None}}, {"a": 1, "b": {"c": 3.5, "d": None}}, {"a": 1, "e": True}]
    rows = {row.name: row.values for row in settings.differing(configs)}
    assert rows == {"b.c": ("2", "3.5", "-"), "b.d": ("none", "none", "-"), "e": ("-", "-", "yes")}


def test_circumstances_are_words():
    record = {
        "config": {"dataset": "digits", "seed": 3},
        "hardware": {"processor": "CPU", "cores": 2, "gpus": [], "keras": "3.15.1"},
        "data": {"train": 1257, "validation": 180, "test": {"num_rows": 360}, "warnings": ["skipped one file"]},
        "epochs": 4,
    }
    assert dict(facts.facts_of(record)) == {
        "data": "digits",
        "observations": "1,257 train, 180 validation, 360 test",
        "seed": "3",
        "epochs": "4",
        "hardware": "CPU, 2 cores",
        "software": "keras 3.15.1",
        "warnings": "skipped one file",
    }
    assert facts.facts_of({}) == []
    assert facts.facts_of({"config": {"table": "breast_cancer", "path": "own.csv"}})[0] == ("data", "own.csv")


def test_long_texts_are_cut():
    assert shortened("a" * 200, 10) == "a" * 9 + "\u2026"
    assert shortened("abc", 10) == "abc"


# Comparison.


def test_paired_differences_have_their_own_error(rng):
    differences = rng.normal(1.0, 2.0, size=400)
    error = differences.std(ddof=1) / 20.0
    assert difference_text(differences) == f"{differences.mean():+.2f} ± {error:.2f}"
    assert difference_text(np.zeros(5)) == "+0.00 ± 0.00"
    assert difference_text([1.0]) == "+1.00"


def test_names_are_as_long_as_needed(tmp_path):
    assert distinct_names([tmp_path / "a", tmp_path / "b"]) == ["a", "b"]
    assert distinct_names([tmp_path / "x" / "a", tmp_path / "y" / "a"]) == ["x/a", "y/a"]
    assert len(set(distinct_names([tmp_path / "a", tmp_path / "a"]))) == 2
