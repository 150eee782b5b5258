"""Learning-rate halving on a plateau of the validation ELBO."""

import math
from collections.abc import Mapping, Sequence

import keras
import tensorflow as tf

from rme_tf.callbacks.variable_checkpoints import last_checkpoint_of, restore
from rme_tf.core.optimizer_state import copying_slots, weights_replaced
from rme_tf.core.validation import check_instance


class HalveOnPlateau(keras.callbacks.Callback):
    """Halves the learning rate when the validation ELBO has stopped rising.

    A resumed training continues with the learning rate that its history implies. With `best`, each halving restores the
    best weights, later epochs are compared with the epoch of the halving, and the training ends with its best weights.
    The optimizer's copies of weights, such as the averages of `use_ema`, are restored with them; its momentum and
    counters and the random state are not.

    Args:
        learning_rate: initial learning rate.
        patience: number of epochs without a better `val_elbo` before the learning rate is halved.
        history: dict of lists of the earlier epochs, such as `ResumableCheckpoint.history`.
        start_epoch: first epoch, counted from 0, after which the learning rate may be halved.
        max_halvings: number of halvings that ends the training; None is no limit.
        best: directory for the best weights only; None restores no weights.
        best_from: first epoch whose weights may be the best ones, such as the first one after a warm start.

    Attributes:
        halvings: number of halvings so far.
        best_epoch: epoch of the best `val_elbo`, counted from 1; None before `best_from`.

    References:
        He et al. (2019), https://arxiv.org/abs/1901.05534, whose code starts at epoch 15 and stops at 5 halvings
    """

    def __init__(
        self,
        learning_rate: float,
        patience: int,
        history: Mapping[str, Sequence[float]],
        *,
        start_epoch: int = 0,
        max_halvings: int | None = None,
        best=None,
        best_from: int = 0,
    ):
        super().__init__()
        check_instance("history", history, Mapping, "a dict of the values of each epoch by name")
        self.learning_rate, self.patience = learning_rate, patience
        self.start_epoch, self.max_halvings, self.best_from = start_epoch, max_halvings, best_from
        self.directory = best
        self.halvings, self._wait = 0, 0
        self.best_epoch: int | None = None
        self._reference = self._best = -math.inf
        for epoch, value in enumerate(history.get("val_elbo", [])):
            self._observe(epoch, value)

    @property
    def is_over(self) -> bool:
        """Whether the last halving has been reached."""
        return self.halvings == self.max_halvings

    @property
    def rate(self) -> float:
        """The learning rate of the next epoch."""
        return self.learning_rate * 0.5**self.halvings

    def _observe(self, epoch: int, value: float) -> tuple[bool, bool]:
        """Returns whether an epoch is the best so far, and whether the learning rate is halved after it."""
        is_best = epoch >= self.best_from and value > self._best
        if is_best:
            self._best, self.best_epoch = value, epoch + 1
        rises = value > self._reference
        self._wait = 0 if rises else self._wait + 1
        halves = self._wait >= self.patience and epoch >= self.start_epoch
        if rises or (halves and self.directory is not None):
            self._reference = value
        if halves:
            self.halvings, self._wait = self.halvings + 1, 0
        return is_best, halves

    def on_train_begin(self, logs=None):
        """Sets the learning rate that follows from the earlier epochs."""
        self.model.optimizer.learning_rate = self.rate
        if self.directory is not None:
            weights = [variable.value for variable in _without_counters(self.model)]
            copies = [slot.variable.value for slot in copying_slots(self.model.optimizer)]
            self._parts = {"weights": weights, **({"copies": copies} if copies else {})}
            self._manager = last_checkpoint_of(self._parts, self.directory, later="copies")

    def on_epoch_end(self, epoch, logs=None):
        """Compares the ELBO and logs the learning rate."""
        logs = {} if logs is None else logs
        logs["learning_rate"] = self.rate
        is_best, halves = self._observe(epoch, logs["val_elbo"])
        self.model.optimizer.learning_rate = self.rate
        self.model.stop_training = self.model.stop_training or self.is_over
        if self.directory is None:
            return
        if is_best:
            self._manager.save(checkpoint_number=epoch + 1)
        last = self.is_over or epoch + 1 == self.params["epochs"]
        if (halves or last) and self._manager.latest_checkpoint:
            self._restore(self._manager.latest_checkpoint)

    def _restore(self, path):
        if any(name.startswith("copies/") for name, _ in tf.train.list_variables(path)):
            restore(path, self._parts)
            return
        with weights_replaced(self.model):  # saved without copies
            restore(path, {"weights": self._parts["weights"]})


def _without_counters(model) -> list:
    """Returns the weights of a model's networks and distributions, without counters of the training."""
    counters = (model.num_active, model.epochs_trained, model.non_finite, *model.inner_loop.weights)
    return [variable for variable in model.weights if not any(variable is counter for counter in counters)]
