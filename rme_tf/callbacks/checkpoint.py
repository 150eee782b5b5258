"""Checkpoints from which a training resumes exactly."""

import math
import pathlib
import time

import keras
import tensorflow as tf

from rme_tf.callbacks.variable_checkpoints import restore
from rme_tf.core.files import read_json, write_json
from rme_tf.networks.copies import refresh


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
