"""Checks of the observations that a model is given, before any work starts."""

import contextlib
import inspect
import re

import keras
import numpy as np
import tensorflow as tf

from rme_tf.likelihoods import Likelihood


def checked(data, likelihood: Likelihood, name: str = "x"):
    """Returns the data of a `fit`, `evaluate` or `predict`, checked against the likelihood's support.

    Arrays are checked whole, at once; each batch of a `tf.data.Dataset`, a `PyDataset` or a generator as it
    comes. A list or a dict means several inputs to Keras, and is refused. Other sources pass.

    Raises:
        ValueError: for empty data, a wrong shape, or values outside the support.
    """
    if isinstance(data, list | tuple | dict):
        raise ValueError(
            f"`{name}` must be an array or a data set of observations {likelihood.event_shape}. "
            f"Received: a {type(data).__name__} of {len(data)}. Convert it: np.asarray({name})."
        )
    if isinstance(data, tf.data.Dataset):
        spec = data.element_spec[0] if isinstance(data.element_spec, tuple) else data.element_spec
        if not isinstance(spec, tf.TensorSpec) or spec.shape.rank is None:
            raise ValueError(
                f"`{name}` must give tensors of shape {(None, *likelihood.event_shape)}, alone or first in a tuple. "
                f"Received a data set of: {data.element_spec}."
            )
        likelihood.check_shape(spec.shape.as_list(), name)
        if _is_empty(data):
            raise ValueError(f"`{name}` is an empty data set. Expected at least one batch.")
        return data.map(lambda *batch: _guard_first(batch, likelihood), tf.data.AUTOTUNE)
    if isinstance(data, (np.ndarray, tf.Tensor)):
        likelihood.check(data, name)
    if inspect.isgenerator(data):
        return (_checked_batch(batch, likelihood, name) for batch in data)
    return CheckedPyDataset(data, likelihood, name) if isinstance(data, keras.utils.PyDataset) else data


def batches(data, batch_size: int):
    """Returns what to iterate over: the batches of a `tf.data.Dataset`, without labels, or an array cut into some.

    It has a length where that is known.
    """
    if isinstance(data, tf.data.Dataset):
        return data.map(lambda *batch: batch[0])
    return [data[start : start + batch_size] for start in range(0, len(data), batch_size)]


class CheckedPyDataset(keras.utils.PyDataset):
    """A `PyDataset` whose batches are checked as they come.

    Args:
        source: the `PyDataset` whose batches are passed on.
        likelihood: whose support is checked.
        name: what to call it in messages.
    """

    def __init__(self, source, likelihood: Likelihood, name: str):
        super().__init__(source.workers, source.use_multiprocessing, source.max_queue_size)
        self.source, self.likelihood, self.name = source, likelihood, name

    @property
    def num_batches(self):
        """The source's."""
        return self.source.num_batches

    def __getitem__(self, index):
        return _checked_batch(self.source[index], self.likelihood, self.name)

    def on_epoch_begin(self):
        """Passed on to the source."""
        self.source.on_epoch_begin()

    def on_epoch_end(self):
        """Passed on to the source."""
        self.source.on_epoch_end()


def _checked_batch(batch, likelihood, name):
    likelihood.check(batch[0] if isinstance(batch, tuple | list) else batch, name)
    return batch


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
