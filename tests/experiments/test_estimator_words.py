"""Sentences on the estimators of log p(x): their numbers are the record's own."""

import re

import pytest

from rme_tf.experiments.reports.configuration import field
from rme_tf.experiments.reports.records import load_study
from test_result_words import ROOT, words_of


@pytest.fixture(scope="module")
def words():
    """The paragraphs around the table, as one line."""
    text = words_of("docs/diagnostics.md")
    return text[text.index("A VAE of D = 5") : text.index("## Two models on one test set")]


@pytest.fixture(scope="module")
def record():
    (record,) = load_study(ROOT / "recipes" / "results" / "benchmark_log_likelihoods.jsonl")
    return record


def column(record, name):
    """The leading numbers of a column in nats, {first words of the estimator: number}."""
    cells = {re.split(",", row["estimator"])[0]: row[name] for row in record["table"]}
    return {estimator: float(cell.split()[0]) for estimator, cell in cells.items() if cell}


def test_the_words_on_the_model_and_its_images(words, record):
    assert (field(record, "dataset"), field(record, "binarization"), field(record, "components")) == (
        ("mnist", "static", 1)
    )
    assert f"A VAE of D = {field(record, 'latent_dim')} on static MNIST" in words
    count = field(record, "estimated")
    assert f"of BDMC are of {count} images from the model, the others of {count} test images" in words


def test_the_words_on_annealing_beside_samples_of_q(words, record):
    gains, largest = (column(record, name) for name in ("less importance weighting", "largest difference"))
    annealed = [name for name in gains if name.startswith("AIS")]
    assert len(annealed) == 2
    (gain,) = {f"{gains[name]:.1f}" for name in annealed}
    most = max(largest[name] for name in annealed)
    samples = field(record, "samples")
    assert (
        f"On average AIS is {gain} nats above {samples:,} samples of Q, and for single images they are up to "
        f"{most:.0f} nats apart."
    ) in words


def test_the_words_on_the_bounds_of_the_error(words, record):
    gaps = column(record, "BDMC's gap")
    assert (
        f"bounds the error of AIS on average, by {gaps['BDMC from the prior']:.2f} nats from the prior and "
        f"{gaps['BDMC from the posterior']:.2f} nats from the posterior."
    ) in words
