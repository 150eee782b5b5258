"""Aggressive training: several updates of the encoders for one of the decoder."""

import dataclasses
import math

import keras
import tensorflow as tf

from rme_tf.core.optimizer_updates import ends_update
from rme_tf.core.serializable import Configured
from rme_tf.core.validation import check_counts


@keras.saving.register_keras_serializable("rme_tf")
@dataclasses.dataclass(frozen=True, kw_only=True)
class Aggressive(Configured):
    """Schedule of aggressive training, given to `Algorithm(aggressive=...)`.

    The decoder waits while the encoders approach its posterior. Each minibatch of He et al.'s loop is a step of `fit`:
    the encoders are updated in every step, the decoder in the last step of an inner loop. The inner loop ends when the
    mean of the bound over `window` steps has not improved on the `window` steps before, or after `max_steps`.
    `StopAggressive` among the callbacks of `fit` ends the schedule. An epoch has the usual number of minibatches, so
    the decoder makes fewer steps in it than in He et al.'s code, whose inner loops draw more minibatches. Minibatches
    whose gradients an optimizer accumulates for one update are one step.

    Args:
        window: number of steps whose bounds are averaged.
        max_steps: largest number of steps of an inner loop.

    Raises:
        ValueError: if a number is less than 1.

    References:
        He et al. (2019), https://arxiv.org/abs/1901.05534
    """

    window: int = 10
    max_steps: int = 100

    def __post_init__(self):
        check_counts(window=self.window, max_steps=self.max_steps)


class InnerLoop(keras.layers.Layer):
    """State of a model in the inner loop of aggressive training.

    Attributes:
        on: whether the training is still aggressive.
        decoder_moves: whether the decoder moves in the next step.
        moves_now: whether the decoder moves in the present step of several replicas.
    """

    moves_now = True

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
        """Counts a step, and decides whether the decoder moves next.

        Minibatches whose gradients `optimizer` accumulates for one update are one step.

        Args:
            elbo: bound of the step's minibatch, a scalar.
            rule: schedule of the training.
            optimizer: optimizer of the model.
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
    """Ends aggressive training once a diagnostic has not risen in an epoch.

    Args:
        monitor: name in the epoch's logs: "mi", which `CollapseMonitor` before it in the list of callbacks adds.
        best: best value of the diagnostic before a training that is resumed.

    Attributes:
        may_wait: whether epochs without the diagnostic are passed over, since an earlier callback adds it in others.

    References:
        He et al. (2019), https://arxiv.org/abs/1901.05534: the mutual information on the validation set.
    """

    def __init__(self, monitor: str = "mi", best: float = -math.inf):
        super().__init__()
        self.monitor = monitor
        self.best = best
        self.may_wait = False

    def get_state(self) -> dict:
        """Returns the best value, for `ResumableCheckpoint`; {} before one."""
        return {"best": float(self.best)} if math.isfinite(self.best) else {}

    def set_state(self, state: dict) -> None:
        """Takes over the result of `get_state`."""
        self.best = state.get("best", self.best)

    def on_epoch_end(self, epoch, logs=None):
        """Compares with the best epoch so far.

        Raises:
            ValueError: if the logs do not have the diagnostic.
        """
        if self.monitor not in (logs or {}):
            if self.may_wait:
                return
            raise ValueError(
                f"`monitor` must be in the logs: put a CollapseMonitor before it. Received: {self.monitor!r}; "
                f"there are {sorted(logs or {})}."
            )
        if logs[self.monitor] <= self.best:
            self.model.inner_loop.on.assign(0.0)
        self.best = max(self.best, logs[self.monitor])
