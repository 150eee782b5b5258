"""Arrays on the device, whose batches are gathered in the steps."""

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

MOST_BYTES = 2**31  # of an array on a GPU
# Rows that TensorFlow gathers on a GPU outside of XLA, without a copy of the array in each step.
GATHERED_ON_GPU = (tf.float16, tf.bfloat16, tf.float32, tf.float64, tf.int64, tf.bool)
_NAME = "resident_rows"  # attribute of a data set


class ResidentRows(NamedTuple):
    """Rows of an array, and their order in each epoch.

    Args:
        rows: tensor on the CPU. Shape [N, ...].
        epochs: data set of (order, seeds) for each epoch: row numbers, int64, of at most N rows; and a stateless seed
            of shape [2], int64.
        batch_size: number of rows B in a batch; the last batch of an epoch may be smaller.
        transform: function (batch, seeds, step, compiled by XLA) -> observations, in graph code; None for the identity.
            The step is the number of the batch in the epoch, a scalar int64.
        examples: function -> observations with all values that may occur, for checks; None if they were checked.
        spec: signature of a batch of the data set; None before `with_rows`.
    """

    rows: Any
    epochs: tf.data.Dataset
    batch_size: int
    transform: Callable | None = None
    examples: Callable | None = None
    spec: Any = None

    def signature(self) -> tuple:
        """Returns the signatures of the rows, `Segment.batches`, `Segment.seeds` and three numbers, int64.

        The number of rows and the size of a batch are open.
        """
        return (
            tf.TensorSpec([None, *self.rows.shape[1:]], self.rows.dtype),
            tf.TensorSpec([None, None], tf.int64),
            tf.TensorSpec([2], tf.int64),
            tf.TensorSpec([3], tf.int64),
        )


class Segment(NamedTuple):
    """Successive batches of one size.

    Args:
        batches: row numbers of the batches, int64. Shape [W, B].
        seeds: stateless seed of the epoch, int64. Shape [2].
        first: number of batches in the epoch before `batches`.
        begin: number in the epoch of the first batch to take.
        steps: number of batches to take.
    """

    batches: Any
    seeds: Any
    first: int
    begin: int
    steps: int


def with_rows(dataset: tf.data.Dataset, rows: ResidentRows) -> tf.data.Dataset:
    """Returns a data set with its rows.

    `fit` replaces the data set by the rows, where they fit on the device.

    Args:
        dataset: data set of the same batches; data sets made from it have no rows.
        rows: rows of the data set.
    """
    setattr(dataset, _NAME, rows._replace(spec=dataset.element_spec))
    return dataset


def rows_of(dataset) -> ResidentRows | None:
    """Returns the rows of a data set, or None."""
    return getattr(dataset, _NAME, None)


class ResidentBatches:
    """Batches on the device, in the form of an iterable data set.

    Args:
        rows: rows on the device and their orders.
    """

    def __init__(self, rows: ResidentRows):
        self.rows = rows

    def __iter__(self):
        return ResidentIterator(self.rows)


class ResidentIterator:
    """An iterator of `Segment`s, epoch after epoch.

    Args:
        rows: rows on the device and their orders.

    Attributes:
        form: transform and signatures, which decide whether a loop of steps is traced again.
    """

    def __init__(self, rows: ResidentRows):
        self.rows, self.form = rows, (rows.transform, rows.spec, *rows.signature())
        self._epochs = iter(rows.epochs)  # like an iterator of the data set: some data sets count them
        self._parts: list = []
        self._seeds: Any = None
        self._position = 0

    def __iter__(self):
        return self

    def __next__(self):
        for segment in self.take(1):
            rows, step = self.rows, tf.constant(segment.begin, tf.int64)
            batch = tf.gather(rows.rows, segment.batches[segment.begin - segment.first])
            return batch if rows.transform is None else rows.transform(batch, segment.seeds, step, False)
        raise StopIteration

    def take(self, steps: int) -> list[Segment]:
        """Returns segments of a number of batches, fewer at the end."""
        segments = []
        while steps and (self._parts or self._begin_epoch()):
            first, batches = self._parts[0]
            end = first + int(batches.shape[0])
            count = min(steps, end - self._position)
            segments.append(Segment(batches, self._seeds, first, self._position, count))
            self._position += count
            steps -= count
            if self._position == end:
                self._parts.pop(0)
        return segments

    def _begin_epoch(self) -> bool:
        """Reads the order of an epoch: batches of the whole size, and the rest."""
        order, self._seeds = next(self._epochs, (None, None))
        if order is None:
            return False
        size = self.rows.batch_size
        whole = int(order.shape[0]) // size
        parts = [(0, tf.reshape(order[: whole * size], [whole, size])), (whole, order[whole * size :][None])]
        self._parts = [(first, part) for first, part in parts if 0 not in part.shape]
        self._position = 0
        return bool(self._parts)


def on_device(rows: ResidentRows, *, jit_compile: bool) -> ResidentRows | None:
    """Returns rows on the device, or None if they do not fit.

    Args:
        rows: rows on the CPU.
        jit_compile: whether the steps are compiled by XLA.
    """
    array = rows.rows
    if rows.transform is not None and not jit_compile:
        return None  # other threads transform the batches while the steps run
    if not tf.config.list_logical_devices("GPU"):
        return rows
    if array.dtype.size * array.shape.num_elements() > MOST_BYTES or not (
        jit_compile or array.dtype in GATHERED_ON_GPU
    ):
        return None
    try:
        with tf.device("GPU:0"):
            return rows._replace(rows=tf.identity(array))
    except tf.errors.ResourceExhaustedError:
        return None
