"""Tables in files: what is read, and bad files, which are refused in a sentence."""

import builtins
import re

import numpy as np
import pytest

from rme_tf.data.tables import encode_table, load_embedded, read_table

pandas = pytest.importorskip("pandas")

PEOPLE = """id,age,smoker,city,visits
1,20.5,no,Ely,0
2,,yes,Bath,3
3,31.25,NA,Ely,?
4,40,no,York,12
"""
BAD = {
    "empty": ("", "is empty. Expected a header and one row"),
    "a header only": ("a,b\n", "has a header and no rows"),
    "no header": ("1,2.5\n3,4\n", r"has no header: its first line is '1', '2.5'"),
    "a name twice": ("a,b,a\n1,2,3\n", "has the same name for several columns: 'a'"),
    "no name": ("a,,c\n1,2,3\n", "has no name for column 2 of 3"),
    "a longer line": ("a,b\n1,2\n3,4,5\n", "Expected 2 fields in line 3, saw 3"),
    "longer lines": ("a,b\n1,2,3\n4,5,6\n", "has lines with more cells than the header"),
    "an open quote": ('a,b\n1,"2\n', "is no table"),
}


@pytest.fixture
def written(tmp_path):
    """Writes text as a file, and returns its path."""

    def write(text, name="table.csv"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"], ids=["comma", "semicolon", "tab", "bar"])
def test_a_file_is_read_whatever_its_delimiter(written, delimiter):
    frame = read_table(written(PEOPLE.replace(",", delimiter)))
    assert list(frame) == ["id", "age", "smoker", "city", "visits"]
    np.testing.assert_array_equal(frame["age"], [20.5, np.nan, 31.25, 40.0])
    assert frame["smoker"].isna().tolist() == [False, False, True, False]
    assert frame["visits"].isna().tolist() == [False, False, True, False]  # "?"
    assert frame["city"].tolist() == ["Ely", "Bath", "Ely", "York"]


def test_other_texts_may_stand_for_missing_cells(written):
    frame = read_table(written("a,b\n1,x\n-999,none\n"), missing=["-999", "none"])
    assert frame.isna().to_numpy().tolist() == [[False, False], [True, True]]


def test_a_delimiter_in_quotes_is_text(written):
    assert read_table(written('name,n\n"Smith, J.",1\n')).iloc[0].tolist() == ["Smith, J.", 1]


@pytest.mark.parametrize("name", ["table.parquet", "table.csv.gz"])
def test_binary_files_have_the_table_of_the_text(written, tmp_path, name):
    frame = read_table(written(PEOPLE))
    path = tmp_path / name
    frame.to_parquet(path) if path.suffix == ".parquet" else frame.to_csv(path, index=False)
    pandas.testing.assert_frame_equal(read_table(path), frame)


def test_a_named_index_of_a_parquet_file_is_a_column(tmp_path):
    frame = pandas.DataFrame({"name": ["a", "b"], "n": [1, 2]})
    frame.set_index("name").to_parquet(tmp_path / "table.parquet")
    pandas.testing.assert_frame_equal(read_table(tmp_path / "table.parquet"), frame)


@pytest.mark.parametrize("fault", BAD)
def test_a_bad_file_is_refused_in_a_sentence(written, fault):
    text, message = BAD[fault]
    path = written(text)
    with pytest.raises(ValueError, match=f"^{re.escape(str(path))}.*{message}"):
        read_table(path)


def test_what_is_no_text_or_no_parquet_is_refused(tmp_path):
    for name, message in {"a.csv": "is not text in UTF-8", "a.parquet": "Expected a Parquet file"}.items():
        (tmp_path / name).write_bytes(b"a,b\n1,\xff\n")
        with pytest.raises(ValueError, match=message):
            read_table(tmp_path / name)
    with pytest.raises(ValueError, match="`path` must be a CSV or Parquet file"):
        read_table(tmp_path / "absent.csv")


@pytest.mark.parametrize("package", ["pandas", "pyarrow"])
def test_a_missing_package_is_named_with_its_extra(monkeypatch, tmp_path, package):
    path = tmp_path / "table.parquet"
    pandas.DataFrame({"a": [1]}).to_parquet(path)
    real, options = builtins.__import__, pandas.read_parquet

    def refuse(name, *args, **kwargs):
        if name == package:
            raise ImportError(f"No module named {package!r}")
        return real(name, *args, **kwargs)

    def without_engine(*args, **kwargs):
        raise ImportError("Missing optional dependency 'pyarrow'.")

    monkeypatch.setattr(builtins, "__import__", refuse)
    monkeypatch.setattr(pandas, "read_parquet", without_engine if package == "pyarrow" else options)
    with pytest.raises(ValueError, match=rf'need {package}, of the extra `table`: `pip install "rme_tf\[table\]"`'):
        read_table(path)


@pytest.mark.parametrize(
    ("name", "rows", "columns"),
    [("breast_cancer", 569, 30), ("iris", 150, 4), ("waveform", 3000, 21), ("wine", 178, 13)],
)
def test_embedded_tables_have_real_columns_and_a_class(name, rows, columns):
    frame = load_embedded(name)
    data = encode_table(frame, label="class")
    assert len(frame) == rows == sum(map(len, data.arrays))
    assert data.encoding.width == len(frame.columns) - 1 == columns
    assert {column.kind for column in data.encoding.columns} == {"real"}
    assert not data.has_missing
    assert set(data.labels.test) <= set(frame["class"])


def test_waves_lie_between_two_triangles_with_noise_of_scale_one():
    frame = load_embedded("waveform")
    pandas.testing.assert_frame_equal(frame, load_embedded("waveform"))
    first = np.maximum(6.0 - np.abs(np.arange(1, 22) - 11.0), 0.0)
    triangles = first, np.roll(first, 4), np.roll(first, -4)  # of base 11, within the 21 steps
    for name, (one, other) in {"wave 0": (1, 0), "wave 1": (2, 0), "wave 2": (2, 1)}.items():
        signals = frame[frame["class"] == name].drop(columns="class").to_numpy()
        span = triangles[one] - triangles[other]
        error = 1.0 / np.sqrt(len(signals))
        middle, share = 0.5 * (triangles[one] + triangles[other]), (signals - triangles[other]) @ span / (span @ span)
        np.testing.assert_allclose(signals.mean(axis=0), middle, atol=4.5 * error * np.sqrt(1.0 + span**2 / 12.0).max())
        rest = signals - triangles[other] - share[:, np.newaxis] * span
        assert np.mean(rest**2) == pytest.approx(20.0 / 21.0, abs=0.05)  # one of 21 directions is fitted


def test_an_unknown_embedded_table_is_refused():
    with pytest.raises(ValueError, match="Unknown table. Expected one of: 'breast_cancer', 'iris', 'waveform', 'wine'"):
        load_embedded("whine")
