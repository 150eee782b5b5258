"""The choice of the number of steps in an execution: by callbacks, by time, and in time for what is saved."""

import types

import keras
import numpy as np
import pytest

from rme_tf import CollapseMonitor
from rme_tf.callbacks import HalveOnPlateau
from rme_tf.models import group_sizes
from rme_tf.models.group_sizes import GroupChoice, GroupSizes, default_group_choice


class Own(keras.callbacks.Callback):
    """A user's callback that is called at every step."""

    def on_train_batch_end(self, batch, logs=None):
        pass


class Earlier(keras.callbacks.Callback):
    """A callback by the names of earlier releases of Keras."""

    def on_batch_begin(self, batch, logs=None):
        pass


class OfEpochs(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        pass


class Saving(keras.callbacks.ModelCheckpoint):
    """A user's subclass, with a method of its own."""

    on_train_batch_end = Own.on_train_batch_end


class InEvaluations(keras.callbacks.Callback):
    def on_test_batch_begin(self, batch, logs=None):
        pass


OF_KERAS = keras.callbacks
SINGLE = {  # callbacks that see every step
    "own": lambda path: Own(),
    "own, by an earlier name": lambda path: Earlier(),
    "own, of a subclass": lambda path: Saving(path / "{epoch}.keras"),
    "LambdaCallback": lambda path: OF_KERAS.LambdaCallback(on_train_batch_begin=lambda batch, logs: None),
    "TensorBoard, often": lambda path: OF_KERAS.TensorBoard(path, update_freq=2),
    "TensorBoard, profiling": lambda path: OF_KERAS.TensorBoard(path, profile_batch=(2, 3)),
    "TensorBoard, speed": lambda path: OF_KERAS.TensorBoard(path, write_steps_per_second=True),
    "BackupAndRestore, often": lambda path: OF_KERAS.BackupAndRestore(path / "backup", save_freq=3),
    "list of callbacks": lambda path: OF_KERAS.CallbackList([OfEpochs()]),
}
GROUPED = {  # callbacks that do not
    "none": lambda path: None,
    "of epochs": lambda path: OfEpochs(),
    "of tests": lambda path: InEvaluations(),
    "LambdaCallback": lambda path: OF_KERAS.LambdaCallback(on_epoch_end=lambda epoch, logs: None),
    "TensorBoard": lambda path: OF_KERAS.TensorBoard(path),
    "BackupAndRestore": lambda path: OF_KERAS.BackupAndRestore(path / "backup"),
    "ModelCheckpoint": lambda path: OF_KERAS.ModelCheckpoint(path / "{epoch}.keras"),
    "ModelCheckpoint, often": lambda path: OF_KERAS.ModelCheckpoint(path / "{batch}.keras", save_freq=3),
    "EarlyStopping": lambda path: OF_KERAS.EarlyStopping("elbo"),
    "LearningRateScheduler": lambda path: OF_KERAS.LearningRateScheduler(lambda epoch: 0.1),
    "TerminateOnNaN": lambda path: OF_KERAS.TerminateOnNaN(),
    "ProgbarLogger": lambda path: OF_KERAS.ProgbarLogger(),
    "CSVLogger": lambda path: OF_KERAS.CSVLogger(path / "log.csv"),
    "CollapseMonitor": lambda path: CollapseMonitor(np.zeros([2, 5])),
    "HalveOnPlateau": lambda path: HalveOnPlateau(0.1, 1, {}),
}


@pytest.fixture
def model(tiny_model):
    model = tiny_model(1)
    model.compile("sgd", "elbo")
    return model


@pytest.mark.parametrize("name", SINGLE)
def test_a_callback_that_sees_every_step_does(model, tmp_path, name):
    callback = SINGLE[name](tmp_path)
    expected = GroupChoice(True, f"{type(callback).__name__} sees every step")
    assert default_group_choice(model, [None, [callback]]) == expected
    in_tests = isinstance(callback, keras.callbacks.TensorBoard | keras.callbacks.CallbackList)
    assert default_group_choice(model, callback, testing=True).single == in_tests


@pytest.mark.parametrize("name", GROUPED)
def test_other_callbacks_leave_the_steps_to_the_clock(model, tmp_path, name):
    callback = GROUPED[name](tmp_path)
    assert default_group_choice(model, callback) == (False, "as many steps as take 0.5 seconds at most")
    assert default_group_choice(model, callback, testing=True).single == isinstance(callback, InEvaluations)


def test_every_callback_of_keras_is_known(tmp_path):
    """One that a later Keras adds, with steps of its own, shows here: it sees every step."""
    known = {*group_sizes.BETWEEN_EXECUTIONS, OF_KERAS.TensorBoard, OF_KERAS.BackupAndRestore, OF_KERAS.CallbackList}
    kinds = [kind for kind in vars(OF_KERAS).values() if isinstance(kind, type)]
    hooks = (*group_sizes.TRAIN_HOOKS, *group_sizes.TEST_HOOKS)
    for kind in set(kinds) - known - {OF_KERAS.Callback}:
        assert all(getattr(kind, name) is getattr(OF_KERAS.Callback, name) for name in hooks), kind


def test_eager_steps_and_replicas_are_single(tiny_model, monkeypatch):
    model = tiny_model(1)
    model.compile("sgd", "elbo", run_eagerly=True)
    assert default_group_choice(model) == (True, "the steps run eagerly")
    model.run_eagerly = False
    strategy = type("Strategy", (), {"num_replicas_in_sync": 2})()
    monkeypatch.setattr(type(model), "distribute_strategy", strategy)
    assert default_group_choice(model) == (True, "several replicas take single steps")


def test_the_choice_of_a_fit_can_be_asked_for(model, binary_data, eagerly):
    assert model.group_choice is None
    model.fit(binary_data(4), verbose=0)
    assert not model.group_choice.single
    model.fit(binary_data(4), verbose=0, callbacks=[Own()])
    assert model.group_choice.reason == "Own sees every step"


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still unless it is set."""
    now = [0.0]
    monkeypatch.setattr(group_sizes, "time", types.SimpleNamespace(perf_counter=lambda: now[0]))
    return now


def sizes_of(clock, seconds_of_a_step, count, traced=()):
    """The sizes of successive groups, with an hour in addition for those that are traced."""
    sizes, found = GroupSizes(GroupChoice(False, "")), []
    for index in range(count):
        steps = sizes.begin()
        clock[0] += steps * seconds_of_a_step + 3600.0 * (index in traced)
        sizes.end(steps)
        found.append(steps)
    return found


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (2.0, [1] * 12),
        (0.1, [1, 2, 4, *[4] * 9]),
        (0.008, [1, 2, 4, 8, 16, 32, *[32] * 6]),
        (1e-6, [2**n for n in range(11)] + [1024]),
    ],
)
def test_a_group_takes_as_many_steps_as_there_is_time_for(clock, seconds, expected):
    assert sizes_of(clock, seconds, 12) == expected


def test_a_step_that_is_traced_shortens_one_group(clock):
    assert sizes_of(clock, 0.008, 9, traced=(0, 6)) == [1, 1, 2, 4, 8, 16, 32, 16, 32]


def test_single_steps_stay_single(clock):
    sizes = GroupSizes(GroupChoice(True, ""))
    for _ in range(3):
        assert sizes.begin() == 1
        sizes.end(1)


def test_the_short_last_group_of_an_epoch_is_no_measure(clock):
    sizes = GroupSizes(GroupChoice(False, ""))
    sizes.size = 8
    sizes.begin()
    sizes.end(3)
    assert sizes.size == 8


@pytest.mark.parametrize("kind", ["ModelCheckpoint", "BackupAndRestore"])
def test_what_is_saved_within_an_epoch_is_saved_in_time(model, binary_data, tmp_path, eagerly, kind, monkeypatch):
    """Every 3 steps, of 4 an epoch: after 3, 6, 9 and 12 updates, and later where a callback has counted before."""
    monkeypatch.setattr(group_sizes, "SECONDS", 1e3)
    if kind == "ModelCheckpoint":
        saving = keras.callbacks.ModelCheckpoint(tmp_path / "x.weights.h5", save_freq=3, save_weights_only=True)
    else:
        saving = keras.callbacks.BackupAndRestore(tmp_path / "backup", save_freq=3)
    saved = []
    monkeypatch.setattr(
        type(model), "save_weights", lambda model, *args, **kwargs: saved.append(int(model.optimizer.iterations))
    )
    model.fit(binary_data(8), batch_size=2, epochs=3, verbose=0, callbacks=[saving])
    assert saved == [3, 6, 9, 12]
    if kind == "ModelCheckpoint":
        model.fit(binary_data(2), batch_size=2, verbose=0, callbacks=[saving])  # one step
        model.fit(binary_data(8), batch_size=2, verbose=0, callbacks=[saving])
        assert saved == [3, 6, 9, 12, 15]
