"""Global batches of steps on several replicas of a `tf.distribute` strategy.

A replica has some rows of a global batch. In a step, each row has the noise that it would have on one device, and means
are over all rows, so the result does not depend on the number of replicas.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from rme_tf.core.types import Tensor


class Rows(NamedTuple):
    """Rows of a replica in the global batch, each an int32 scalar."""

    first: Tensor
    count: Tensor
    total: Tensor  # rows of all replicas


class _Place(threading.local):
    """Rows of the step that a thread traces; each replica has a thread."""

    rows: Rows | None = None


_PLACE = _Place()


def num_replicas() -> int:
    """Returns the number of replicas of the current strategy, 1 without one."""
    return tf.distribute.get_strategy().num_replicas_in_sync


def has_workers(strategy) -> bool:
    """Returns whether a strategy has several workers, each a process."""
    resolver = strategy.cluster_resolver
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy) or resolver is None:
        return False
    return sum(map(len, resolver.cluster_spec().as_dict().values())) > 1


def is_chief(strategy=None) -> bool:
    """Returns whether this process is the first worker, or the only one."""
    return _worker(strategy or tf.distribute.get_strategy())[0] == 0


@contextlib.contextmanager
def global_batch(size) -> Iterator[None]:
    """Returns a context for the step of a replica.

    Args:
        size: number of rows of the replica, an integer scalar, which may be 0.
    """
    with as_rows(None if num_replicas() == 1 else _rows(size)):
        yield


@contextlib.contextmanager
def as_rows(place: Rows | None) -> Iterator[None]:
    """Returns a context in which batches are rows of a global batch.

    Args:
        place: the rows; None for all.
    """
    before, _PLACE.rows = _PLACE.rows, place
    try:
        yield
    finally:
        _PLACE.rows = before


def rows() -> Rows | None:
    """Returns the rows of the current step, or None.

    None is for one device, and outside of a step.
    """
    return _PLACE.rows


def uniform(shape, seeds: keras.random.SeedGenerator):
    """Returns uniform numbers on [0, 1), other ones on each replica.

    The replicas read the same numbers from a generator, and so would draw the same ones.

    Args:
        shape: shape of the numbers.
        seeds: generator of seeds.
    """
    place = rows()
    if place is None:
        return keras.random.uniform(shape, seed=seeds)
    return tf.random.stateless_uniform(shape, tf.random.fold_in(tf.cast(seeds.next(), tf.int32), place.first))


def total(values):
    """Returns the sum of a tensor over the replicas.

    No gradient passes to the values of other replicas.
    """
    if rows() is None:
        return values
    return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, values)


def summed(gradients: list) -> list:
    """Returns the sums of gradients over the replicas; None stays None.

    The optimizer must take sums, see `keras_compat.take_sums`.
    """
    known = [gradient for gradient in gradients if gradient is not None]
    if num_replicas() == 1 or not known:
        return gradients
    sums = iter(tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, known))
    return [None if gradient is None else next(sums) for gradient in gradients]


def mean_over_rows(values):
    """Returns the mean over the rows of the global batch.

    Args:
        values: values of the rows of the replica, without a gradient through other replicas. Shape [B, ...].
    """
    place = rows()
    if place is None:
        return tf.reduce_mean(values, axis=0)
    return total(tf.reduce_sum(values, axis=0)) / tf.cast(place.total, values.dtype)


def part_of_mean(values):
    """Returns a replica's part of the mean over the global batch.

    The sum over replicas is the mean, and the sum of the gradients its gradient.

    Args:
        values: values of the rows of the replica. Shape [B].
    """
    place = rows()
    if place is None:
        return tf.reduce_mean(values)
    return tf.reduce_sum(values) / tf.cast(place.total, values.dtype)


def drawn_for_all(draw: Callable, params):
    """Returns draws with the noise of rows in the global batch.

    Args:
        draw: function of params [B, ...] -> a tensor, or a tuple of tensors, of shape [S, B, ...].
        params: params of the rows of the replica. Shape [B, ...].
    """
    place = rows()
    if place is None:
        return draw(params)
    after = place.total - place.first - place.count
    margins = [[place.first, after], *[[0, 0]] * (params.shape.rank - 1)]
    with as_rows(None):
        whole = draw(tf.pad(params, margins))
    return tf.nest.map_structure(lambda part: part[:, place.first : place.first + place.count], whole)


class DividedWork:
    """Results of the parts of an evaluation, divided among workers.

    Args:
        strategy: strategy of the model; without several workers this process computes all.
    """

    def __init__(self, strategy):
        self.strategy = strategy
        self.index, self.workers = _worker(strategy)
        self.sizes: list[int] = []
        self.parts: list[list] = []

    def add(self, size: int, compute: Callable) -> None:
        """Computes the next part, if it is this worker's.

        Args:
            size: number of observations B of the part.
            compute: function () -> tensors of shape [B, ...].
        """
        self.sizes.append(size)
        if self._is_mine(len(self.parts)) or not self.parts:  # every worker needs the shapes
            self.parts.append([np.asarray(value) for value in compute()])
        else:
            self.parts.append([])

    def results(self) -> list:
        """Returns the joined arrays of all parts, on each worker. Shape [N, ...]."""
        if self.workers == 1:
            return [np.concatenate(column) for column in zip(*self.parts, strict=True)]
        return [self._joined(column, like) for column, like in enumerate(self.parts[0])]

    def _is_mine(self, number: int) -> bool:
        return number % self.workers == self.index

    def _joined(self, column: int, like):
        """Returns a column of all parts, by a sum over the workers, of zeros where another one computes."""
        rows = [
            part[column] if self._is_mine(number) else np.zeros([size, *like.shape[1:]], like.dtype)
            for number, (size, part) in enumerate(zip(self.sizes, self.parts, strict=True))
        ]
        mean = self.strategy.reduce("MEAN", tf.constant(np.concatenate(rows)), axis=None)
        return np.asarray(mean) * np.asarray(self.workers, like.dtype)


def _worker(strategy) -> tuple[int, int]:
    """Returns the number of this worker, and of all workers."""
    if not has_workers(strategy):
        return 0, 1
    resolver = strategy.cluster_resolver
    cluster = resolver.cluster_spec().as_dict()
    before = len(cluster.get("chief", [])) if resolver.task_type == "worker" else 0
    return before + resolver.task_id, sum(map(len, cluster.values()))


def _rows(size) -> Rows:
    """Returns the rows of a replica, which knows the sizes of all by one sum."""
    context = tf.distribute.get_replica_context()
    number = context.replica_id_in_sync_group
    size_here = tf.one_hot(number, num_replicas(), on_value=tf.cast(size, tf.int32), off_value=0, dtype=tf.int32)
    sizes = context.all_reduce(tf.distribute.ReduceOp.SUM, size_here)
    before = tf.range(num_replicas()) < number
    return Rows(tf.reduce_sum(tf.where(before, sizes, 0)), tf.cast(size, tf.int32), tf.reduce_sum(sizes))
