"""`tf.data` pipelines of sentences for training and evaluation, with little padding.

N rows of a split, B rows of a batch, T tokens of the longest row of a batch.
"""

import itertools

import numpy as np
import tensorflow as tf

from rme_tf.core.pipelines import untuned, with_start
from rme_tf.core.validation import check_count, check_counts, optional
from rme_tf.data import images
from rme_tf.data.text.tokens import check_tokens

PAD_MULTIPLE = 4  # divides T: fewer shapes to compile for


def steps_per_epoch(tokens, batch_size):
    """Returns the number of full batches in one pass, at least 1.

    Args:
        tokens: rows of a split, `Tokens`.
        batch_size: number of rows B in a batch.

    Raises:
        ValueError: if `batch_size` is below 1, or there are too few rows for one batch.
    """
    check_tokens(tokens)
    return images.steps_per_epoch(len(tokens), batch_size, noun="rows")


def training_dataset(tokens, *, batch_size, seed=0, first_epoch=0, pad_multiple=PAD_MULTIPLE, pool=100):
    """Returns an infinite data set of shuffled batches of similar lengths.

    The order of epoch e depends only on (seed, e), so a training resumed at `first_epoch` sees the same batches as an
    uninterrupted one. `fit` needs `steps_per_epoch(tokens, batch_size)`, since the data set does not end after an
    epoch.

    Args:
        tokens: rows of a split, `Tokens`.
        batch_size: number of rows B in a batch. Rows that do not fill a batch are left out, other ones in each epoch.
        seed: non-negative seed of the order.
        first_epoch: first epoch, counted from 0.
        pad_multiple: divisor of T, which is rounded up to a multiple.
        pool: number of batches whose rows are sorted by length together; 1 keeps the shuffled order.

    Returns:
        dataset: int32 batches. Shape [B, T].
    """
    for name, value, least in (
        ("seed", seed, 0),
        ("first_epoch", first_epoch, 0),
        ("pad_multiple", pad_multiple, 1),
        ("pool", pool, 1),
    ):
        check_count(name, value, least)
    steps_per_epoch(tokens, batch_size)

    def orders():
        for epoch in itertools.count(first_epoch):
            yield from _epoch_order(tokens.lengths, batch_size, pool=pool, seed=(seed, epoch))

    def batches(step=0):
        """Returns the batches from a step of the first epoch on."""

        def rows():
            for indices in itertools.islice(orders(), step, None):
                yield tokens.rows(indices, pad_multiple=pad_multiple)

        return _dataset(rows, batch_size, tf.data.INFINITE_CARDINALITY)

    return with_start(batches(), batches)


def evaluation_dataset(tokens, batch_size, limit=None, *, pad_multiple=PAD_MULTIPLE):
    """Returns one pass over the rows, sorted by length, and their order.

    For `values` [N] in the order of the data set, `values[np.argsort(order)]` is in the order of the corpus.

    Args:
        tokens: rows of a split, `Tokens`.
        batch_size: number of rows B in a batch.
        limit: number of rows, from the start of the corpus; None is all.
        pad_multiple: divisor of T, which is rounded up to a multiple.

    Returns:
        dataset: int32 batches. Shape [B, T]; the last batch may be smaller.
        order: index in the corpus of each row of the data set. Shape [N].
    """
    check_tokens(tokens)
    check_counts(batch_size=batch_size, pad_multiple=pad_multiple)
    optional(check_count, "limit", limit, most=len(tokens))
    order = np.argsort(tokens.lengths[:limit], kind="stable")
    starts = range(0, len(order), batch_size)

    def batches():
        for start in starts:
            yield tokens.rows(order[start : start + batch_size], pad_multiple=pad_multiple)

    return _dataset(batches, None, len(starts)), order


def _dataset(batches, batch_size, cardinality):
    """Returns the data set of the batches that a generator function yields."""
    signature = tf.TensorSpec([batch_size, None], tf.int32)
    dataset = tf.data.Dataset.from_generator(batches, output_signature=signature)
    return untuned(dataset.apply(tf.data.experimental.assert_cardinality(cardinality)).prefetch(2))


def _epoch_order(lengths, batch_size, *, pool, seed):
    """Returns the rows of each batch of an epoch. Shape [steps, B]."""
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(lengths))
    order = order[: len(order) // batch_size * batch_size]  # a random remainder is dropped
    pooled = len(order) // (pool * batch_size) * (pool * batch_size)
    sorted_pools = [
        np.take_along_axis(pools, np.argsort(lengths[pools], axis=-1, kind="stable"), axis=-1).reshape(-1)
        for pools in (order[:pooled].reshape(-1, pool * batch_size), order[None, pooled:])
    ]
    return generator.permutation(np.concatenate(sorted_pools).reshape(-1, batch_size), axis=0)
