"""A training cut in two, which is the same; the history and the checkpoints that it goes on from."""

import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf

from rme_tf import ELBO, RecursiveMixture, data
from rme_tf.callbacks import ResumableCheckpoint
from rme_tf.core.files import read_json, write_json

PIXELS = np.random.default_rng(0).integers(0, 256, (16, 5, 1, 1)).astype(np.uint8)


def resumable(tiny_model, directory, *, algorithm, seed=0):
    """A new model, as a new process would build it, and the checkpoint that it goes on from."""
    keras.utils.set_random_seed(seed)
    encoder = keras.Sequential([keras.layers.Input((5,)), keras.layers.Dropout(0.2), keras.layers.Dense(4)])
    model = tiny_model(2, encoder=encoder, mixing="learned", seed=seed)
    schedule = keras.optimizers.schedules.ExponentialDecay(0.05, 3, 0.7)
    model.compile(keras.optimizers.Adam(schedule), algorithm)
    return model, ResumableCheckpoint(model, directory)


def train_to(model, checkpoint, epochs, *callbacks):
    batches = data.training_dataset(PIXELS, batch_size=8, seed=3, first_epoch=checkpoint.epoch)
    model.fit(
        batches.map(lambda batch: tf.reshape(batch, [-1, 5])),
        epochs=epochs,
        initial_epoch=checkpoint.epoch,
        steps_per_epoch=data.steps_per_epoch(16, 8),
        callbacks=[checkpoint, *callbacks],
        verbose=0,
    )


def assert_same_training(one, other):
    (model, checkpoint), (again, resumed) = one, other
    for a, b in zip(model.variables, again.variables, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy(), err_msg=a.path)
    for a, b in zip(model.optimizer.variables, again.optimizer.variables, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy(), err_msg=a.path)
    np.testing.assert_array_equal(model.seed_generator.state.numpy(), again.seed_generator.state.numpy())
    assert set(checkpoint.history) == set(resumed.history)
    for name, values in checkpoint.history.items():
        if name != "seconds":
            np.testing.assert_array_equal(np.array(values), np.array(resumed.history[name]), err_msg=name)


@pytest.mark.parametrize(
    ("warm_start_epochs", "cut", "eager"),
    [
        pytest.param(0, 2, True, id="no warm start, eagerly", marks=pytest.mark.slow),
        pytest.param(2, 1, True, id="within the warm start, eagerly", marks=pytest.mark.slow),
        pytest.param(2, 2, False, id="where the mixture grows", marks=pytest.mark.slow),
        pytest.param(2, 2, True, id="where the mixture grows, eagerly"),
        pytest.param(1, 2, True, id="after it has grown, eagerly", marks=pytest.mark.slow),
    ],
)
@pytest.mark.filterwarnings("ignore:The warm start")
def test_a_training_cut_in_two_is_the_same(tiny_model, tmp_path, eagerly, warm_start_epochs, cut, eager):
    tf.config.run_functions_eagerly(eager)
    algorithm = RecursiveMixture(warm_start_epochs=warm_start_epochs)

    def keep(epoch, logs):
        """What a process that ends here leaves behind."""
        if epoch + 1 == cut:
            shutil.copytree(tmp_path / "whole", tmp_path / "cut")

    whole = resumable(tiny_model, tmp_path / "whole", algorithm=algorithm)
    train_to(*whole, 4, keras.callbacks.LambdaCallback(on_epoch_end=keep))
    keras.backend.clear_session(free_memory=False)
    keras.utils.set_random_seed(99)
    second = resumable(tiny_model, tmp_path / "cut", algorithm=algorithm, seed=7)  # its own weights do not matter
    assert second[1].epoch == cut
    assert len(second[1].history["loss"]) == cut
    train_to(*second, 4)
    assert second[1].epoch == 4
    assert_same_training(whole, second)


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_a_finished_training_is_read_back(tiny_model, tmp_path):
    first = resumable(tiny_model, tmp_path, algorithm=ELBO())
    assert first[1].epoch == 0
    assert first[1].history == {}
    train_to(*first, 1)
    second = resumable(tiny_model, tmp_path, algorithm=ELBO(), seed=7)
    assert_same_training(first, second)
    assert second[1].history["seconds"] == first[1].history["seconds"]


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_an_epoch_whose_checkpoint_was_not_finished_does_not_count(tiny_model, tmp_path):
    first = resumable(tiny_model, tmp_path, algorithm=ELBO())
    train_to(*first, 1)
    first[1].folder.save = lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        train_to(*first, 2)
    second = resumable(tiny_model, tmp_path, algorithm=ELBO(), seed=7)
    assert second[1].epoch == 1
    assert [len(values) for values in second[1].history.values()] == [1] * len(second[1].history)


def test_columns_that_come_and_go_keep_to_their_epochs(tiny_model, tmp_path):
    """A later version logs more; and once what was new was recorded without the epochs before."""
    for logs in ({"loss": 3.0}, {"loss": 2.0, "mi": 0.5}, {"mi": 0.7}):
        model, checkpoint = resumable(tiny_model, tmp_path, algorithm=ELBO())
        model.epochs_trained.assign_add(1)
        checkpoint.on_epoch_begin(0)
        checkpoint.on_epoch_end(0, logs)
    recorded = read_json(tmp_path / "history.json")
    assert {name: recorded[name] for name in ("loss", "mi")} == {"loss": [3.0, 2.0, None], "mi": [None, 0.5, 0.7]}
    for manifest in tmp_path.glob("ckpt-*.json"):  # which earlier versions did not write
        manifest.unlink()
    write_json(tmp_path / "history.json", {**recorded, "mi": [0.5, 0.7]})
    _, again = resumable(tiny_model, tmp_path, algorithm=ELBO())
    np.testing.assert_array_equal(again.history["mi"], [np.nan, 0.5, 0.7])
    np.testing.assert_array_equal(again.history["loss"], [3.0, 2.0, np.nan])


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_the_last_two_checkpoints_are_kept(tiny_model, tmp_path):
    train_to(*resumable(tiny_model, tmp_path, algorithm=ELBO()), 3)
    assert sorted(path.name for path in tmp_path.glob("*.index")) == ["ckpt-2.index", "ckpt-3.index"]
    assert tf.train.latest_checkpoint(str(tmp_path)) == str(tmp_path / "ckpt-3")


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_a_checkpoint_of_another_model_is_refused(tiny_model, tmp_path):
    pair = resumable(tiny_model, tmp_path, algorithm=ELBO())
    train_to(*pair, 1)
    other = tiny_model(3)
    other.compile("sgd", ELBO())
    with pytest.raises(ValueError, match=r"another model|checkpoint"):
        ResumableCheckpoint(other, tmp_path)
