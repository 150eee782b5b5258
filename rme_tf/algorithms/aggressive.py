"""Aggressive training of the inference networks: the decoder waits while they catch up with its posterior."""

import dataclasses
import math

import keras
import tensorflow as tf

from rme_tf.core.optimizer_updates import ends_update
from rme_tf.core.serializable import Configured, is_number


@keras.saving.register_keras_serializable("rme_tf")
@dataclasses.dataclass(frozen=True, kw_only=True)
class Aggressive(Configured):
    """Several steps of the encoders for one of the decoder, given to `Algorithm(aggressive=...)`.

    Of He et al.'s loop each minibatch is a step of `fit`: the encoders move in every one, the decoder in the
    last of an inner loop, which ends when the bound's mean over `window` steps is no better than over the
    `window` before, or after `max_steps`. `StopAggressive` among the callbacks of `fit` ends it all. So an epoch,
    which is as many minibatches as ever, gives the decoder fewer steps than theirs, whose inner loops draw more.
    Minibatches whose gradients an optimizer accumulates for one update are one step.

    Args:
        window: steps whose bounds are averaged.
        max_steps: the longest inner loop.

    Raises:
        ValueError: if a number is less than 1.

    References:
        He et al. (2019), https://arxiv.org/abs/1901.05534
    """

    window: int = 10
    max_steps: int = 100

    def __post_init__(self):
        for name in ("window", "max_steps"):
            value = getattr(self, name)
            if not is_number(value) or value < 1:
                raise ValueError(f"`{name}` must be at least 1. Received: {value!r}.")


class InnerLoop(keras.layers.Layer):
    """Where a model stands in the inner loop of aggressive training; saved and resumed with it.

    Attributes:
        on: whether the training is aggressive still.
        decoder_moves: whether the decoder moves in the next step.
    """

    def __init__(self, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        state = {"shape": (), "trainable": False}
        self.on = self.add_weight(name="on", initializer="ones", **state)
        self.decoder_moves = self.add_weight(name="decoder_moves", initializer="zeros", **state)
        self.step = self.add_weight(name="step", initializer="zeros", **state)
        self.total = self.add_weight(name="total", initializer="zeros", **state)
        self.total_before = self.add_weight(name="total_before", initializer="zeros", **state)
        self.built = True

    def due(self):
        """Returns whether the decoder moves in this step, a boolean scalar."""
        return tf.logical_or(self.decoder_moves.value > 0.0, self.on.value == 0.0)

    def advance(self, elbo, rule: Aggressive, optimizer) -> None:
        """Counts a step whose minibatch had this bound, a scalar, and decides about the next.

        Minibatches whose gradients `optimizer` accumulates for one update are one step.
        """
        whole = ends_update(optimizer)
        ended = tf.logical_and(whole, self.decoder_moves.value > 0.0)
        step, total = self.step.value + tf.cast(whole, tf.float32), self.total.value + elbo
        window_ends = tf.logical_and(whole, tf.equal(tf.math.floormod(step, float(rule.window)), 0.0))
        first_window = step <= rule.window
        better = tf.logical_or(first_window, total > self.total_before.value)
        moves = tf.logical_or(tf.logical_and(window_ends, ~better), step >= rule.max_steps)
        decided = tf.where(ended, 0.0, tf.cast(moves, tf.float32))
        self.decoder_moves.assign(tf.where(whole, decided, self.decoder_moves.value))
        self.total_before.assign(tf.where(window_ends, total, self.total_before.value))
        self.total.assign(tf.where(tf.logical_or(ended, window_ends), 0.0, total))
        self.step.assign(tf.where(ended, 0.0, step))


class StopAggressive(keras.callbacks.Callback):
    """Ends aggressive training after the first epoch in which a diagnostic has not risen.

    Args:
        monitor: name in the epoch's logs: "mi", which `CollapseMonitor` before it in the list of callbacks adds.
        best: its best value so far, where a training is resumed.

    References:
        He et al. (2019), https://arxiv.org/abs/1901.05534: the mutual information on the validation set.
    """

    def __init__(self, monitor: str = "mi", best: float = -math.inf):
        super().__init__()
        self.monitor = monitor
        self.best = best

    def on_epoch_end(self, epoch, logs=None):
        """Compares with the best epoch so far.

        Raises:
            ValueError: if the logs do not have the diagnostic.
        """
        if self.monitor not in (logs or {}):
            raise ValueError(
                f"`monitor` must be in the logs: put a CollapseMonitor before it. Received: {self.monitor!r}; "
                f"there are {sorted(logs or {})}."
            )
        if logs[self.monitor] <= self.best:
            self.model.inner_loop.on.assign(0.0)
        self.best = max(self.best, logs[self.monitor])
