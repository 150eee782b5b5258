"""Options shared by the `tf.data` pipelines of images and sentences."""

import tensorflow as tf


def untuned(dataset):
    """Returns the data set without `tf.data` autotuning.

    The autotuning thread doubles its sleep at each round, and the end of an iterator waits for it: each validation of
    a `fit` could take twice as long.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)
