"""Schedules of the weight of the KL term over training steps."""

import dataclasses
import math

import keras
import tensorflow as tf

from rme_tf.core.serializable import Configured
from rme_tf.core.validation import check_number

WHOLE_WAY = 0.99  # share of the way at which a schedule is over, which a logistic one only approaches


@dataclasses.dataclass(frozen=True, kw_only=True)
class Annealing(Configured):
    """Schedule of the KL weight over training steps, given to `Algorithm(kl_weight=...)`.

    A training step is an update of the optimizer: with `gradient_accumulation_steps=k` it takes k minibatches, which
    Keras's own schedules of the learning rate count one by one.

    Args:
        steps: number of training steps until the weight is `end`; length of a cycle in `CyclicalAnnealing`.
        start: initial weight. Not negative.
        end: final weight. Not negative.
        delay: number of training steps at the initial weight before the schedule begins.

    Raises:
        ValueError: if a number is out of range.

    To be implemented by subclasses:
        * `progress(step)`: float scalar step after the delay -> the share of the way from `start` to `end`, in [0, 1].

    May be overridden:
        * `is_over(step)`: if the weight moves again after it has reached `end`.
    """

    steps: int
    start: float = 0.0
    end: float = 1.0
    delay: int = 0

    def __post_init__(self):
        for name, least in (("steps", 1), ("delay", 0)):
            check_number(name, getattr(self, name), least=least)
        for name in ("start", "end"):
            check_kl_weight(getattr(self, name), name)

    def __call__(self, step):
        """Returns the weight, a float32 scalar, at training step `step`, counted from 0."""
        step = tf.cast(step, tf.float32) - self.delay
        share = tf.where(step < 0.0, 0.0, self.progress(tf.maximum(step, 0.0)))
        return self.start + (self.end - self.start) * share

    def progress(self, step):
        """Returns the share of the way from `start` to `end`, after `delay`."""
        raise NotImplementedError

    def is_over(self, step) -> bool:
        """Returns whether the weight is at its end, to 99%."""
        passed = float(step) - self.delay
        return passed >= 0.0 and float(self.progress(tf.constant(passed, tf.float32))) >= WHOLE_WAY


@keras.saving.register_keras_serializable("rme_tf")
@dataclasses.dataclass(frozen=True, kw_only=True)
class LinearAnnealing(Annealing):
    """Linear schedule from `start` to `end`.

    With `start=0.1` it is the monotone schedule of He et al.

    References:
        Bowman et al. (2016), https://arxiv.org/abs/1511.06349
        He et al. (2019), https://arxiv.org/abs/1901.05534
    """

    def progress(self, step):
        """Returns step / steps, at most 1."""
        return tf.minimum(step / self.steps, 1.0)


@keras.saving.register_keras_serializable("rme_tf")
@dataclasses.dataclass(frozen=True, kw_only=True)
class SigmoidAnnealing(Annealing):
    """Logistic schedule, centered at half of `steps`.

    Args:
        steps, start, end, delay: see `Annealing`; 99% of the way, between 0.5% and 99.5%, takes `steps`.

    References:
        Bowman et al. (2016), https://arxiv.org/abs/1511.06349
    """

    def progress(self, step):
        """Returns the logistic function of the step."""
        return tf.math.sigmoid((step / self.steps - 0.5) * 2.0 * math.log(199.0))


@keras.saving.register_keras_serializable("rme_tf")
@dataclasses.dataclass(frozen=True, kw_only=True)
class CyclicalAnnealing(Annealing):
    """Cyclical schedule: repeated linear rises from `start` to `end`.

    In each cycle the weight rises, then stays at `end`, where it remains after the last cycle.

    Args:
        steps, start, end, delay: see `Annealing`; `steps` is the length of one cycle.
        cycles: number of cycles.
        rise: share of a cycle in which the weight rises. In (0, 1].

    References:
        Fu et al. (2019), https://arxiv.org/abs/1903.10145
    """

    cycles: int = 4
    rise: float = 0.5

    def __post_init__(self):
        super().__post_init__()
        check_number("cycles", self.cycles, least=1)
        check_number("rise", self.rise, above=0.0, most=1.0)

    def progress(self, step):
        """Returns the progress within the cycle."""
        within = tf.math.floormod(step, float(self.steps)) / self.steps
        return tf.where(step >= self.steps * self.cycles, 1.0, tf.minimum(within / self.rise, 1.0))

    def is_over(self, step) -> bool:
        """Returns whether the last cycle is over at training step `step`."""
        return float(step) - self.delay >= self.steps * self.cycles


ANNEALINGS: dict[str, type[Annealing]] = {
    "cyclical": CyclicalAnnealing,
    "linear": LinearAnnealing,
    "sigmoid": SigmoidAnnealing,
}


def check_kl_weight(weight, name: str = "kl_weight") -> None:
    """Raises ValueError unless a weight is an `Annealing` or a nonnegative number."""
    if isinstance(weight, Annealing):
        return
    check_number(name, weight, least=0.0, remedy="An `Annealing` makes a schedule." if name == "kl_weight" else "")
