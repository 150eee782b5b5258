"""Encodings of tables: both ways, kinds of columns, unknown levels, splits, and bad cells."""

import itertools
import json
import math

import numpy as np
import pytest

from rme_tf.core.resident import ResidentBatches, rows_of
from rme_tf.data.tables import (
    KINDS,
    TableEncoding,
    encode_table,
    infer_kind,
    split_by_column,
    split_rows,
    training_dataset,
)

pandas = pytest.importorskip("pandas")

N = 40


def table(rows=N):
    """A table of all kinds, with holes, and columns that are none."""
    numbers = np.arange(rows)
    return pandas.DataFrame(
        {
            "id": numbers + 1,
            "height": 150.0 + 7.25 * np.sin(numbers),
            "visits": numbers % 5,
            "smoker": np.where(numbers % 3 == 0, "yes", "no"),
            "city": np.array(["York", "Bath", "Ely"])[numbers % 3],
            "grade": np.where(numbers % 4 == 0, np.nan, numbers % 2 + 1.0),
            "note": [f"text {n}" for n in numbers],
            "class": np.where(numbers % 2 == 0, "a", "b"),
        }
    ).mask(numbers[:, np.newaxis] == np.array([-1, 1, 2, 3, 4, -1, -1, -1]))  # one hole in each of four columns


KINDS_OF_TABLE = {"height": "real", "visits": "count", "smoker": "binary", "city": "category", "grade": "binary"}


def test_kinds_are_inferred_and_ids_are_left_out():
    encoding = TableEncoding.of_frame(table(), label="class")
    assert {column.name: column.kind for column in encoding.columns} == KINDS_OF_TABLE
    assert encoding.kinds == [("real", 1), ("count", 1), ("binary", 1), ("category", 3), ("binary", 1)]
    assert encoding.ignored == ("id", "note")
    assert encoding.label == "class"
    assert encoding.entry_names == ["height", "visits", "smoker", "city=Bath", "city=Ely", "city=York", "grade"]


def test_rows_are_encoded_by_hand():
    frame = table()
    x = TableEncoding.of_frame(frame, label="class").encode(frame)
    height = frame["height"].to_numpy(float)
    expected = (height - np.nanmean(height)) / np.nanstd(height)
    np.testing.assert_allclose(x[:, 0], expected, rtol=1e-5, atol=1e-6)  # float32
    np.testing.assert_array_equal(x[:, 1], frame["visits"].to_numpy(float))
    np.testing.assert_array_equal(x[:2, 3:6], [[0, 0, 1], [1, 0, 0]])
    assert np.isnan(x[4, 3:6]).all()  # a missing cell is NaN in all its entries
    assert x.dtype == np.float32
    assert np.isnan(x).sum() == 3 + 3 + N // 4


@pytest.mark.parametrize("reload", [False, True])
def test_rows_return_in_their_levels_and_units(tmp_path, reload):
    frame = table()
    encoding = TableEncoding.of_frame(frame, label="class")
    if reload:
        encoding.save(tmp_path / "encoding.json")
        assert TableEncoding.load(tmp_path / "encoding.json") == encoding
        encoding = TableEncoding.load(tmp_path / "encoding.json")
    decoded = encoding.decode(encoding.encode(frame), index=frame.index)
    assert list(decoded) == list(KINDS_OF_TABLE)
    for name in decoded:
        assert decoded[name].isna().tolist() == frame[name].isna().tolist()
    present = frame[list(decoded)].notna()
    for name in ("visits", "smoker", "city", "grade"):
        assert decoded[name][present[name]].tolist() == frame[name][present[name]].tolist()
    np.testing.assert_allclose(decoded["height"].astype(float), frame["height"], rtol=1e-6)


def test_means_become_numbers_and_the_most_probable_levels():
    encoding = TableEncoding.of_frame(table(), label="class")
    decoded = encoding.decode([[0.0, 2.5, 0.4, 0.3, 0.5, 0.2, 0.6]])
    assert decoded.iloc[0].tolist()[1:] == [2.5, "no", "Ely", 2]
    assert decoded["height"].iloc[0] == pytest.approx(np.nanmean(table()["height"]), rel=1e-6)


def test_a_saved_encoding_is_plain_json_and_another_file_is_refused(tmp_path):
    path = tmp_path / "encoding.json"
    TableEncoding.of_frame(table(), label="class").save(path)
    stored = json.loads(path.read_text(encoding="utf-8"))
    assert stored["columns"][3] == {"kind": "category", "name": "city", "levels": ["Bath", "Ely", "York"]}
    for text in ("[]", "{}", "no json"):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(ValueError, match=r"Expected a file of `TableEncoding.save`"):
            TableEncoding.load(path)


