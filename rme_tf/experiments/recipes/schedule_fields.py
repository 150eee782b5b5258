"""Fields of a recipe for training length and learning rate."""

import dataclasses
from typing import Literal, get_args

from rme_tf.core.validation import check_choice, optional, require

Schedule = Literal["constant", "cosine"]
Strategy = Literal["mirrored", "multiworker"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScheduleFields:
    """Length of training, and schedule of the learning rate.

    Args:
        epochs: passes over the training observations.
        train_minutes: time limit of training, which ends with the epoch that passes it; None for no limit.
        train_steps: limit of training in steps, at which the last epoch ends early; None for no limit.
        batch_size: observations of a training step, over all replicas.
        strategy: replicas that divide a training step: "mirrored" for all GPUs of this machine, "multiworker" for the
            processes of TF_CONFIG, whose chief alone writes; None for one device.
        schedule: "constant" learning rate, or a fall to 0 along a "cosine" over the steps of all epochs, or over
            `train_steps`; where `train_minutes` end the training earlier, it has not fallen as far.
        patience: epochs without a better validation ELBO before the learning rate is halved; None for no halving.
        halve_from_epoch: first epoch, counted from 0, after which the rate may be halved.
        max_halvings: number of halvings at which training ends; None for no limit.
        restore_best: whether the best weights are restored at each halving and at the end.
        reset_decoder_epoch: epoch, counted from 0, at whose beginning the decoder gets new weights; None for never.
    """

    epochs: int = 50
    train_minutes: float | None = None
    train_steps: int | None = None
    batch_size: int = 128
    strategy: Strategy | None = None
    schedule: Schedule = "constant"
    patience: int | None = None
    halve_from_epoch: int = 0
    max_halvings: int | None = None
    restore_best: bool = False
    reset_decoder_epoch: int | None = None

    def check_schedule(self) -> None:
        """Raises ValueError for fields of the schedule that exclude each other."""
        check_choice("schedule", self.schedule, get_args(Schedule))
        if self.patience is not None and self.schedule != "constant":
            raise ValueError(f"`patience` halves a constant learning rate. Received: `schedule` {self.schedule!r}.")
        if self.patience is not None and self.train_steps is not None:
            raise ValueError(f"`patience` counts epochs. Expected no `train_steps`. Received: {self.train_steps}.")
        optional(check_choice, "strategy", self.strategy, get_args(Strategy))
        if self.strategy == "multiworker" and self.train_minutes is not None:
            raise ValueError(
                "`train_minutes` end at another step on each worker. Expected `train_steps` or `epochs` with the "
                f"strategy 'multiworker'. Received: {self.train_minutes}."
            )
        defaults = ScheduleFields()
        for name in ("halve_from_epoch", "max_halvings", "restore_best"):
            value = getattr(self, name)
            if self.patience is None and value != getattr(defaults, name):
                raise ValueError(f"`{name}` needs `patience`, without which no rate is halved. Received: {value}.")
        reset = self.reset_decoder_epoch
        fits = reset is None or reset < self.epochs
        require(fits, "reset_decoder_epoch", "come before `epochs`", f"{reset} of {self.epochs}")

    def steps_of_training(self, steps_per_epoch: int) -> int:
        """Returns the number of training steps.

        Args:
            steps_per_epoch: training steps of an epoch.
        """
        steps = self.epochs * steps_per_epoch
        return steps if self.train_steps is None else min(steps, self.train_steps)
