"""Keras callbacks for users' own `fit` and for recipes."""

import contextlib
import math
import pathlib
import random
import time
from collections.abc import Callable, Mapping, Sequence

import keras
import tensorflow as tf

from rme_tf.checkpoints import last_checkpoint_of, restore
from rme_tf.compatibility import decoder_example
from rme_tf.copies import fresh_copy, refresh, renew
from rme_tf.optimizer_state import copying_slots, forget, weights_replaced
from rme_tf.records import read_json, write_json
from rme_tf.training_mode import state_moved


class ResumableCheckpoint(keras.callbacks.Callback):
    """Saves after each epoch what an exact continuation needs: weights, optimizer, random state, history.

    The checkpoint is complete or absent, so a process may be killed at any moment. The data must
    continue too: see `rme_tf.data.training_dataset(first_epoch=...)`.

    Args:
        model: a compiled `VAE`.
        directory: where the checkpoints are kept.

    Raises:
        ValueError: if the checkpoint that is there was made by another model.

    Attributes:
        history: dict of lists, one value an epoch, of this training and the ones that it resumes; NaN where the logs
            of an epoch had none.
        epoch: epochs completed.
    """

    keeps_logs = True

    def __init__(self, model, directory):
        super().__init__()
        self.directory = pathlib.Path(directory)
        self.parts = {
            "weights": [variable.value for variable in model.variables],
            "optimizer": [variable.value for variable in model.optimizer.variables],
            "seed": model.seed_generator.state.value,
        }
        self.checkpoint = tf.train.Checkpoint(**self.parts)
        self.manager = tf.train.CheckpointManager(self.checkpoint, str(self.directory), max_to_keep=1)
        self.trained = model.epochs_trained
        self.history: dict[str, list] = {}
        if self.manager.latest_checkpoint:
            self._restore(self.manager.latest_checkpoint)
            if refresh(model):
                model.forget_functions()

    def _restore(self, path):
        try:
            restore(path, self.parts)
        except (AssertionError, ValueError, tf.errors.InvalidArgumentError) as error:
            raise ValueError(f"The checkpoint {path} was made by another model: {error}") from error
        recorded = read_json(self.directory / "history.json")
        longest = max(map(len, recorded.values()), default=0)
        for name, values in recorded.items():
            padded = [None] * (longest - len(values)) + values  # shorter: it came later, as once was recorded
            self.history[name] = [math.nan if value is None else value for value in padded[: self.epoch]]

    @property
    def epoch(self) -> int:
        """The number of epochs completed."""
        return int(self.trained.numpy())

    def on_epoch_begin(self, epoch, logs=None):
        """Starts the clock."""
        self._start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        """Adds the epoch to the history, and saves."""
        logs = {**(logs or {}), "seconds": time.perf_counter() - self._start}
        before = max(map(len, self.history.values()), default=0)
        for name in {**self.history, **logs}:
            self.history.setdefault(name, [math.nan] * before).append(float(logs.get(name, math.nan)))
        write_json(self.directory / "history.json", self.history)  # first: a restore cuts it to length
        self.manager.save(checkpoint_number=self.epoch)


