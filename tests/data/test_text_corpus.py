import itertools
import warnings
from types import SimpleNamespace

import pytest
import tensorflow as tf

from rme_tf.data.text import Lines, Report, TextSplits, load_docs, read_file, read_files, read_folder, read_tfds

BROKEN = b"\xef\xbb\xbfthe  cat\tsat \r\n\r\n   \nna\xefve\nna\xc3\xafve"  # one word in Latin-1, then in UTF-8


@pytest.fixture
def write(tmp_path):
    def written(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return written


@pytest.fixture
def folder(write, tmp_path):
    """Builder of a folder of files, a line each."""

    def built(*names):
        for name in names:
            write(name, f"in {name}\n")
        return tmp_path

    return built


# Lines


def test_lines_are_cleaned_and_the_broken_ones_counted(write):
    lines = Lines(write("a.txt", BROKEN))
    assert lines.report is None
    with pytest.warns(UserWarning, match="a.txt: 2 of 5 lines kept; skipped: 2 empty, 1 not UTF-8."):
        assert list(lines) == ["the cat sat", "na\u00efve"]
    assert lines.report == Report(lines=5, kept=2, empty=2, not_utf8=1, too_long=0)


def test_lines_warn_once_and_not_of_empty_ones(write):
    lines = Lines(write("a.txt", BROKEN))
    with pytest.warns(UserWarning, match="1 not UTF-8"):
        list(lines)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert list(lines) == ["the cat sat", "na\u00efve"]  # a second pass
        assert list(Lines(["a", "", "b"])) == ["a", "b"]


@pytest.mark.parametrize("size", [9, 10, 11, 12, 13, 14, 25, 26, 27, 40])
@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_the_most_bytes_of_a_line_are_the_same_in_a_file_and_in_a_list(write, size, end):
    rows = ["x" * size, "short" if end else "y" * size]
    path = write("a.txt", end.join(rows) + end if end else rows[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if size <= 10 or end:
            kept = list(Lines(path, max_bytes=10))
            assert kept == [row for row in (rows if end else rows[:1]) if len(row) <= 10]
        else:
            with pytest.raises(ValueError, match="1 too long"):
                list(Lines(path, max_bytes=10))


def test_a_long_line_is_counted_once_and_the_next_one_is_whole(write):
    path = write("a.txt", b"x" * 1000 + b"\nnext\n" + b"y" * 1000)
    lines = Lines(path, max_bytes=10)
    with pytest.warns(UserWarning, match="2 too long"):
        assert list(lines) == ["next"]
    assert lines.report == Report(3, 1, 0, 0, 2)


def test_a_list_may_hold_what_is_no_utf8():
    lines = Lines(["fine", "lone \ud800"])
    with pytest.warns(UserWarning, match="the list of lines: 1 of 2 lines kept; skipped: 1 not UTF-8"):
        assert list(lines) == ["fine"]


@pytest.mark.parametrize("source", [[], iter(["a"]), (line for line in ["a"])])
def test_a_source_must_have_lines_and_allow_a_second_pass(source):
    with pytest.raises(ValueError, match=r"Expected .*\. Received: "):
        Lines(source)


def test_a_file_that_is_missing_or_empty_is_refused(write, tmp_path):
    with pytest.raises(ValueError, match="which is no file"):
        Lines(tmp_path / "missing.txt")
    with pytest.raises(ValueError, match="which is empty"):
        Lines(str(write("empty.txt", b"")))
    with pytest.raises(ValueError, match="max_bytes"):
        Lines(["a"], max_bytes=0)


def test_a_split_with_nothing_left_is_refused(write):
    with pytest.raises(ValueError, match="0 of 2 lines kept; skipped: 2 empty"):
        list(Lines(write("a.txt", b"\n  \n")))
    good = write("good.txt", "good")
    with pytest.raises(ValueError, match="1 not UTF-8"):
        read_files(good, write("bad.txt", b"\xff"), good)


def test_the_fingerprint_follows_the_source(write):
    path = write("a.txt", "one\n")
    prints = [Lines(path).fingerprint(), Lines(path).fingerprint(), Lines(path, max_bytes=9).fingerprint()]
    write("a.txt", "other\n")
    prints += [Lines(path).fingerprint(), Lines(["one"]).fingerprint(), Lines(("one",)).fingerprint()]
    prints += [Lines(["two"]).fingerprint(), Lines(["o", "ne"]).fingerprint()]
    assert prints[0] == prints[1]
    assert prints[4] == prints[5]
    assert len(set(prints)) == 6


# Splits


@pytest.mark.parametrize("validation", ["validation.txt", "valid.txt", "dev.txt"])
def test_a_folder_has_three_files(folder, validation):
    splits = read_folder(folder("train.txt", validation, "test.txt"))
    assert isinstance(splits, TextSplits)
    assert [list(lines) for lines in splits] == [["in train.txt"], [f"in {validation}"], ["in test.txt"]]


def test_a_folder_without_a_file_is_refused(folder, tmp_path):
    with pytest.raises(ValueError, match=r"Expected validation.txt or valid.txt or dev.txt in .*test.txt, train.txt"):
        read_folder(folder("train.txt", "test.txt"))
    with pytest.raises(ValueError, match="Received: nothing"):
        read_folder(tmp_path / "missing")


def test_one_file_is_split_by_its_lines(write):
    lines = [f"line {index}" for index in range(4000)]
    splits = [list(part) for part in read_file(write("a.txt", "\n".join(lines)))]
    assert sorted(itertools.chain(*splits)) == sorted(lines)
    for part, share in zip(splits, (0.9, 0.05, 0.05), strict=True):
        assert abs(len(part) / 4000 - share) < 4 * 0.3 / 4000**0.5  # four standard errors, the largest of them
        assert part == [line for line in lines if line in set(part)]  # in their order
    longer = [list(part) for part in read_file(write("b.txt", "\n".join([*lines, " line  7", "more"])))]
    assert [part[: len(other)] for part, other in zip(longer, splits, strict=True)] == splits
    assert ["line 7" in part for part in longer] == [part.count("line 7") == 2 for part in longer]
    other = [list(part) for part in read_file(write("a.txt", "\n".join(lines)), seed=1)]
    assert other != splits
    assert sorted(itertools.chain(*other)) == sorted(lines)


def test_shares_of_a_file_are_read_in_passes_and_told_apart(write):
    path = write("a.txt", "\n".join(map(str, range(500))))
    splits = read_file(path)
    assert list(splits.test) == list(splits.test)
    assert splits.test.name == f"{path} (test)"
    prints = {lines.fingerprint() for seed in (0, 1) for lines in read_file(path, seed=seed)}
    assert len(prints) == 6
    assert {lines.fingerprint() for lines in read_file(path)} < prints


def test_a_file_too_small_to_be_split_is_refused(write, tmp_path):
    with pytest.raises(ValueError, match=r"a.txt \(validation\). Received: 0 of 0 lines"):
        read_file(write("a.txt", "one\ntwo\n"))
    with pytest.raises(ValueError, match="which is no file"):
        read_file(tmp_path / "missing.txt")


class Builder:
    """What read_tfds needs of a TensorFlow Datasets builder."""

    data_path = "/nowhere"

    def __init__(self, *splits, prepared=True):
        self.info = SimpleNamespace(full_name="fake/1.0", features={"text": None, "label": None}, splits=splits)
        self.prepared = prepared

    def is_prepared(self):
        return self.prepared

    def download_and_prepare(self):
        self.prepared = True

    def as_dataset(self, split, shuffle_files):
        texts = [f"{split} {index}" for index in range(2000)]
        return tf.data.Dataset.from_tensor_slices({"text": texts, "label": list(range(2000))})


@pytest.fixture
def tfds(monkeypatch):
    """Has TensorFlow Datasets find this builder."""

    def given(builder):
        monkeypatch.setattr("tensorflow_datasets.builder", lambda name, data_dir: builder)
        return builder

    return given


@pytest.mark.slow
@pytest.mark.parametrize(
    ("there", "used"),
    [
        (("train", "validation", "test"), ["train", "validation", "test"]),
        (("train", "dev", "test", "other"), ["train", "dev", "test"]),
        (("train", "test"), ["train[:95%]", "train[95%:]", "test"]),
    ],
)
def test_tfds_examples_are_lines(tfds, there, used):
    tfds(Builder(*there, prepared=False))
    splits = read_tfds("fake", "text")
    for lines, split in zip(splits, used, strict=True):
        assert list(lines) == list(lines) == [f"{split} {index}" for index in range(2000)]
    assert splits.train.fingerprint() != splits.test.fingerprint()


def test_tfds_sets_that_do_not_serve_are_refused(tfds):
    tfds(Builder("train", "test", prepared=False))
    with pytest.raises(ValueError, match="`download` is False"):
        read_tfds("fake", "text", download=False)
    tfds(Builder("train", "test"))
    with pytest.raises(ValueError, match=r"Expected one of: 'label', 'text'. Received: 'words'"):
        read_tfds("fake", "words")
    tfds(Builder("train"))
    with pytest.raises(ValueError, match="Expected splits 'train' and 'test'"):
        read_tfds("fake", "text")


# The documentation


def test_docs_are_a_thousand_sentences_of_plain_prose():
    splits = load_docs()
    train, validation, test = map(list, splits)
    sentences = train + validation + test
    assert len(sentences) > 1000
    assert len(set(sentences)) == len(sentences)
    assert abs(len(validation) / len(sentences) - 0.1) < 0.01
    assert len(test) == len(validation)
    for sentence in sentences:
        assert not set(sentence) & set("`|*_=<>{}[]\\#~^@$&"), sentence
        assert sentence.isascii(), sentence
        assert "::" not in sentence, sentence
        assert sentence.rstrip("\"')")[-1] in ".!?", sentence
        assert sentence.lstrip("\"'(")[0].isupper(), sentence
        letters = sum(character.isalpha() for character in sentence)
        assert letters > 0.6 * len(sentence), sentence


def test_docs_are_the_same_each_time():
    assert [list(lines) for lines in load_docs()] == [list(lines) for lines in load_docs()]