def test_the_log_density_in_the_original_units_has_the_logarithm_of_the_scale():
    encoding = TableEncoding.of_frame(table(), label="class")
    expected = [math.log(np.nanstd(table()["height"].to_numpy(float))), *[0.0] * 6]
    np.testing.assert_allclose(encoding.log_scales, expected)


def test_a_kind_may_be_chosen_and_a_column_left_out():
    kinds = {"visits": "category", "grade": "real", "city": "ignored"}
    encoding = TableEncoding.of_frame(table(), kinds=kinds, ignored=["smoker"], label="class")
    assert encoding.kinds == [("real", 1), ("category", 5), ("real", 1)]
    assert encoding.ignored == ("id", "smoker", "city", "note")


def test_the_units_are_the_ones_of_the_training_rows():
    data = encode_table(table(200), label="class")
    train = data.arrays.train[:, 0]
    assert np.nanmean(train) == pytest.approx(0.0, abs=1e-6)
    assert np.nanstd(train) == pytest.approx(1.0, abs=1e-6)
    assert data.encoding == TableEncoding.of_frame(data.frames.train, label="class")
    assert data.has_missing
    assert data.facts["columns"] == KINDS_OF_TABLE
    assert data.facts["missing"]["grade"] == 0.25
    assert data.labels.test.tolist() == data.frames.test["class"].tolist()


def test_an_unknown_level_is_named_with_its_row_or_becomes_missing():
    encoding = TableEncoding.of_frame(table(), label="class")
    other = table()
    other.loc[6, "city"] = "Rome"
    with pytest.raises(ValueError, match=r"Column 'city' has 'Rome' in row 7, a level that no training row has.*'Ely'"):
        encoding.encode(other)
    x = encoding.encode(other, unknown="missing")
    assert np.isnan(x[6, 3:6]).all()
    np.testing.assert_array_equal(np.delete(x, 6, axis=0), np.delete(encoding.encode(table()), 6, axis=0))
    with pytest.raises(ValueError, match="`unknown` must be one of 'error', 'missing'"):
        encoding.encode(other, unknown="ignore")


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        ([0.5, 1.5, 2.5], "real"),
        ([-1, 0, 1], "real"),
        ([1950, 1987, 2001], "real"),
        ([0, 3, 3, 1], "count"),
        ([1, 4, 2, 200], "count"),
        ([0, 4, 2, 201], "real"),
        ([1, 2, 2, 1], "binary"),
        ([True, False, True], "binary"),
        ([True, None, False], "binary"),
        (["x", "y", None, "x"], "binary"),
        (["x", "y", "z"], "category"),
        ([f"{n}" for n in range(12)], "ignored"),
        (list(range(12)), "ignored"),
        (list(range(1, 13)), "ignored"),
        (list(range(2, 14)), "real"),
    ],
    ids=str,
)
def test_the_kind_of_a_column(cells, kind):
    assert infer_kind(pandas.Series(cells), "column") == kind


@pytest.mark.parametrize("name", ["id", "customer_id", "PassengerId", "UUID", "Unnamed: 0"])
def test_different_whole_numbers_with_the_name_of_an_id_are_one(name):
    cells = pandas.Series(np.random.default_rng(0).permutation(100)[:20])
    assert infer_kind(cells, name) == "ignored"
    assert infer_kind(cells, "paid") != "ignored"


BAD_COLUMNS = {
    "constant": ([2.5] * 20, "Column 'bad' has one value in all training rows.*ignored=\\['bad'\\]"),
    "constant with holes": ([2.5, None] * 10, "Column 'bad' has one value"),
    "without a value": ([None] * 20, "Column 'bad' has no value in the training rows"),
    "numbers and text": ([1.5, 2.0, "n/k", 4.0] * 5, "Column 'bad' has numbers and text: 'n/k' in row 3"),
    "infinite": ([0.5, 1.0, math.inf, 2.0] * 5, "Column 'bad' has inf in row 3"),
    "dates": (list(pandas.date_range("2020", periods=20)), "Column 'bad' has dates or times"),
    "types": (["a", True] * 10, "Column 'bad' has 'a' in row 1 and True in row 2"),
    "lists": ([[1], [2]] * 10, "Column 'bad' has"),
    "tiny": ([0.0, 1e-320] * 10 + [2e-320], "Column 'bad' has the standard deviation"),
}


