"""Labels of sentences: before a tab, or a field of TensorFlow Datasets; the sentences stay the same."""

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from rme_tf.data import UNLABELED, text
from rme_tf.data.text import corpus

LINES = ["spam\tBuy  now !", "ham\tSee you\tlater", "\tno label here", "none here either", "", "ham \tYes"]
SENTENCES = ["Buy now !", "See you later", "no label here", "none here either", "Yes"]
LABELS = ["spam", "ham", None, None, "ham"]


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "mail.tsv"
    path.write_text("\n".join(LINES), encoding="utf-8")
    return path


def test_a_label_stands_before_the_first_tab(file):
    for source in (file, LINES):
        lines = text.Lines(source, labeled=True)
        assert list(lines) == SENTENCES == list(lines)
        assert list(lines.pairs()) == list(zip(SENTENCES, LABELS, strict=True))
        assert lines.report.kept == 5
        assert lines.report.empty == 1


def test_without_the_choice_a_label_is_a_word(file):
    lines = text.Lines(file)
    assert next(iter(lines)) == "spam Buy now !"
    assert [label for _, label in lines.pairs()] == [None] * 5
    assert text.TextSplits(lines, lines, lines).labels is None


def test_the_first_lines_keep_their_labels(file):
    first = text.Lines(file, labeled=True).first(3)
    assert list(first.pairs()) == list(zip(SENTENCES[:3], LABELS[:3], strict=True))
    assert first.name == str(file)


def test_labels_have_numbers_in_every_split(file):
    lines = text.Lines(file, labeled=True)
    labels = text.TextSplits(lines, lines.first(1), lines.first(2)).labels
    assert labels.names == ("ham", "spam")
    assert [list(part) for part in labels[:3]] == [[1, 0, UNLABELED, UNLABELED, 0], [1], [1, 0]]


def test_lines_without_any_label_are_refused(tmp_path):
    path = tmp_path / "plain.txt"
    path.write_text("one\ntwo\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"Expected a label, a tab and a sentence in each line of .*plain.txt"):
        list(text.Lines(path, labeled=True))


def test_tokens_and_their_order_do_not_depend_on_labels(file, tmp_path):
    plain, labeled = text.Lines(SENTENCES), text.Lines(file, labeled=True)
    tokenizers = [text.train_tokenizer(lines, kind="word", vocabulary_size=12) for lines in (plain, labeled)]
    assert tokenizers[0].model == tokenizers[1].model
    rows = [text.tokenize(lines, tokenizers[0]).rows(range(5)) for lines in (plain, labeled)]
    np.testing.assert_array_equal(*rows)
    stored = text.tokenize(labeled, tokenizers[0], directory=tmp_path / "tokens")
    np.testing.assert_array_equal(stored.rows(range(5)), rows[0])
    assert text.Lines(file).fingerprint() != labeled.fingerprint()


def test_the_split_of_a_sentence_does_not_depend_on_its_label(tmp_path):
    sentences = [f"sentence number {index}" for index in range(300)]
    splits = []
    for name, lines in (("a", sentences), ("b", [f"{index % 3}\t{line}" for index, line in enumerate(sentences)])):
        path = tmp_path / name
        path.write_text("\n".join(lines), encoding="utf-8")
        splits.append(text.read_file(path, labeled=name == "b"))
    assert [list(lines) for lines in splits[0]] == [list(lines) for lines in splits[1]]
    labels = splits[1].labels
    for lines, part in zip(splits[1], labels[:3], strict=True):
        assert [int(line.split()[-1]) % 3 for line in lines] == [int(labels.names[label]) for label in part]


def test_every_reader_of_files_reads_labels(file, tmp_path):
    for name in ("train", "valid", "test"):
        (tmp_path / f"{name}.txt").write_text("\n".join(LINES), encoding="utf-8")
    for splits in (text.read_files(file, file, file, labeled=True), text.read_folder(tmp_path, labeled=True)):
        assert [label for _, label in splits.test.pairs()] == LABELS


@pytest.mark.parametrize(
    ("feature", "values", "expected"),
    [
        (SimpleNamespace(names=["neg", "pos"]), [1, 0, -1], ["pos", "neg", None]),
        (SimpleNamespace(), [7, 3, 7], ["7", "3", "7"]),
        (SimpleNamespace(), [b"news", b"sports", b""], ["news", "sports", None]),
    ],
)
def test_a_field_of_tensorflow_datasets_labels_its_texts(feature, values, expected, monkeypatch):
    class Builder:
        info = SimpleNamespace(
            features={"text": None, "label": feature}, splits=["train", "test", "validation"], full_name="fake/1.0"
        )
        data_path = "nowhere"

        def as_dataset(self, split, shuffle_files):
            return tf.data.Dataset.from_tensor_slices({"text": [b"a\tb", b"c", b"d"], "label": values})

    monkeypatch.setattr(corpus, "prepared_builder", lambda name, **_: Builder())
    splits = text.read_tfds("fake", "text", label="label")
    assert list(splits.train.pairs()) == list(zip(["a b", "c", "d"], expected, strict=True))
    assert list(text.read_tfds("fake", "text").train) == ["a b", "c", "d"]
    with pytest.raises(
        ValueError, match="Unknown field of 'fake'. Expected one of: 'label', 'text'. Received: 'class'"
    ):
        text.read_tfds("fake", "text", label="class")
