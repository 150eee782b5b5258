"""Folders of checkpoints with a damaged file, from which a training goes on."""

import contextlib
import itertools
import pathlib
import shutil
import tempfile
import warnings

import numpy as np

FILES = ("index", "data", "manifest", "state", "history")
WAYS = ("deleted", "empty", "cut", "a bit turned", "other bytes", "of the checkpoint before")
PLACES = ("after an epoch", "within an epoch")


def rows(short: bool) -> list[dict]:
    """Returns the checkpoints of each file that was damaged."""
    import rme_tf
    from rme_tf.evaluation.finished_batches import digest

    model = small_model(rme_tf)
    x = np.random.default_rng(0).integers(0, 2, (32, 4, 4, 1)).astype(np.float32)
    table = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        states = {place: _train(rme_tf, model, x, folder / place, place) for place in PLACES}
        for file in FILES:
            cases = [(place, way) for place, way in itertools.product(PLACES, WAYS)]
            cases = cases[:: len(WAYS) - 1] if short else cases
            survived = 0
            for place, way in cases:
                shutil.copytree(folder / place, folder / "damaged")
                _damage(folder / "damaged", file, way)
                position, warned = _restored(rme_tf, model, folder / "damaged")
                newest, before = sorted(states[place], reverse=True)
                expected = newest if file in ("state", "history") else before
                state = digest(variable.numpy() for variable in [*model.variables, *model.optimizer.variables])
                survived += position == expected and state == states[place][expected] and warned == (file != "state")
                shutil.rmtree(folder / "damaged")
            table.append({"fault": f"checkpoint whose {file} is damaged", "tried": len(cases), "survived": survived})
    return table


def small_model(rme_tf):
    """Returns a small model."""
    options = {"units": (4,)}
    model = rme_tf.VAE.from_names(
        encoder="mlp",
        decoder="mlp",
        input_shape=(4, 4, 1),
        latent_dim=2,
        num_components=2,
        encoder_options=options,
        decoder_options=options,
        seed=0,
    )
    model.compile("adam", algorithm="elbo", steps_per_execution=1, run_eagerly=True)
    return model


def _train(rme_tf, model, x, folder: pathlib.Path, place: str) -> dict:
    """Trains with two checkpoints at the end; returns digests of the state by their positions."""
    import keras

    from rme_tf.evaluation.finished_batches import digest

    states = {}

    class Observed(rme_tf.ResumableCheckpoint):
        def _save(self, step, means):
            super()._save(step, means)
            state = digest(variable.numpy() for variable in [*model.variables, *model.optimizer.variables])
            states[self.epoch, step] = state
            if place == "within an epoch" and (self.epoch, step) == (1, 2):
                raise ConnectionAbortedError

    keras.utils.set_random_seed(0)
    checkpoint = Observed(model, folder, every_steps=1 if place == "within an epoch" else None)
    model.epochs_trained.assign(0)
    with contextlib.suppress(ConnectionAbortedError):
        model.fit(x, batch_size=8, epochs=2, verbose=0, callbacks=[checkpoint])
    return {position: states[position] for position in sorted(states)[-2:]}


def _damage(folder: pathlib.Path, file: str, way: str) -> None:
    """Damages a file of the newest checkpoint, or one of the folder."""
    newest, before = (path.stem for path in sorted(folder.glob("*.index"), key=_position, reverse=True))
    names = {"index": ".index", "data": ".data-00000-of-00001", "manifest": ".json"}
    path = folder / {"state": "checkpoint", "history": "history.json"}.get(file, f"{newest}{names.get(file)}")
    other = folder / f"{before}{names[file]}" if file in names else folder / f"{before}.index"
    content = path.read_bytes()
    turned = content[: len(content) // 2] + bytes([content[len(content) // 2] ^ 1]) + content[len(content) // 2 + 1 :]
    contents = {
        "empty": b"",
        "cut": content[: len(content) // 2],
        "a bit turned": turned,
        "other bytes": np.random.default_rng(0).bytes(len(content)),
        "of the checkpoint before": other.read_bytes(),
    }
    if way == "deleted":
        path.unlink()
    else:
        path.write_bytes(contents[way])


def _position(path: pathlib.Path) -> list[int]:
    """Returns the numbers in the name of a checkpoint."""
    return [int(number) for number in path.stem.split("-")[1:]]


def _restored(rme_tf, model, folder: pathlib.Path) -> tuple[tuple[int, int], bool]:
    """Returns the position of the restored checkpoint, and whether a warning named a file."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        checkpoint = rme_tf.ResumableCheckpoint(model, folder)
    model.broken_epoch = None
    return (checkpoint.epoch, checkpoint.step), any(str(folder) in str(warning.message) for warning in caught)