class HalveOnPlateau(keras.callbacks.Callback):
    """Halves the learning rate when the validation ELBO has not risen for some epochs; a resumed training goes on so.

    With `best`, the training goes on from its best weights at each halving, compares with the epoch of the halving from
    then on, and ends with its best weights. The optimizer's copies of them (averages of `use_ema`, say) are put back
    with them; its momentum, counters and the random state are not.

    Args:
        learning_rate: the first one.
        patience: those epochs.
        history: dict of lists of the epochs before, as of `ResumableCheckpoint`.
        start_epoch: earlier epochs, counted from 0, halve nothing.
        max_halvings: with the last of so many the training ends; no limit unless given.
        best: directory for the best weights so far, and for no other checkpoints.
        best_from: earlier epochs are none of the best: those of a warm start, whose other components are no use.

    Attributes:
        halvings: their number until now.

    References:
        He et al. (2019), https://arxiv.org/abs/1901.05534, whose code begins with epoch 15 and ends with 5 halvings
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
        self.learning_rate, self.patience = learning_rate, patience
        self.start_epoch, self.max_halvings, self.best_from = start_epoch, max_halvings, best_from
        self.directory = best
        self.halvings, self._wait = 0, 0
        self._reference = self._best = -math.inf
        for epoch, value in enumerate(history.get("val_elbo", [])):
            self._observe(epoch, value)

    @property
    def is_over(self) -> bool:
        """Whether the training has come to its end."""
        return self.halvings == self.max_halvings

    @property
    def rate(self) -> float:
        """The learning rate of the next epoch."""
        return self.learning_rate * 0.5**self.halvings

    def _observe(self, epoch: int, value: float) -> tuple[bool, bool]:
        """Returns whether an epoch is the best until now, and whether the learning rate is halved after it."""
        is_best = epoch >= self.best_from and value > self._best
        self._best = value if is_best else self._best
        rises = value > self._reference
        self._wait = 0 if rises else self._wait + 1
        halves = self._wait >= self.patience and epoch >= self.start_epoch
        if rises or (halves and self.directory is not None):
            self._reference = value
        if halves:
            self.halvings, self._wait = self.halvings + 1, 0
        return is_best, halves

    def on_train_begin(self, logs=None):
        """Sets the learning rate that the epochs before have led to."""
        self.model.optimizer.learning_rate = self.rate
        if self.directory is not None:
            weights = [variable.value for variable in _without_counters(self.model)]
            kept = [slot.variable.value for slot in copying_slots(self.model.optimizer)]
            self._parts = {"weights": weights, **({"copies": kept} if kept else {})}
            self._manager = last_checkpoint_of(self._parts, self.directory, later="copies")

    def on_epoch_end(self, epoch, logs=None):
        """Compares; adds the learning rate of the epoch to the logs."""
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
        with weights_replaced(self.model):  # kept without copies
            restore(path, {"weights": self._parts["weights"]})


def _without_counters(model) -> list:
    """Returns the weights of a model's networks and distributions: none of those that say how far a training is."""
    counters = (model.num_active, model.epochs_trained, model.non_finite, *model.inner_loop.weights)
    return [variable for variable in model.weights if not any(variable is counter for counter in counters)]


class ResetDecoder(keras.callbacks.Callback):
    """Gives p(x|z) new weights, and the optimizer no memory of the old ones, when an epoch begins.

    The weights are those of the decoder and of the likelihood that train, and moving statistics; frozen layers and what
    was adapted (`Normalization`) stay. The encoders, trained until then as those of an
    autoencoder (`kl_weight` 0, by an `Annealing` with a `delay`), keep what they have learned: the pre-training
    against posterior collapse. The new weights are drawn by the model's own seed: a resumed training draws the same.
    The optimizer's copies of weights (averages of `use_ema`, say) begin at the new ones.

    Args:
        epoch: at whose beginning, counted from 0.
        initialise: function of new networks and likelihoods, a list, and a seed, which draws their weights; those of
            Keras's initialisers stay unless given.

    Raises:
        ValueError: if `epoch` is negative.

    References:
        Li et al. (2019), https://arxiv.org/abs/1909.00868
    """

    def __init__(self, epoch: int, initialise: Callable[[list, int], None] | None = None):
        super().__init__()
        if epoch < 0:
            raise ValueError(f"`epoch` must not be negative. Received: {epoch}.")
        self.epoch, self.initialise = epoch, initialise

    def on_epoch_begin(self, epoch, logs=None):
        """Acts in its epoch."""
        if epoch != self.epoch:
            return
        model, replaced = self.model, []
        example = decoder_example(model.decoder, model.latent_dim, model.likelihood)
        moved = state_moved(model.decoder, example)
        with _initialisers_seeded(int(model.seed_generator.next()[0])):
            decoder = fresh_copy(model.decoder)
            decoder(example)  # which builds it
            fresh = [decoder, fresh_copy(model.likelihood)]
            if self.initialise is not None:
                self.initialise(fresh, random.randrange(2**31))
        for new_part, part in zip(fresh, (model.decoder, model.likelihood), strict=True):
            renew(part, new_part, moved)
            replaced += part.trainable_variables
        forget(model.optimizer, replaced)


@contextlib.contextmanager
def _initialisers_seeded(seed: int):
    """Lets Keras's initialisers, which ask Python's generator for seeds, draw the same again; that is put back."""
    state = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)