@pytest.mark.parametrize("fault", BAD_COLUMNS)
def test_a_bad_column_is_named(fault):
    cells, message = BAD_COLUMNS[fault]
    frame = pandas.DataFrame({"good": np.arange(len(cells)) / 7.0, "bad": cells})
    with pytest.raises(ValueError, match=message):
        TableEncoding.of_frame(frame)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kinds": {"age": "real"}}, "`column` must be one of the table's columns.*Received: 'age'"),
        ({"kinds": {"height": "reel"}}, "`kind of column height` must be one of .*Did you mean 'real'"),
        ({"label": "klass"}, "`column` must be one of"),
        ({"ignored": ["class"]}, "`label` must be a column that has no kind"),
        ({"kinds": {"city": "real"}}, "Column 'city' has 'York' in row 1"),
        ({"kinds": {"height": "count"}}, "Column 'height' has 150 in row 1|Column 'height' has 1"),
        ({"kinds": {"city": "binary"}}, "Column 'city' of the kind 'binary' has 3 levels"),
        ({"ignored": list(KINDS_OF_TABLE)}, "all of them are ids"),
    ],
    ids=str,
)
def test_choices_that_do_not_fit_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        TableEncoding.of_frame(table(), **{"label": "class", **options})


def test_too_many_levels_are_refused_with_the_name_of_the_column():
    frame = pandas.DataFrame({"n": np.arange(1000) / 3.0, "code": [f"c{n // 2}" for n in range(1000)]})
    with pytest.raises(ValueError, match=r"Column 'code' has 500 different texts.*kinds=\{'code': 'category'\}"):
        TableEncoding.of_frame(frame)
    assert TableEncoding.of_frame(frame, kinds={"code": "category"}).width == 501
    wide = pandas.DataFrame({"code": np.arange(2**17), "n": np.arange(2**17) % 2})
    with pytest.raises(ValueError, match=r"131,073 encoded entries, 131,072 of them of column 'code'"):
        TableEncoding.of_frame(wide, kinds={"code": "category"})


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_goes_both_ways(kind):
    cells = pandas.Series([1, 0, None, 1, 0, 0])
    column = KINDS[kind].of_values("x", cells)
    entries = column.encode(cells)
    assert entries.shape == (6, column.width)
    assert [cell is None for cell in column.decode(entries)] == [False, False, True, False, False, False]
    assert [cell for cell in column.decode(entries) if cell is not None] == [1, 0, 1, 0, 0]


# Splits and batches.


def test_random_splits_are_disjoint_and_follow_the_seed():
    parts = split_rows(table(), seed=3)
    assert [len(part) for part in parts] == [32, 4, 4]
    assert sorted(itertools.chain(*(part.index for part in parts))) == list(range(N))
    assert all((np.diff(part.index) > 0).all() for part in parts)
    assert parts.test.index.tolist() == split_rows(table(), seed=3).test.index.tolist()
    assert parts.test.index.tolist() != split_rows(table(), seed=4).test.index.tolist()
    with pytest.raises(ValueError, match=r"`table` must have rows for three splits. Received: 5 rows"):
        split_rows(table(5))


def test_a_column_may_split_the_rows():
    names = np.array(["Train", "train", "dev", "test"])[np.arange(N) % 4]
    parts = split_by_column(table().assign(part=names), "part")
    assert [len(part) for part in parts] == [20, 10, 10]
    assert "part" not in parts.train
    without = split_by_column(table().assign(part=np.where(names == "dev", "train", names)), "part")
    assert [len(part) for part in without] == [27, 3, 10]
    with pytest.raises(ValueError, match="`column part` must have the values 'train', 'validation', 'test'. Rec.*'x'"):
        split_by_column(table().assign(part="x"), "part")
    with pytest.raises(ValueError, match="give 2 rows at least to each split. Received: 0 in the split 'test'"):
        split_by_column(table().assign(part="train"), "part")


@pytest.mark.parametrize("first_epoch", [0, 2])
def test_batches_are_every_row_once_an_epoch_in_an_order_of_the_seed(first_epoch):
    x = np.arange(14, dtype=np.float32).reshape(7, 2)
    dataset = training_dataset(x, batch_size=3, seed=5, first_epoch=first_epoch)
    batches = [np.asarray(batch) for batch in dataset.take(6)]
    epochs = np.concatenate(batches[:3]), np.concatenate(batches[3:])
    for rows in epochs:
        np.testing.assert_array_equal(rows[np.argsort(rows[:, 0])], x)
    assert (epochs[0] != epochs[1]).any()
    later = training_dataset(x, batch_size=3, seed=5, first_epoch=first_epoch + 1)
    np.testing.assert_array_equal(np.concatenate(list(later.take(3))), epochs[1])
    resident = itertools.islice(ResidentBatches(rows_of(dataset)), 6)
    for batch, row in zip(batches, resident, strict=True):
        np.testing.assert_array_equal(batch, row)
    assert len(list(training_dataset(x, batch_size=3, repeat=False))) == 3
