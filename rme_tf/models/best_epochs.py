"""Best epochs of a training, without the epochs of a warm start."""

import math
import warnings

import keras
from absl import logging

from rme_tf.core.printing import print_line

SAVING = (keras.callbacks.ModelCheckpoint, keras.callbacks.OrbaxCheckpoint)


class BestEpochs:
    """Excludes the warm start from the best epochs of Keras's callbacks.

    During the warm start, an `EarlyStopping` is inactive, and a `ModelCheckpoint` or an `OrbaxCheckpoint` with
    `save_best_only` does not save and prints nothing. One line, in absl's log if no such callback is verbose, has the
    first epoch that counts. `release` restores their attributes.

    Args:
        callbacks: callbacks of a `fit`.
    """

    def __init__(self, callbacks):
        self._stopping = [callback for callback in callbacks if isinstance(callback, keras.callbacks.EarlyStopping)]
        self._saving = [callback for callback in callbacks if isinstance(callback, SAVING) and callback.save_best_only]
        self._originals: list[tuple] = []
        self._announced = False

    def begin(self, epoch: int, left: int) -> None:
        """Prepares the callbacks for an epoch.

        Args:
            epoch: number of the epoch, counted from 0.
            left: number of epochs of the warm start from this one on, 0 if all components are active.
        """
        self.release()
        if left == 0:
            return
        self._announce(epoch + left)
        for callback in self._stopping:
            self._set(callback, "start_from_epoch", max(callback.start_from_epoch, epoch + 1))
        for callback in self._saving:
            self._set(callback, "best", math.nan)  # no value is better, for rising and for falling monitors
            self._set(callback, "verbose", 0)  # else Keras prints that NaN has not been improved

    def _announce(self, first: int) -> None:
        callbacks = [*self._stopping, *self._saving]
        if callbacks and not self._announced:
            verbose = any(callback.verbose for callback in callbacks)
            write = print_line if verbose else logging.info
            write(f"Best weights count from epoch {first + 1} on, after the warm start.")
            self._announced = True

    def release(self) -> None:
        """Restores the attributes of the callbacks."""
        for callback, name, value in self._originals:
            setattr(callback, name, value)
        self._originals = []

    def _set(self, callback, name, value):
        self._originals.append((callback, name, getattr(callback, name)))
        setattr(callback, name, value)


class MixtureAtTheEnd(keras.callbacks.Callback):
    """Warns if a training ends with one active component.

    The training was too short, or a callback has restored weights of the warm start. `rme_tf.VAE.fit` adds this
    callback after the user's callbacks.
    """

    def on_epoch_begin(self, epoch, logs=None):
        """Records whether all components are active."""
        self._whole = is_whole(self.model)

    def on_train_end(self, logs=None):
        """Warns if only one component is active."""
        model = self.model
        if is_whole(model):
            return
        only = f"only component 0 of {model.num_components} is in use"
        warm_start = f"warm start of {model.algorithm.warm_start_epochs} epochs"
        if self._whole:
            text = (
                f"A callback has put back weights of the {warm_start}: {only}. Let it take no epoch of the warm start "
                "for the best one, as Keras's `EarlyStopping` and `ModelCheckpoint` do here."
            )
        else:
            text = (
                f"The training did not go beyond the {warm_start}: {only}. Train for more epochs, or pass a smaller "
                "`warm_start_epochs` to the algorithm."
            )
        warnings.warn(text, stacklevel=2)


def is_whole(model) -> bool:
    """Returns whether all components are active, unlike in a warm start."""
    return int(model.num_active.numpy()) == model.num_components
