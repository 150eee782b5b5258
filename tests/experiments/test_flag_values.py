"""Words after flags that are of another type, refused on one line."""

import dataclasses

import pytest

from rme_tf.experiments import ImageRecipe, parse
from rme_tf.experiments.cli import Positional


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--latent-dim three", "`--latent-dim` must be an integer. Received: 'three'."),
        ("--latent-dim 2.5", "`--latent-dim` must be an integer. Received: '2.5'."),
        ("--latent-dim", "`--latent-dim` must be followed by an integer. Received: nothing."),
        ("--train-size many", "`--train-size` must be an integer or None. Received: 'many'."),
        ("--later-width wide", "`--later-width` must be a number. Received: 'wide'."),
        ("--encoder.filters 3,x", "`--encoder.filters` must be a list, each an integer. Received: 'x'."),
        ("--schedule cosin", "Did you mean 'cosine'?"),
        ("--epochs 3 4", "Expected a flag. Received: '4', after --epochs."),
        ("--smoke perhaps", "Expected a flag. Received: 'perhaps', after --smoke."),
        ("stray", "Expected a flag. Received: 'stray'."),
        ("--algorithm elbo stray --epochs 3", "Expected a flag. Received: 'stray'"),
    ],
)
def test_a_word_of_another_type_is_refused_on_one_line(words, message, capsys):
    with pytest.raises(SystemExit) as end:
        parse(ImageRecipe(), args=words.split())
    assert end.value.code == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert printed.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "field", "value"),
    [
        ("--train-size none", "train_size", None),
        ("--train-size 1_000", "train_size", 1000),
        ("--later-width 1e-1", "later_width", 0.1),
        ("--train-minutes 3", "train_minutes", 3.0),
        ("--schedule cosine", "schedule", "cosine"),
        ("--data-dir -x", "data_dir", "-x"),
        ("--out none", "out", "none"),
    ],
)
def test_words_of_the_type_are_taken(words, field, value):
    assert getattr(parse(ImageRecipe(), args=words.split()), field) == value


@dataclasses.dataclass(frozen=True)
class Files:
    """Files without a flag."""

    paths: Positional[tuple[str, ...]] = ()
    out: str = ""


def test_words_without_a_flag_are_taken_where_they_are_expected():
    assert parse(Files(), args=["a", "b", "--out", "c"]) == Files(paths=("a", "b"), out="c")
