"""Checks of input data, before any work or batch by batch."""

import contextlib
import inspect
import itertools
import math
import re
from collections.abc import Sequence

import keras
import tensorflow as tf

from rme_tf.core.arrays import as_array, check_dtype
from rme_tf.core.resident import rows_of, with_rows
from rme_tf.likelihoods import Likelihood
from rme_tf.likelihoods.support import sentence_in

PYTHON = re.compile(r"ValueError: (`\w+` (?:must|is empty)[^\n]*)")  # error of a generator, in the error of a graph


def checked(data, likelihood: Likelihood, name: str = "x", *, steps: tuple | None = None):
    """Returns checked data for `fit`, `evaluate` or `predict`.

    Arrays are checked immediately and completely; batches of a `tf.data.Dataset`, a `PyDataset` or a generator are
    checked when they are read. A list or a dict means several inputs to Keras, and is refused, as are data of other
    types, except distributed data sets, which pass without a check.

    Args:
        data: data in any form that Keras takes.
        likelihood: likelihood with the support that is checked.
        name: name of the argument, for messages.
        steps: name and value of the argument that limits infinite data; None allows infinite data.

    Raises:
        ValueError: if the data are empty or infinite, have a wrong shape, or have values outside of the support.
    """
    if steps is not None and steps[1] is None:
        refuse_endless(data, name, f"`{steps[0]}`, the number of batches")
    if isinstance(data, tf.data.Dataset):
        return _checked_dataset(data, likelihood, name)
    if isinstance(data, keras.utils.PyDataset):
        if data.num_batches == 0:
            raise ValueError(f"`{name}` is an empty data set. Expected at least one batch.")
        return CheckedPyDataset(data, likelihood, name)
    if inspect.isgenerator(data):
        return _checked_batches(data, likelihood, name)
    if not isinstance(data, tf.distribute.DistributedDataset | tf.distribute.DistributedIterator):
        data = as_array(data, name, f"an array or a data set of observations {likelihood.event_shape}")
        likelihood.check(data, name)
    return data


def checked_pair(data, likelihood: Likelihood, name: str, *, steps: tuple | None = None):
    """Returns checked data, a tuple (checked data, labels, ...), or None.

    Args:
        data: data in any form that Keras takes, a tuple of data and labels, or None.
        likelihood: likelihood with the support that is checked.
        name: name of the argument, for messages.
        steps: name and value of the argument that limits infinite data; None allows infinite data.
    """
    if data is None:
        return None
    if not isinstance(data, tuple | list) or not data:
        return checked(data, likelihood, name, steps=steps)
    return (checked(data[0], likelihood, name, steps=steps), *data[1:])


def checked_whole(data, likelihood: Likelihood, name: str = "x", *, first: int | None = None):
    """Returns a checked array or `tf.data.Dataset`, for `batches`.

    Args:
        data: array, any object with `__array__`, or `tf.data.Dataset`.
        likelihood: likelihood with the support that is checked.
        name: name of the argument, for messages.
        first: largest number of observations to read; None is all observations of finite data.

    Raises:
        ValueError: if the data are empty or infinite, have a wrong shape, or have values outside of the support.
    """
    if first is None:
        refuse_endless(data, name, f"a data set that ends, `{name}.take(number of batches)`")
    if isinstance(data, tf.data.Dataset):
        return _checked_dataset(data, likelihood, name)
    array = as_array(data, name, f"an array or a `tf.data.Dataset` of observations {likelihood.event_shape}")
    array = array if first is None or len(array.shape) == 0 else array[:first]
    likelihood.check(array, name)
    return array


def refuse_endless(data, name: str, expected: str) -> None:
    """Checks that data are finite, except generators, whose length is unknown.

    Args:
        data: data in any form that Keras takes.
        name: name of the argument, for messages.
        expected: remedy, for messages.

    Raises:
        ValueError: if a data set is infinite.
    """
    endless = (isinstance(data, tf.data.Dataset) and int(data.cardinality()) == tf.data.INFINITE_CARDINALITY) or (
        isinstance(data, keras.utils.PyDataset) and data.num_batches is None
    )
    if endless:
        raise ValueError(f"`{name}` is endless. Expected: {expected}.")


def batches(data, batch_size: int):
    """Returns an iterable of batches without labels, with a length if known.

    Args:
        data: array, or `tf.data.Dataset` of batches or tuples that begin with one.
        batch_size: number of rows B in a batch of an array.
    """
    if isinstance(data, tf.data.Dataset):
        return data.map(lambda *batch: batch[0])
    return Slices(data, batch_size)


