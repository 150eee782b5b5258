"""What the pipelines of images and of sentences have in common."""

import tensorflow as tf


def untuned(dataset):
    """Returns the data set without tf.data's autotuning, whose thread sleeps twice as long each time it looks.

    The end of an iterator waits for it: up to as long again as the pass took, after each validation of a `fit`.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)
