"""Linear probes: labels predicted from latent codes by logistic regression."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from rme_tf.core.argument_checks import check_model
from rme_tf.core.validation import check_number, require
from rme_tf.generation.codes import mixture_means

STRENGTHS = (0.01, 0.1, 1.0, 10.0, 100.0)  # inverse strengths of regularization


class Probe(NamedTuple):
    """Test accuracy of a linear probe, and the accuracy without codes."""

    accuracy: float  # share of the test labels that are predicted
    standard_error: float  # of the accuracy, over the test observations
    majority_rate: float  # share of the test labels that are the most frequent training label
    inverse_regularization: float  # chosen on the validation split, scikit-learn's C
    num_train: int  # labeled training observations
    num_test: int  # labeled test observations

    def __str__(self):
        return f"{self.accuracy:.3f} \u00b1 {self.standard_error:.3f} (majority class {self.majority_rate:.3f})"


def linear_probe(model, splits, labels, *, strengths: Sequence[float] = STRENGTHS) -> Probe:
    """Returns the test accuracy of logistic regression on posterior means.

    The codes are the means of Q(z|x), standardized by the training split. The regression is fitted to the training
    split once for each strength; of the most accurate ones on the validation split, the most regularized is tested.
    Observations without a label are left out.

    Args:
        model: `VAE`, trained.
        splits: training, validation and test observations, three arrays. Shapes [N, *event_shape].
        labels: for each split, integers; -1 for no label. A `data.Labels`, or three arrays. Shapes [N].
        strengths: inverse strengths of the L2 penalty to choose from.

    Returns:
        probe: `Probe`; a `majority_rate` near the accuracy means that the codes say little about the labels.

    Raises:
        ValueError: if there are not three splits, a split has another number of labels or no label, the training split
            has one label only, or no test label is in the training split.

    References:
        Alain and Bengio (2016), https://arxiv.org/abs/1610.01644
    """
    check_model(model, has="predict")
    require(len(strengths) > 0, "strengths", "have one value at least", strengths)
    for strength in strengths:
        check_number("strengths", strength, above=0.0)
    parts = [_labeled(*pair) for pair in zip(_three("splits", splits), _three("labels", labels), strict=True)]
    train, validation, test = [(_codes(model, x), known) for x, known in parts]
    _check_labels(train[1], test[1])
    probes = [_fitted(*train, strength) for strength in sorted(strengths)]
    scores = [probe.score(*validation) for probe in probes]
    best = int(np.argmax(scores))  # the first of equal ones, the most regularized
    correct = probes[best].predict(test[0]) == test[1]
    accuracy = float(correct.mean())
    values, counts = np.unique(train[1], return_counts=True)
    return Probe(
        accuracy=accuracy,
        standard_error=math.sqrt(accuracy * (1.0 - accuracy) / len(correct)),
        majority_rate=float((test[1] == values[counts.argmax()]).mean()),
        inverse_regularization=float(sorted(strengths)[best]),
        num_train=len(train[1]),
        num_test=len(test[1]),
    )


def _three(name: str, parts):
    """Returns the first three entries, checked."""
    known = isinstance(parts, list | tuple) or hasattr(parts, "train")
    require(known and len(parts) >= 3, name, "have a training, a validation and a test part", f"{type(parts).__name__}")
    return parts[:3]


def _labeled(x, labels):
    """Returns the observations that have a label, and their labels."""
    labels = np.asarray(labels)
    require(labels.ndim == 1 and labels.dtype.kind in "iu", "labels", "be integers, shape [N]", labels.dtype)
    require(len(x) == len(labels), "labels", f"be as many as the observations of the split, {len(x)}", len(labels))
    known = labels >= 0
    require(known.any(), "labels", "have one label at least in each split", "none")
    return (x if known.all() else x[known]), labels[known]


def _codes(model, x):
    """Returns the means of Q(z|x) [N, D]."""
    inferred = model.predict(x, verbose=0)
    return np.asarray(mixture_means(inferred["weights"], inferred["means"]))


def _check_labels(train, test) -> None:
    """Raises ValueError for labels that no probe can predict."""
    require(len(np.unique(train)) > 1, "labels", "have two values at least in the training split", np.unique(train))
    common = np.intersect1d(train, test)
    require(len(common) > 0, "labels", "have a test label that is in the training split, too", "no common label")


def _fitted(codes, labels, strength):
    """Returns the regression of labels on standardized codes."""
    from sklearn.linear_model import LogisticRegression  # imported here: it takes a second
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    regression = LogisticRegression(C=strength, max_iter=2000)
    return make_pipeline(StandardScaler(), regression).fit(codes, labels)