class Slices(Sequence):
    """A sequence of the batches of an array, read on access.

    Args:
        array: NumPy array, tensor, or another object with slices. Shape [N, ...].
        batch_size: number of rows B in a batch.
    """

    def __init__(self, array, batch_size: int):
        self.array, self.batch_size = array, batch_size

    def __len__(self):
        return math.ceil(len(self.array) / self.batch_size)

    def __getitem__(self, index):
        if not 0 <= index < len(self):
            raise IndexError(index)
        return self.array[index * self.batch_size : (index + 1) * self.batch_size]


class CheckedPyDataset(keras.utils.PyDataset):
    """A `PyDataset` whose batches are checked when they are read.

    Args:
        source: `PyDataset` with the batches.
        likelihood: likelihood with the support that is checked.
        name: name of the argument, for messages.
    """

    def __init__(self, source, likelihood: Likelihood, name: str):
        super().__init__(source.workers, source.use_multiprocessing, source.max_queue_size)
        self.source, self.likelihood, self.name = source, likelihood, name

    @property
    def num_batches(self):
        """Number of batches of the source."""
        return self.source.num_batches

    def __getitem__(self, index):
        return _checked_batch(self.source[index], self.likelihood, self.name)

    def on_epoch_begin(self):
        """Calls `on_epoch_begin` of the source."""
        self.source.on_epoch_begin()

    def on_epoch_end(self):
        """Calls `on_epoch_end` of the source."""
        self.source.on_epoch_end()


def _checked_batch(batch, likelihood, name):
    """Returns a tuple (checked x, labels, ...), the form that Keras takes, for a tuple or a single x."""
    first, *others = batch if isinstance(batch, tuple | list) and len(batch) else (batch,)
    first = as_array(first, name, f"an array of observations {likelihood.event_shape}, alone or first in a tuple")
    likelihood.check(first, name)
    return first, *others


def _checked_batches(generator, likelihood, name):
    """Returns a generator of checked batches; raises ValueError for an empty generator."""
    first = next(generator, None)
    if first is None:
        raise ValueError(f"`{name}` is an empty data set. Expected at least one batch.")
    return (_checked_batch(batch, likelihood, name) for batch in itertools.chain([first], generator))


def _checked_dataset(dataset, likelihood, name):
    """Returns a `tf.data.Dataset` whose batches are checked when read; static shapes are checked immediately."""
    spec = dataset.element_spec[0] if isinstance(dataset.element_spec, tuple) else dataset.element_spec
    if not isinstance(spec, tf.TensorSpec) or spec.shape.rank is None:
        key = next(iter(spec), "key") if isinstance(spec, dict) else None
        remedy = "" if key is None else f" Take one tensor: {name}.map(lambda batch, *labels: batch[{key!r}])."
        raise ValueError(
            f"`{name}` must give tensors of shape {(None, *likelihood.event_shape)}, alone or first in a tuple. "
            f"Received a data set of: {dataset.element_spec}.{remedy}"
        )
    check_dtype(spec.dtype, name)
    _check_batched(spec.shape.as_list(), likelihood, name)
    if _is_empty(dataset):
        raise ValueError(f"`{name}` is an empty data set. Expected at least one batch.")

    def guarded(*batch):
        first = likelihood.guard(batch[0], name)
        return first if len(batch) == 1 else (first, *batch[1:])

    rows, batches = rows_of(dataset), dataset.map(guarded, tf.data.AUTOTUNE)
    if rows is None or rows.examples is None:
        return batches
    likelihood.check(rows.examples(), name)  # no step will check the rows
    return with_rows(batches, rows)


def _check_batched(shape, likelihood, name) -> None:
    """Checks the shape of a data set's batches; raises ValueError, with a remedy for a missing batch axis."""
    try:
        likelihood.check_shape(shape, name)
    except ValueError as error:
        if likelihood.fits((None, *shape)):
            raise ValueError(f"{error} Batch the data set: {name}.batch(batch_size).") from None
        raise


def _is_empty(dataset) -> bool:
    cardinality = int(dataset.cardinality())
    if cardinality == tf.data.UNKNOWN_CARDINALITY:
        return next(iter(dataset.take(1)), None) is None
    return cardinality == 0


@contextlib.contextmanager
def data_errors_as_value_errors():
    """Converts a graph's error for an invalid batch (see `Likelihood.guard`) to ValueError."""
    try:
        yield
    except tf.errors.InvalidArgumentError as error:
        match = PYTHON.search(str(error))
        sentence = match[1] if match else sentence_in(str(error))
        if sentence is None:
            raise
        raise ValueError(sentence) from error
