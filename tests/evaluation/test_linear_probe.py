"""The linear probe, on codes whose answer is known."""

import math

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from rme_tf.data import Labels
from rme_tf.evaluation import Probe, linear_probe


class Codes:
    """A model whose posterior is a mixture of two components around x."""

    def predict(self, x, verbose):
        x = np.asarray(x, "float32")
        return {"weights": np.full([len(x), 2], [0.25, 0.75], "float32"), "means": np.stack([x - 3.0, x + 1.0], axis=1)}


def splits_of(rng, sizes=(400, 200, 300), *, classes=3, apart=0.0):
    labels = [rng.integers(0, classes, size) for size in sizes]
    centers = apart * np.eye(classes, 4)
    return [rng.normal(size=(len(part), 4)) + centers[part] for part in labels], labels


def test_separate_classes_are_told_apart(rng):
    splits, labels = splits_of(rng, apart=40.0)
    probe = linear_probe(Codes(), splits, labels)
    assert probe.accuracy == 1.0
    assert probe.standard_error == 0.0
    assert probe.majority_rate < 0.5
    assert (probe.num_train, probe.num_test) == (400, 300)
    assert probe.inverse_regularization == 0.01  # of equal ones, the most regularized


def test_overlapping_classes_reach_the_accuracy_of_the_best_rule(rng):
    """Two Gaussians, 2 standard deviations apart: the best rule has the accuracy Phi(1) = 0.841."""
    labels = [rng.integers(0, 2, size) for size in (4000, 500, 4000)]
    splits = [rng.normal(size=(len(part), 3)) + 2.0 * part[:, None] * np.eye(3)[0] for part in labels]
    probe = linear_probe(Codes(), splits, labels)
    assert abs(probe.accuracy - 0.8413) < 3 * probe.standard_error
    np.testing.assert_allclose(probe.standard_error, math.sqrt(0.8413 * 0.1587 / 4000), rtol=0.05)


def test_codes_without_information_reach_the_majority_rate(rng):
    labels = [np.where(rng.random(size) < 0.7, 5, 2) for size in (500, 200, 400)]
    probe = linear_probe(Codes(), [rng.normal(size=(len(part), 2)) for part in labels], labels, strengths=(1e-4,))
    assert probe.accuracy == probe.majority_rate == (labels[2] == 5).mean()
    assert str(probe).startswith(f"{probe.accuracy:.3f} ± ")
    assert str(probe).endswith(f"(majority class {probe.majority_rate:.3f})")


def test_the_regularization_is_chosen_on_the_validation_split(rng):
    splits, labels = splits_of(rng, (60, 200, 200), apart=1.0)
    probe = linear_probe(Codes(), splits, labels, strengths=(1e-5, 3.0))
    train = splits[0].mean(axis=0), splits[0].std(axis=0)
    scaled = [(part - train[0]) / train[1] for part in splits]
    each = {c: LogisticRegression(C=c, max_iter=2000).fit(scaled[0], labels[0]) for c in (1e-5, 3.0)}
    best = max(each, key=lambda c: (each[c].score(scaled[1], labels[1]), -c))
    assert probe.inverse_regularization == best
    np.testing.assert_allclose(probe.accuracy, each[best].score(scaled[2], labels[2]), atol=0.011)  # float32 codes


def test_observations_without_a_label_are_left_out(rng):
    splits, labels = splits_of(rng, apart=3.0)
    known = linear_probe(Codes(), splits, labels)
    more = [np.concatenate([part, rng.normal(size=(7, 4))]) for part in splits]
    with_gaps = Labels(*(np.concatenate([part, np.full(7, -1)]) for part in labels), names=("a", "b", "c"))
    assert linear_probe(Codes(), more, with_gaps) == known


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda splits, labels: (splits[:2], labels), "`splits` must have a training, a validation and a test part"),
        (lambda splits, labels: (splits, labels[:2]), "`labels` must have a training, a validation and a test part"),
        (
            lambda splits, labels: (splits, [labels[0][1:], *labels[1:]]),
            "as many as the observations .* 400. Received: 399",
        ),
        (lambda splits, labels: (splits, [labels[0] * 1.0, *labels[1:]]), "be integers"),
        (lambda splits, labels: (splits, [*labels[:2], np.full(300, -1)]), "one label at least in each split"),
        (lambda splits, labels: (splits, [0 * labels[0], *labels[1:]]), "two values at least in the training split"),
        (lambda splits, labels: (splits, [*labels[:2], labels[2] + 9]), "a test label that is in the training split"),
    ],
    ids=["splits", "parts", "length", "floats", "none", "one", "others"],
)
def test_labels_that_no_probe_can_predict_are_refused(change, message, rng):
    splits, labels = change(*splits_of(rng))
    with pytest.raises(ValueError, match=message):
        linear_probe(Codes(), splits, labels)


@pytest.mark.parametrize("strengths", [(), (0.0,), (1.0, -1.0)])
def test_strengths_must_be_positive(strengths, rng):
    with pytest.raises(ValueError, match="`strengths` must"):
        linear_probe(Codes(), *splits_of(rng), strengths=strengths)


def test_a_model_has_the_accuracy_of_its_codes(tiny_model, binary_data):
    model = tiny_model()
    splits = [binary_data(60) for _ in range(3)]
    labels = [(part[:, 0] > 0).astype(int) for part in splits]
    probe = linear_probe(model, splits, labels)
    assert isinstance(probe, Probe)
    assert 0.5 < probe.accuracy <= 1.0
