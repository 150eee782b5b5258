"""Checks of the observations that a model is given, before any work starts."""

import contextlib
import re

import numpy as np
import tensorflow as tf

from rme_tf.likelihoods import Likelihood


def checked(data, likelihood: Likelihood, name: str = "x"):
    """Returns the data of a `fit`, `evaluate` or `predict`, checked against the likelihood's support.

    Arrays are checked whole, at once; each batch of a `tf.data.Dataset` as it comes. Other sources pass.

    Raises:
        ValueError: for empty data, a wrong shape, or values outside the support.
    """
    if isinstance(data, tf.data.Dataset):
        spec = data.element_spec[0] if isinstance(data.element_spec, tuple) else data.element_spec
        likelihood.check_shape(spec.shape.as_list() if spec.shape.rank is not None else (), name)
        if _is_empty(data):
            raise ValueError(f"`{name}` is an empty data set. Expected at least one batch.")
        return data.map(lambda *batch: _guard_first(batch, likelihood), tf.data.AUTOTUNE)
    if isinstance(data, (np.ndarray, tf.Tensor)):
        likelihood.check(data, name)
    return data


def _is_empty(dataset) -> bool:
    cardinality = int(dataset.cardinality())
    if cardinality == tf.data.UNKNOWN_CARDINALITY:
        return next(iter(dataset.take(1)), None) is None
    return cardinality == 0


def _guard_first(batch, likelihood):
    guarded = likelihood.guard(batch[0])
    return guarded if len(batch) == 1 else (guarded, *batch[1:])


@contextlib.contextmanager
def data_errors_as_value_errors():
    """Turns the graph's error about a bad batch (see `Likelihood.guard`) into a ValueError."""
    try:
        yield
    except tf.errors.InvalidArgumentError as error:
        match = re.search(r"\w+ expects [^\n]{0,200}", str(error))
        if match is None:
            raise
        raise ValueError(f"A batch of the data is outside the support: {match[0]}") from error
