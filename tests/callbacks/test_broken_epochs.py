"""Trainings that a signal ends within an epoch, and that go on from there."""

import signal

import keras
import numpy as np
import pytest
import tensorflow as tf

from rme_tf import ELBO, RecursiveMixture, data
from rme_tf.callbacks import ResumableCheckpoint
from rme_tf.core.interruptions import Interrupted
from test_resumed_training import assert_same_training

PIXELS = np.random.default_rng(0).integers(0, 256, (32, 5, 1, 1)).astype(np.uint8)
HELD_OUT = np.random.default_rng(1).integers(0, 2, (8, 5)).astype(np.float32)
STEPS = 4


@pytest.fixture(autouse=True)
def in_the_foreground():
    """Handles SIGINT as a program in the foreground; in the background it may be ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class SignalAt(keras.callbacks.Callback):
    """Sends a signal after a step of an epoch, or after the first batch of its validation."""

    acts_between_executions = True

    def __init__(self, epoch, step, number=signal.SIGTERM, *, validation=False):
        super().__init__()
        self.place, self.number, self.validation = (epoch, step), number, validation

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if not self.validation and (self.epoch, batch + 1) == self.place:
            signal.raise_signal(self.number)

    def on_test_batch_begin(self, batch, logs=None):
        if self.validation and self.epoch == self.place[0]:
            signal.raise_signal(self.number)


def resumable(tiny_model, directory, *, seed=0, steps_per_execution="auto", **options):
    """A new model, as a new process would build it, with its checkpoint."""
    keras.utils.set_random_seed(seed)
    encoder = keras.Sequential([keras.layers.Input((5,)), keras.layers.Dropout(0.2), keras.layers.Dense(4)])
    model = tiny_model(2, encoder=encoder, mixing="learned", seed=seed)
    schedule = keras.optimizers.schedules.ExponentialDecay(0.05, 3, 0.7)
    rule = RecursiveMixture(warm_start_epochs=1)
    model.compile(keras.optimizers.Adam(schedule), rule, steps_per_execution=steps_per_execution)
    return model, ResumableCheckpoint(model, directory, **options)


def train(model, checkpoint, *callbacks, epochs=3, batches=None):
    """Trains to the end, from the checkpoint on."""
    if batches is None:
        batches = data.training_dataset(PIXELS, batch_size=8, seed=3, first_epoch=checkpoint.epoch)
        batches = batches.map(lambda batch: tf.reshape(batch, [-1, 5]))
    model.fit(
        batches,
        epochs=epochs,
        initial_epoch=checkpoint.epoch,
        steps_per_epoch=STEPS,
        validation_data=(HELD_OUT,),
        validation_batch_size=4,
        callbacks=[*callbacks, checkpoint],
        verbose=0,
    )


@pytest.mark.parametrize(
    ("epoch", "step", "validation", "steps_per_execution"),
    [
        pytest.param(1, 2, False, 1, id="within the epoch that grows the mixture"),
        pytest.param(0, 1, False, 1, id="after the first step", marks=pytest.mark.slow),
        pytest.param(1, STEPS, False, 1, id="after the last step of an epoch", marks=pytest.mark.slow),
        pytest.param(1, STEPS, True, 1, id="in the validation", marks=pytest.mark.slow),
        pytest.param(1, 2, False, 3, id="within an execution of three steps", marks=pytest.mark.slow),
    ],
)
@pytest.mark.usefixtures("eagerly")
@pytest.mark.filterwarnings("ignore:The warm start", "ignore:The training did not go")
def test_a_training_ended_by_a_signal_goes_on_bit_for_bit(
    tiny_model, tmp_path, capsys, epoch, step, validation, steps_per_execution
):
    options = {"steps_per_execution": steps_per_execution}
    whole = resumable(tiny_model, tmp_path / "whole", **options)
    train(*whole)
    first = resumable(tiny_model, tmp_path / "cut", **options)
    with pytest.raises(Interrupted) as ended:
        train(*first, SignalAt(epoch, max(step, steps_per_execution), validation=validation))
    assert ended.value.code == 128 + signal.SIGTERM
    (line,) = capsys.readouterr().err.splitlines()
    saved = max(step, steps_per_execution)
    assert line.startswith(f"SIGTERM: saved after step {saved} of epoch {epoch + 1} in {tmp_path / 'cut'}. To resume:")
    second = resumable(tiny_model, tmp_path / "cut", seed=7, **options)
    assert (second[1].epoch, second[1].step) == (epoch, saved)
    assert len(second[1].history.get("loss", [])) == epoch
    train(*second)
    assert_same_training(whole, second)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["array", "resident batches", "data set of another library"])
@pytest.mark.usefixtures("eagerly")
def test_every_kind_of_data_goes_on_at_the_right_batch(tiny_model, tmp_path, kind):
    """A kill at any moment: the checkpoint is the one of two steps before."""
    rows = np.random.default_rng(2).integers(0, 2, (32, 5)).astype(np.float32)

    def batches(epoch):
        if kind == "array":
            return rows
        if kind == "resident batches":
            return data.tables.training_dataset(rows, batch_size=8, seed=1, first_epoch=epoch)
        return tf.data.Dataset.from_tensor_slices(rows).batch(8).repeat()

    def run(folder, *callbacks):
        pair = resumable(tiny_model, tmp_path / folder, every_steps=1, steps_per_execution=1)
        train(*pair, *callbacks, batches=batches(pair[1].epoch))
        return pair

    class Killed(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            if int(self.model.epochs_trained.numpy()) == 1 and batch == 3:
                raise ConnectionError

    whole = run("whole")
    with pytest.raises(ConnectionError):
        run("cut", Killed())
    again = run("cut")
    assert_same_training(whole, again)


@pytest.mark.usefixtures("eagerly")
@pytest.mark.filterwarnings("ignore:The training did not go")
def test_an_ended_early_stopping_stays_ended_and_a_waiting_one_goes_on_waiting(tiny_model, tmp_path):
    class Score(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["score"] = [2.0, 3.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0][epoch]

    def run(folder, patience, *callbacks, epochs=8):
        keras.utils.set_random_seed(0)
        model = tiny_model(seed=0)
        model.compile("adam", ELBO())
        checkpoint = ResumableCheckpoint(model, tmp_path / folder)
        stopping = keras.callbacks.EarlyStopping("score", patience=patience, mode="max", restore_best_weights=True)
        model.fit(
            PIXELS[:8, :, 0, 0] / np.float32(255) > 0.5,
            epochs=epochs,
            initial_epoch=checkpoint.epoch,
            callbacks=[Score(), stopping, *callbacks, checkpoint],
            verbose=0,
        )
        return model, checkpoint

    whole = run("whole", 3)
    assert len(whole[1].history["score"]) == 5
    with pytest.raises(Interrupted):
        run("cut", 3, SignalAt(3, 1))
    again = run("cut", 3)
    assert_same_training(whole, again)
    once_more = run("cut", 3)  # which trains nothing
    assert_same_training(whole, once_more)
    longer = run("cut", 5)
    assert len(longer[1].history["score"]) == 7


@pytest.mark.usefixtures("eagerly")
@pytest.mark.filterwarnings("ignore:The training did not go")
def test_two_signals_end_at_once_and_the_handlers_are_put_back(tiny_model, tmp_path):
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)

    class Twice(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)

    model, checkpoint = resumable(tiny_model, tmp_path)
    with pytest.raises(KeyboardInterrupt) as ended:
        train(model, checkpoint, Twice())
    assert ended.value.code == 128 + signal.SIGINT
    assert not list(tmp_path.glob("ckpt*"))
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
