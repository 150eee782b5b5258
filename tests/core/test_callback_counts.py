"""Counts of steps in Keras's callbacks, by names that are private to Keras."""

import keras
import pytest

from rme_tf.core import keras_compat


@pytest.mark.parametrize("kind", keras_compat.STEP_COUNTERS)
def test_callbacks_that_save_say_when(kind, tmp_path, monkeypatch):
    """Every 3 steps of epochs of 4, whatever the size of the groups."""
    if kind is keras.callbacks.OrbaxCheckpoint:
        pytest.importorskip("orbax.checkpoint")
    callback, saved = kind(tmp_path / "x.keras", save_freq=3), []
    name = "_save_model" if kind is keras.callbacks.ModelCheckpoint else "_save_checkpoint"
    monkeypatch.setattr(callback, name, lambda *args, **kwargs: saved.append(True))
    callback.set_model(keras.Sequential([keras.layers.Dense(1)]))
    callback.on_epoch_begin(0)
    for last, left, saves in ((0, 3, 0), (1, 2, 0), (2, 1, 1), (3, 3, 1), (1, 2, 2)):  # the last group has two steps
        assert keras_compat.steps_to_save(callback) == left
        callback.on_train_batch_end(last)
        assert len(saved) == saves


def test_a_tensorboard_that_observes_steps_is_known(tmp_path):
    observing = [{"update_freq": 3}, {"write_steps_per_second": True}, {"profile_batch": 2}]
    assert all(keras_compat.observes_steps(keras.callbacks.TensorBoard(tmp_path, **options)) for options in observing)
    assert not keras_compat.observes_steps(keras.callbacks.TensorBoard(tmp_path))
