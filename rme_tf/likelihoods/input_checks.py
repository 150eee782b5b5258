"""Checks of the data that a model is given, before any work starts, or batch by batch as they come."""

import contextlib
import inspect
import itertools
import math
import re
from collections.abc import Sequence

import keras
import tensorflow as tf

from rme_tf.core.arrays import as_array, check_dtype, is_array
from rme_tf.likelihoods import Likelihood
from rme_tf.likelihoods.support import sentence_in

PYTHON = re.compile(r"ValueError: (`\w+` (?:must|is empty)[^\n]*)")  # of a generator, in the error of a graph


def checked(data, likelihood: Likelihood, name: str = "x", *, steps: tuple | None = None):
    """Return the data of a `fit`, `evaluate` or `predict`, checked.

    Arrays are checked whole, at once; each batch of a `tf.data.Dataset`, a `PyDataset` or a generator as it
    comes. A list or a dict means several inputs to Keras, and is refused. Other sources pass.

    Args:
        data: data as Keras takes them.
        likelihood: likelihood with the support that is checked.
        name: name of the argument, for messages.
        steps: name and value of the argument that ends endless data; None lets them pass.

    Raises:
        ValueError: for empty or endless data, a wrong shape, or values outside the support.
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
    if data is None or is_array(data) or isinstance(data, list | tuple | dict | set | str | bytes):
        data = as_array(data, name, f"an array or a data set of observations {likelihood.event_shape}")
        likelihood.check(data, name)
    return data


def checked_pair(data, likelihood: Likelihood, name: str, *, steps: tuple | None = None):
    """Return checked data, or a tuple (checked data, labels, ...); None where there are no data."""
    if data is None:
        return None
    if not isinstance(data, tuple | list) or not data:
        return checked(data, likelihood, name, steps=steps)
    return (checked(data[0], likelihood, name, steps=steps), *data[1:])


def checked_whole(data, likelihood: Likelihood, name: str = "x", *, first: int | None = None):
    """Return an array or a `tf.data.Dataset`, checked, for `batches`.

    Args:
        data: array, anything with `__array__`, or `tf.data.Dataset`.
        likelihood: likelihood with the support that is checked.
        name: name of the argument, for messages.
        first: largest number of observations to read; None for all, and then the data must end.

    Raises:
        ValueError: as `checked` does.
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
    """Raise ValueError for data without an end; generators do not tell."""
    endless = (isinstance(data, tf.data.Dataset) and int(data.cardinality()) == tf.data.INFINITE_CARDINALITY) or (
        isinstance(data, keras.utils.PyDataset) and data.num_batches is None
    )
    if endless:
        raise ValueError(f"`{name}` is endless. Expected: {expected}.")


def batches(data, batch_size: int):
    """Returns what to iterate over: the batches of a `tf.data.Dataset`, without labels, or an array cut into some.

    It has a length where that is known.
    """
    if isinstance(data, tf.data.Dataset):
        return data.map(lambda *batch: batch[0])
    return Slices(data, batch_size)


class Slices(Sequence):
    """An array cut into batches, each of which is read when it is asked for.

    Args:
        array: NumPy array, tensor, or one that is sliced alike. Shape [N, ...].
        batch_size: B.
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
    """Returns a tuple (checked x, labels, ...), which is what Keras takes; x may come alone."""
    first, *others = batch if isinstance(batch, tuple | list) and len(batch) else (batch,)
    first = as_array(first, name, f"an array of observations {likelihood.event_shape}, alone or first in a tuple")
    likelihood.check(first, name)
    return first, *others


def _checked_batches(generator, likelihood, name):
    """Returns the generator, whose batches are checked as they come; the first of them is known to be there."""
    first = next(generator, None)
    if first is None:
        raise ValueError(f"`{name}` is an empty data set. Expected at least one batch.")
    return (_checked_batch(batch, likelihood, name) for batch in itertools.chain([first], generator))


def _checked_dataset(dataset, likelihood, name):
    """Returns a `tf.data.Dataset` whose batches are checked as they come, what is known of them at once."""
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

    return dataset.map(guarded, tf.data.AUTOTUNE)


def _check_batched(shape, likelihood, name) -> None:
    """Checks the shape of a data set's batches; raises ValueError, which tells of observations without a batch."""
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
    """Turns the graph's error about a bad batch (see `Likelihood.guard`) into a ValueError."""
    try:
        yield
    except tf.errors.InvalidArgumentError as error:
        found = PYTHON.search(str(error))
        sentence = found[1] if found else sentence_in(str(error))
        if sentence is None:
            raise
        raise ValueError(sentence) from error
