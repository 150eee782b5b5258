"""The epochs that count as the best of a training: those of the whole mixture."""

import math
import warnings

import keras

SAVING = (keras.callbacks.ModelCheckpoint, keras.callbacks.OrbaxCheckpoint)


class BestEpochs:
    """Keeps the epochs of a warm start from being the best ones of Keras's callbacks.

    In the warm start, an `EarlyStopping` does not watch yet, and a `ModelCheckpoint` or an `OrbaxCheckpoint` with
    `save_best_only` does not save. `release` gives them back their attributes.

    Args:
        callbacks: those of a `fit`.
    """

    def __init__(self, callbacks):
        self._stopping = [callback for callback in callbacks if isinstance(callback, keras.callbacks.EarlyStopping)]
        self._saving = [callback for callback in callbacks if isinstance(callback, SAVING) and callback.save_best_only]
        self._originals: list[tuple] = []

    def begin(self, epoch: int, whole: bool) -> None:
        """Prepares the callbacks for an epoch, in which the mixture is whole or not."""
        self.release()
        if not whole:
            for callback in self._stopping:
                self._set(callback, "start_from_epoch", max(callback.start_from_epoch, epoch + 1))
            for callback in self._saving:
                self._set(callback, "best", math.nan)  # which nothing improves on, be it to rise or to fall

    def release(self) -> None:
        """Gives the callbacks their attributes back."""
        for callback, name, value in self._originals:
            setattr(callback, name, value)
        self._originals = []

    def _set(self, callback, name, value):
        self._originals.append((callback, name, getattr(callback, name)))
        setattr(callback, name, value)


class MixtureAtTheEnd(keras.callbacks.Callback):
    """Warns of a training that ends with one component, be it too short or put back to its warm start.

    `rme_tf.VAE.fit` adds it by itself, after the user's callbacks, which may have put weights back.
    """

    def on_epoch_begin(self, epoch, logs=None):
        """Notes whether the mixture is whole."""
        self._whole = is_whole(self.model)

    def on_train_end(self, logs=None):
        """Warns."""
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
    """Whether all components of a `VAE` are in use: not so in a warm start."""
    return int(model.num_active.numpy()) == model.num_components
