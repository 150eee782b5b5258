"""Checkpoints for an exact continuation of training."""

import math
import pathlib
import time

import keras
import tensorflow as tf

from rme_tf.callbacks.variable_checkpoints import restore
from rme_tf.core.files import read_json, write_json
from rme_tf.models.epoch_logs import append
from rme_tf.networks.copies import refresh


class ResumableCheckpoint(keras.callbacks.Callback):
    """Saves weights, optimizer, random state and history after each epoch.

    A training resumed from the checkpoint equals an uninterrupted one. The checkpoint is complete or absent, so a
    process may be killed at any moment. The data must continue too: see `first_epoch` in
    `rme_tf.data.training_dataset`.

    Args:
        model: compiled `VAE`, whose state is restored if the directory has a checkpoint.
        directory: directory of the checkpoints.

    Raises:
        ValueError: if the directory has a checkpoint of another model.

    Attributes:
        history: dict of lists with one value an epoch, of this training and the resumed ones; NaN if the logs of an
            epoch lack a name.
        epoch: number of completed epochs.
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
        self.trained, self.names = model.epochs_trained, list(model.metrics_names)
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
            # Earlier versions recorded a name that is not in all logs from its first epoch on.
            padded = [None] * (longest - len(values)) + values
            self.history[name] = [math.nan if value is None else value for value in padded[: self.epoch]]

    @property
    def epoch(self) -> int:
        """The number of completed epochs."""
        return int(self.trained.numpy())

    def on_epoch_begin(self, epoch, logs=None):
        """Starts the timer of the epoch."""
        self._start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        """Adds the epoch to the history and saves a checkpoint."""
        logs = {**(logs or {}), "seconds": time.perf_counter() - self._start}
        append(self.history, logs, self.names)
        write_json(self.directory / "history.json", self.history)  # before the checkpoint: a restore truncates it
        self.manager.save(checkpoint_number=self.epoch)
