"""Runs that get more epochs, that another process writes, or whose disk is full."""

import dataclasses
import errno
import json
import os
import signal

import keras
import numpy as np
import pytest

import rme_tf
from rme_tf.core import files
from rme_tf.core.interruptions import Interrupted
from rme_tf.core.writers import LOCK, SILENCE, FolderLock
from rme_tf.experiments.runs import runner
from rme_tf.experiments.runs.usable_folder import refuse_unusable
from small_recipes import image_recipe
from test_runner import TINY, without_seconds

LONG = {**TINY, "epochs": 4}


class SignalInEpoch(keras.callbacks.Callback):
    """Sends SIGTERM after the first step of an epoch."""

    acts_between_executions = True

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        self.here = epoch == self.epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.here:
            signal.raise_signal(signal.SIGTERM)


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_a_run_that_gets_more_epochs_and_a_signal_equals_one_of_all_epochs(tmp_path, capsys):
    whole = rme_tf.experiments.run(image_recipe(**LONG, out=str(tmp_path / "whole")), page=False)
    short = image_recipe(**{**LONG, "epochs": 2}, out=str(tmp_path / "cut"))
    rme_tf.experiments.run(short, page=False)
    longer = dataclasses.replace(short, epochs=4)
    with pytest.raises(Interrupted) as ended:
        rme_tf.experiments.run(longer, [SignalInEpoch(3)], page=False)
    assert ended.value.code == 143
    captured = capsys.readouterr()
    assert "Resuming after epoch 2, from" in captured.out
    assert f"rme resume {tmp_path / 'cut'}" in captured.err.splitlines()[-1]
    assert not (tmp_path / "cut" / "metrics.json").exists()
    assert not (tmp_path / "cut" / LOCK).exists()
    again = rme_tf.experiments.run(longer, page=False)
    assert "Resuming after step 2 of epoch 4, from" in capsys.readouterr().out
    assert again.record["metrics"] == whole.record["metrics"]
    assert without_seconds(again.history) == without_seconds(whole.history)
    assert again.record["config"]["epochs"] == 4


@pytest.mark.parametrize(
    ("fields", "reason"),
    [({"schedule": "cosine"}, "cosine"), ({"patience": 1, "restore_best": True}, "best weights")],
)
def test_a_run_whose_epochs_depend_on_their_number_is_not_made_longer(tmp_path, fields, reason):
    recipe = image_recipe(**LONG, **fields, out=str(tmp_path))
    runner.prepare(recipe)
    with pytest.raises(ValueError, match=f"cannot get 5: .*{reason}"):
        refuse_unusable(dataclasses.replace(recipe, epochs=5), tmp_path)
    with pytest.raises(ValueError, match="another configuration"):
        refuse_unusable(dataclasses.replace(recipe, epochs=2), tmp_path)


def test_a_longer_run_is_prepared_in_an_order_that_a_kill_does_not_break(tmp_path, monkeypatch):
    recipe = image_recipe(**LONG, out=str(tmp_path))
    runner.prepare(recipe)
    (tmp_path / "metrics.json").write_text("{}", encoding="utf-8")
    longer = dataclasses.replace(recipe, epochs=9)
    with monkeypatch.context() as patch:
        patch.setattr(runner, "write_text", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            runner.prepare(longer)
    assert [path.name for path in tmp_path.iterdir()] == ["config.yaml"]  # unfinished, of four epochs
    runner.prepare(longer)
    assert "epochs: 9" in (tmp_path / "config.yaml").read_text(encoding="utf-8")


# One writer.


def lock_of(path, **changes):
    """Writes the lock of another process."""
    with FolderLock(path, "runs/a") as lock:
        writer = lock.writer
    path.touch()
    number = path.stat().st_ino
    path.write_text(json.dumps({**writer._asdict(), "token": "other", "file": number, **changes}), encoding="utf-8")


def test_a_folder_has_one_writer(tmp_path):
    with FolderLock(tmp_path / LOCK, "runs/a"):
        other = FolderLock(tmp_path / LOCK, "runs/a")
        with pytest.raises(ValueError, match=rf"runs/a is being written by process {os.getpid()} on .*one writer"):
            other.check()
        recipe = image_recipe(**TINY, out=str(tmp_path))
        with pytest.raises(ValueError, match="is being written by process"):
            rme_tf.experiments.run(recipe)
    with FolderLock(tmp_path / LOCK, "runs/a"):
        pass
    assert not list(tmp_path.iterdir())


def test_the_lock_of_a_dead_process_is_stale(tmp_path):
    pid = os.spawnlp(os.P_WAIT, "true", "true") or 2**22 - 1  # a number that no process has
    lock_of(tmp_path / LOCK, process=pid)
    with FolderLock(tmp_path / LOCK, "runs/a") as lock:
        assert lock.writer.process == os.getpid()
        assert [path.name for path in tmp_path.iterdir()] == [LOCK]


def test_the_lock_of_another_machine_is_stale_after_a_silence(tmp_path):
    path = tmp_path / LOCK
    lock_of(path, host="elsewhere", process=7)
    with pytest.raises(ValueError, match="process 7 on elsewhere.* stale 2 minutes after its end; or delete"):
        FolderLock(path, "runs/a").check()
    silent = path.stat().st_mtime - SILENCE - 1
    os.utime(path, (silent, silent))
    with FolderLock(path, "runs/a"):
        pass


def test_the_lock_in_a_copied_folder_is_none(tmp_path):
    lock_of(tmp_path / "lock", process=1)
    (tmp_path / LOCK).write_bytes((tmp_path / "lock").read_bytes())
    with FolderLock(tmp_path / LOCK, "runs/a"):
        pass


# Disks.


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
def test_a_full_or_read_only_disk_is_one_sentence_and_leaves_nothing(tmp_path, monkeypatch, number):
    files.write_json(tmp_path / "record.json", 1)

    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(files.os, "replace", refuse)
    with pytest.raises(files.WriteError) as error:
        files.write_json(tmp_path / "record.json", 2)
    assert str(error.value) == (
        f"Expected room and permission to write {tmp_path / 'record.json'}. Received: {os.strerror(number)}. "
        "What was saved before stays."
    )
    assert [path.name for path in tmp_path.iterdir()] == ["record.json"]
    assert files.read_json(tmp_path / "record.json") == 1


def test_a_checkpoint_without_room_leaves_the_one_before(tiny_model, tmp_path, monkeypatch):
    model = tiny_model()
    model.compile("adam", rme_tf.ELBO(), run_eagerly=True)
    x = np.zeros((4, 5), np.float32)
    model.fit(x, epochs=1, verbose=0, callbacks=[rme_tf.ResumableCheckpoint(model, tmp_path)])
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    checkpoint = rme_tf.ResumableCheckpoint(model, tmp_path)
    replace, moved = os.replace, []

    def full(source, target):
        moved.append(source)
        if len(moved) == 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        replace(source, target)

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(files.WriteError, match="Expected room and permission"):
        model.fit(x, epochs=2, initial_epoch=1, verbose=0, callbacks=[checkpoint])
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert rme_tf.ResumableCheckpoint(model, tmp_path).epoch == 1
