"""Disks that are full or read-only while a checkpoint is saved."""

import contextlib
import os
import pathlib
import resource
import shutil
import tempfile

import numpy as np

from soak.checkpoints import small_model

SHARES = (0.0, 0.01, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.9, 0.99)  # of the largest file of a checkpoint, for which is room
NOBODY = 65534


def rows(short: bool) -> list[dict]:
    """Returns the savings without room, and without permission."""
    import rme_tf

    model = small_model(rme_tf)
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary) / "checkpoints"
        _fit(rme_tf, model, folder, epochs=1)
        largest = max(path.stat().st_size for path in folder.iterdir())
        sizes = [int(share * largest) for share in (SHARES[::4] if short else SHARES)]
        full = [_survives(rme_tf, model, folder, full_disk(size)) for size in sizes]
        permitted = [_survives(rme_tf, model, folder, read_only(folder)) for _ in range(1 if short else 5)]
    return [
        {"fault": "full disk while a checkpoint is saved", "tried": len(full), "survived": sum(full)},
        {"fault": "folder that becomes read-only", "tried": len(permitted), "survived": sum(permitted)},
    ]


@contextlib.contextmanager
def full_disk(size: int):
    """Returns a context in which no file grows beyond a size; a system without room fails at the same calls."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextlib.contextmanager
def read_only(folder: pathlib.Path):
    """Returns a context in which a folder cannot be written, by an unprivileged user."""
    folder.chmod(0o555)
    folder.parent.chmod(0o755)
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)
        folder.chmod(0o755)


def _fit(rme_tf, model, folder: pathlib.Path, epochs: int, fault=None) -> None:
    """Trains from the checkpoint on; the fault begins with the first step."""
    import keras

    checkpoint = rme_tf.ResumableCheckpoint(model, folder)
    begin = keras.callbacks.LambdaCallback(on_train_batch_begin=lambda batch, logs: fault and fault())
    x = np.random.default_rng(0).integers(0, 2, (16, 4, 4, 1)).astype(np.float32)
    model.fit(
        x,
        batch_size=16,
        epochs=epochs,
        initial_epoch=checkpoint.epoch,
        verbose=0,
        callbacks=[begin, checkpoint],
    )


def _survives(rme_tf, model, folder: pathlib.Path, fault) -> bool:
    """Returns whether a fault ends in one sentence, leaves all files, and the training goes on after it."""
    from rme_tf.core.files import WriteError

    before = _contents(folder)
    try:
        with contextlib.ExitStack() as stack:
            _fit(rme_tf, model, folder, 2, lambda: stack.enter_context(fault))
    except WriteError as error:
        sentence = "Expected room and permission to write" in str(error) and "\n" not in str(error)
    else:
        return False
    (folder / "writer.lock").unlink(missing_ok=True)  # in a folder without permission it stays, and is stale
    whole = _contents(folder) == before
    shutil.copytree(folder, folder.parent / "after")
    _fit(rme_tf, model, folder.parent / "after", 2)
    resumed = (folder.parent / "after" / "ckpt-2.index").exists()
    shutil.rmtree(folder.parent / "after")
    return sentence and whole and resumed


def _contents(folder: pathlib.Path) -> dict[str, bytes]:
    """Returns the files of a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
