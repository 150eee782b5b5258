"""What a recipe says of the optimizer, and for how long it goes on: its part of the fields."""

import dataclasses
from typing import Literal

Optimizer = Literal["adam", "sgd"]
Schedule = Literal["constant", "cosine"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Optimization:
    """How the objective is ascended.

    Args:
        epochs: passes over the training observations.
        train_minutes: the last epoch is that in which training has taken so long, if not all are over; no limit unless
            given.
        batch_size: observations of a training step.
        optimizer: "adam", or plain "sgd".
        learning_rate: of the optimizer.
        schedule: the learning rate stays "constant", or falls to 0 along a "cosine" over the steps of all epochs; where
            `train_minutes` end the training earlier, it has not fallen as far.
        clip_norm: largest norm of the gradient of a step; no limit unless given.
        patience: epochs without a better validation ELBO until the learning rate is halved; never unless given.
        halve_from_epoch: earlier epochs, counted from 0, halve nothing.
        max_halvings: with the last of so many the training ends; no limit unless given.
        restore_best: go on from the best weights at each halving, and end with them.
    """

    epochs: int = 50
    train_minutes: float | None = None
    batch_size: int = 128
    optimizer: Optimizer = "adam"
    learning_rate: float = 1e-3
    schedule: Schedule = "constant"
    clip_norm: float | None = None
    patience: int | None = None
    halve_from_epoch: int = 0
    max_halvings: int | None = None
    restore_best: bool = False

    def check_halvings(self) -> None:
        """Raises ValueError for a halving of the learning rate that never comes, or of one that falls by itself."""
        if self.patience is not None and self.schedule != "constant":
            raise ValueError(f"`patience` halves a constant learning rate. Received: `schedule` {self.schedule!r}.")
        never = Optimization()
        for name in ("halve_from_epoch", "max_halvings", "restore_best"):
            value = getattr(self, name)
            if self.patience is None and value != getattr(never, name):
                raise ValueError(f"`{name}` needs `patience`, without which no rate is halved. Received: {value}.")
