"""Keras callbacks for users' own `fit` and for recipes."""

import json
import pathlib
import time

import keras
import tensorflow as tf

from rme_tf.records import write_json


class ResumableCheckpoint(keras.callbacks.Callback):
    """Saves after each epoch what an exact continuation needs: weights, optimizer, random state, history.

    The checkpoint is complete or absent, so a process may be killed at any moment. The data must
    continue too: see `rme_tf.data.training_dataset(first_epoch=...)`.

    Args:
        model: a compiled `VAE`.
        directory: where the checkpoints are kept.

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
            self.checkpoint.restore(self.manager.latest_checkpoint).assert_consumed()
            saved = json.loads((self.directory / "history.json").read_text(encoding="utf-8"))
            self.history = {name: values[: self.epoch] for name, values in saved.items()}

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
