"""Keras callbacks for users' own `fit` and for recipes."""

import math
import pathlib
import time

import keras
import tensorflow as tf

from rme_tf.records import read_json, write_json


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
        history: dict of lists, one value an epoch, of this training and the ones that it resumes.
        epoch: epochs completed.
    """

    def __init__(self, model, directory):
        super().__init__()
        self.directory = pathlib.Path(directory)
        self.checkpoint = tf.train.Checkpoint(
            weights=[variable.value for variable in model.variables],
            optimizer=[variable.value for variable in model.optimizer.variables],
            seed=model.seed_generator.state.value,
        )
        self.manager = tf.train.CheckpointManager(self.checkpoint, str(self.directory), max_to_keep=1)
        self.trained = model.epochs_trained
        self.history: dict[str, list] = {}
        if self.manager.latest_checkpoint:
            self._restore(self.manager.latest_checkpoint)

    def _restore(self, path):
        try:
            self.checkpoint.restore(path).assert_consumed()
        except (AssertionError, ValueError, tf.errors.InvalidArgumentError) as error:
            raise ValueError(f"The checkpoint {path} was made by another model: {error}") from error
        for name, values in read_json(self.directory / "history.json").items():
            self.history[name] = [math.nan if value is None else value for value in values[: self.epoch]]

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
        for name, value in logs.items():
            self.history.setdefault(name, []).append(float(value))
        write_json(self.directory / "history.json", self.history)  # first: a restore cuts it to length
        self.manager.save(checkpoint_number=self.epoch)
