"""`tf.data` pipelines without autotuning, also of arrays in the order of Keras."""

import itertools
import math

import keras
import numpy as np
import tensorflow as tf

from rme_tf.core.resident import ResidentIterator, ResidentRows, with_rows
from rme_tf.core.validation import check_count

BATCH_SIZE = 32  # Keras's own
_FROM = "batches_from_step"  # attribute of a data set


def untuned(dataset):
    """Return the data set without the autotuning of `tf.data`.

    The end of an iterator wakes the thread of the autotuning, whose sleep doubles each time. Sometimes the thread
    misses the call, and the end of the iterator waits for its sleep, at most as long as the pass took.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)


def with_start(dataset, batches):
    """Return a data set that can begin within its first epoch.

    What comes before is not read.

    Args:
        dataset: data set of batches.
        batches: function of a step -> the data set without the batches before that step.
    """
    setattr(dataset, _FROM, batches)
    return dataset


def batches_from(dataset, step: int):
    """Return a data set without its first batches, or None.

    None stands for batches that must be read and dropped.

    Args:
        dataset: data set, or another iterable.
        step: number of batches that are left out.
    """
    batches = getattr(dataset, _FROM, None)
    return None if batches is None else batches(step)


def skip(iterator, steps: int) -> None:
    """Drop batches of an iterator; fewer at its end."""
    if isinstance(iterator, ResidentIterator):
        iterator.take(steps)
        return
    for _ in itertools.islice(iterator, steps):
        pass


def array_batches(array, batch_size: int | None = None, *, steps: int | None = None, shuffle: bool | str = False):
    """Return a data set of an array's batches, without autotuning.

    The order equals the order of Keras 3.15 exactly. After `keras.utils.set_random_seed` each iterator shuffles
    alike, so all epochs of a `fit` have one order; without a seed each epoch has its own. Like in Keras, floats are
    cast to `keras.config.floatx()`. Unless `shuffle` is "batch", the data set has rows, see `resident.rows_of`.

    Args:
        array: array, tensor, or any object with `__array__` and a shape. Shape [N, ...].
        batch_size: number of observations B in a batch; None is N / `steps`, or 32 without `steps`.
        steps: number of batches in an epoch; None for all.
        shuffle: True to shuffle observations, "batch" to shuffle within batches, False to keep the order.

    Returns:
        dataset: batches. Shape [B, ...]; the last batch may be smaller.

    Raises:
        ValueError: if the batch size is not a positive integer.
    """
    count = int(array.shape[0])
    batch_size = _batch_size(batch_size, count, steps)
    whole = count // batch_size

    def order(_):
        indices = tf.range(count, dtype=tf.int64)
        return tf.random.shuffle(indices) if shuffle and shuffle != "batch" else indices

    def cut(indices):
        """Returns a data set of the batches of indices."""
        batches = tf.reshape(tf.slice(indices, [0], [whole * batch_size]), [whole, batch_size])
        batches = tf.data.Dataset.from_tensor_slices(batches)
        rest = count % batch_size
        if rest:
            batches = batches.concatenate(tf.data.Dataset.from_tensors(tf.slice(indices, [count - rest], [rest])))
        return batches

    orders = tf.data.Dataset.range(1).map(order)
    indices = orders.prefetch(1).flat_map(cut)
    if shuffle == "batch":
        indices = indices.map(tf.random.shuffle)
    indices = indices.apply(tf.data.experimental.assert_cardinality(math.ceil(count / batch_size)))
    with tf.device("CPU:0"):
        array = tf.convert_to_tensor(_in_floatx(array))
    arrays = tf.data.Dataset.from_tensors(array).repeat()
    batches = tf.data.Dataset.zip((indices, arrays)).map(lambda rows, x: tf.gather(x, rows, axis=0), 2)
    batches = untuned(batches.with_options(_options(shuffle)).prefetch(2))
    if shuffle == "batch":
        return batches
    epochs = orders.map(lambda indices: (indices, tf.zeros([2], tf.int64)))
    return with_rows(batches, ResidentRows(array, untuned(epochs.with_options(_options(shuffle))), batch_size))


def _batch_size(batch_size, count: int, steps: int | None) -> int:
    """Returns the number of observations in a batch, by Keras's rules."""
    if batch_size is None:
        most = keras.config.max_steps_per_epoch()  # a cap for debugging
        steps = min(steps or most, most) if most else steps
        return math.ceil(count / steps) if steps else BATCH_SIZE
    return check_count("batch_size", batch_size)


def _in_floatx(array):
    """Returns a tensor or a NumPy array, with floats in Keras's dtype."""
    array = array if isinstance(array, tf.Tensor) else np.asarray(array)
    dtype, floatx = tf.as_dtype(array.dtype), keras.config.floatx()
    if not dtype.is_floating or dtype.name == floatx:
        return array
    return tf.cast(array, floatx) if isinstance(array, tf.Tensor) else array.astype(floatx)


def _options(shuffle):
    """Returns the options of Keras's pipelines of arrays."""
    options = tf.data.Options()
    options.experimental_optimization.apply_default_optimizations = False  # they serialize a simple pipeline
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    if shuffle:
        options.experimental_external_state_policy = tf.data.experimental.ExternalStatePolicy.IGNORE
    return options
