"""A checkpoint that is replaced by the next one deletes no other's."""

import pytest
import tensorflow as tf

from rme_tf import ELBO
from rme_tf.callbacks import HalveOnPlateau, ResumableCheckpoint


def foreign(directory):
    """Writes three checkpoints of something else."""
    manager = tf.train.CheckpointManager(tf.train.Checkpoint(v=tf.Variable(1.0)), str(directory), max_to_keep=5)
    for _ in range(3):
        manager.save()


def compiled(tiny_model, **choices):
    model = tiny_model(**choices)
    model.compile("adam", ELBO())
    return model


def begin(directory, model):
    """Begins a training with the best weights in a directory."""
    callback = HalveOnPlateau(1.0, 2, {}, best=directory)
    callback.set_model(model)
    callback.set_params({"epochs": 3})
    callback.on_train_begin()
    callback.on_epoch_end(0, {"val_elbo": -1.0})


def files(directory):
    return {path.name: path.read_bytes() for path in directory.iterdir()}


@pytest.mark.parametrize("use", [begin, lambda directory, model: ResumableCheckpoint(model, directory)])
def test_checkpoints_of_something_else_are_left_alone(use, tiny_model, tmp_path):
    foreign(tmp_path)
    before = files(tmp_path)
    assert {"ckpt-1.index", "ckpt-2.index", "ckpt-3.index"} < before.keys()
    with pytest.raises(ValueError, match="another model"):
        use(tmp_path, compiled(tiny_model))
    assert files(tmp_path) == before


def test_the_best_weights_of_another_model_are_not_replaced(tiny_model, tmp_path):
    begin(tmp_path, compiled(tiny_model))
    before = files(tmp_path)
    with pytest.raises(ValueError, match="for these checkpoints alone. Received: .* another model"):
        begin(tmp_path, compiled(tiny_model, latent_dim=3))
    assert files(tmp_path) == before
    begin(tmp_path, compiled(tiny_model, seed=1))  # the same one, trained anew
    assert files(tmp_path).keys() == before.keys()


def test_the_directory_of_a_resumable_checkpoint_is_not_for_best_weights(tiny_model, tmp_path):
    model = compiled(tiny_model)
    checkpoint = ResumableCheckpoint(model, tmp_path)
    checkpoint.set_model(model)
    checkpoint.on_epoch_begin(0)
    checkpoint.on_epoch_end(0, {"loss": 1.0})
    before = files(tmp_path)
    with pytest.raises(ValueError, match="for these checkpoints alone"):
        begin(tmp_path, model)
    assert files(tmp_path) == before
