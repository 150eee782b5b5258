"""Tables as arrays: encoded splits, labels, and the batches of a training."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from rme_tf.core.pipelines import untuned
from rme_tf.core.resident import ResidentRows, with_rows
from rme_tf.core.validation import check_count, require
from rme_tf.data.tables.encoding import TableEncoding
from rme_tf.data.tables.frames import is_missing
from rme_tf.data.tables.splits import TableSplits, split_by_column, split_rows


class TableData(NamedTuple):
    """A table in three splits, encoded by its training rows."""

    encoding: TableEncoding
    frames: TableSplits  # data frames of all columns
    arrays: TableSplits  # observations, float32, NaN where missing  [N, F]
    labels: TableSplits | None  # series of labels  [N]; None without a label column

    @property
    def has_missing(self) -> bool:
        """Whether a cell of any split is missing."""
        return any(bool(np.isnan(x).any()) for x in self.arrays)

    @property
    def facts(self) -> dict[str, Any]:
        """Numbers of rows, kinds of columns, and shares of missing cells."""
        missing = {name: float(np.mean(share)) for name, share in self.missing_shares().items()}
        return {
            **{split: len(x) for split, x in self.arrays._asdict().items()},
            "columns": {column.name: column.kind for column in self.encoding.columns},
            "ignored": list(self.encoding.ignored),
            "label": self.encoding.label,
            "missing": {name: share for name, share in missing.items() if share},
            **({"unknown_levels": self.unknown_levels} if self.unknown_levels else {}),
        }

    @property
    def unknown_levels(self) -> dict[str, int]:
        """Numbers of cells with levels that no training row has."""
        parts = self.encoding.slices()
        counts = {
            name: sum(
                int(np.sum(np.isnan(x[:, part]).any(axis=-1) & ~is_missing(frame[name])))
                for x, frame in zip(self.arrays, self.frames, strict=True)
            )
            for name, part in parts.items()
        }
        return {name: count for name, count in counts.items() if count}

    def missing_shares(self) -> dict[str, np.ndarray]:
        """Returns whether each cell is missing, over all splits, by column."""
        x = np.concatenate(self.arrays)
        return {name: np.isnan(x[:, part]).any(axis=-1) for name, part in self.encoding.slices().items()}


def encode_table(
    frame,
    *,
    kinds: Mapping[str, str] | None = None,
    ignored=(),
    label: str | None = None,
    split: str | None = None,
    validation: float = 0.1,
    test: float = 0.1,
    unknown: str = "error",
    seed: int = 0,
) -> TableData:
    """Returns a table as arrays, in three splits.

    The units and the levels are the ones of the training rows.

    Args:
        frame: data frame, see `read_table`.
        kinds: dict of the kinds of columns by name; other kinds are inferred, see `TableEncoding.of_frame`.
        ignored: names of columns that are not encoded.
        label: name of a column that is kept apart; None for no label.
        split: name of a column with the values "train", "validation" and "test"; None for a random split.
        validation: share of the validation rows of a random split.
        test: share of the test rows of a random split.
        unknown: "error" or "missing", for levels that no training row has.
        seed: non-negative seed of a random split.

    Raises:
        ValueError: if `split_rows`, `split_by_column` or the encoding refuses the table or an argument.
    """
    if split is None:
        frames = split_rows(frame, validation=validation, test=test, seed=seed)
    else:
        frames = split_by_column(frame, split, validation=validation, seed=seed)
    encoding = TableEncoding.of_frame(frames.train, kinds=kinds, ignored=ignored, label=label)
    arrays = TableSplits(*(encoding.encode(part, unknown) for part in frames))
    labels = None if label is None else TableSplits(*(part[label] for part in frames))
    return TableData(encoding, frames, arrays, labels)


def training_dataset(x, *, batch_size: int, seed: int = 0, first_epoch: int = 0, repeat: bool = True):
    """Returns shuffled batches of an array, epoch after epoch.

    The order of an epoch depends on the seed and the number of the epoch alone.

    Args:
        x: observations, float32. Shape [N, F].
        batch_size: number of rows B in a batch; the last batch of an epoch may be smaller.
        seed: non-negative seed of the order.
        first_epoch: first epoch, counted from 0.
        repeat: whether epochs follow without end, for `fit` with `steps_per_epoch`; otherwise there is one.

    Returns:
        dataset: batches. Shape [B, F].

    Raises:
        ValueError: if there is no row, or a number is out of range.
    """
    count = len(x)
    require(count > 0, "x", "have one row at least", "none")
    check_count("batch_size", batch_size)
    check_count("seed", seed, 0)
    check_count("first_epoch", first_epoch, 0)
    with tf.device("CPU:0"):  # where tf.data runs
        rows = tf.constant(x)
    epochs = tf.data.Dataset.range(first_epoch, tf.int64.max if repeat else first_epoch + 1)

    def ordered(epoch):
        """Returns the order and the seeds of an epoch."""
        seeds = tf.stack([tf.constant(seed, tf.int64), epoch])
        return tf.random.experimental.stateless_shuffle(tf.range(count, dtype=tf.int64), seed=seeds), seeds

    orders = epochs.map(ordered)
    indices = orders.flat_map(lambda order, _: tf.data.Dataset.from_tensor_slices(order).batch(batch_size))
    batches = untuned(indices.map(lambda batch: tf.gather(rows, batch), 2, deterministic=True).prefetch(2))
    size = tf.data.INFINITE_CARDINALITY if repeat else -(-count // batch_size)
    batches = batches.apply(tf.data.experimental.assert_cardinality(size))
    return with_rows(batches, ResidentRows(rows, untuned(orders.prefetch(1)), batch_size))
