"""Folder of a training's checkpoints: the last ones, each complete or absent."""

import os
import pathlib
import re
import shutil
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from rme_tf.callbacks.manifests import SUFFIX, DamagedError, Manifest, Position, read_manifest, write_manifest
from rme_tf.callbacks.variable_checkpoints import VALUE, restore, saved_shapes
from rme_tf.core.files import read_json, write_json, write_text, writing

HISTORY, STATE = "history.json", "checkpoint"  # copies for readers of runs, and for `tf.train.latest_checkpoint`
CALLBACKS = "callbacks"  # part of the arrays of callbacks
_NAME = re.compile(r"(ckpt-(\d+)(?:-(\d+))?)\.(index|json|partial|data-\d{5}-of-\d{5})")


class CheckpointFolder:
    """The last checkpoints of a training, with manifests.

    A checkpoint is written into a folder of its own; its files are then moved, the manifest last. A checkpoint of an
    earlier version has no manifest; its history is in `history.json`.

    Args:
        directory: `pathlib.Path` of the folder.
        parts: dict from names to a `tf.Variable` or a list of variables.
        keep: number of checkpoints.

    Attributes:
        damaged: reasons by the `Position` of each checkpoint that could not be used.
    """

    def __init__(self, directory: pathlib.Path, parts: dict, keep: int):
        self.directory, self.parts, self.keep = directory, parts, keep
        self.damaged: dict[Position, str] = {}
        self._earlier: Manifest | None = None  # the manifest that the checkpoint of an earlier version gets

    def restore(self) -> Manifest | None:
        """Restores the newest undamaged checkpoint, and returns its manifest.

        The manifest is None for a new folder.

        Raises:
            ValueError: if the folder has checkpoints of which none can be used, or of another model, or only other
                traces of a training.
        """
        positions = self.positions()
        has_manifest = any(self._manifest_of(position).exists() for position in positions)
        for position in positions:
            try:
                manifest = self._manifest(position) if has_manifest or position.step else self._of_history(position)
                self._restore(position)
                return manifest
            except DamagedError as error:
                self.damaged[position] = str(error)
        if self.damaged:
            raise ValueError(
                f"Expected a checkpoint that is whole. Received: {self.directory}, where {self.reasons}. Put the files "
                "back from a copy, or choose another directory for a new training."
            )
        self._refuse_traces()
        return None

    @property
    def reasons(self) -> str:
        """Reasons why checkpoints could not be used, as text."""
        return "; ".join(self.damaged.values())

    def positions(self) -> list[Position]:
        """Returns the positions of all checkpoints in the folder, newest first.

        Checkpoints whose writing was interrupted are not among them.
        """
        if not self.directory.is_dir():
            return []
        matches = [match for path in self.directory.iterdir() if (match := _NAME.fullmatch(path.name))]
        unfinished = {match[1] for match in matches if match[4] == "partial"}
        whole = {match[1] for match in matches if match[4] == "json"}
        named = {match[1]: Position(int(match[2]), int(match[3] or 0)) for match in matches}
        return sorted((named[name] for name in named if name in whole or name not in unfinished), reverse=True)

    def save(self, manifest: Manifest, arrays: Mapping[str, Sequence[np.ndarray]]) -> None:
        """Writes a checkpoint, and deletes older ones.

        Args:
            manifest: state of the training.
            arrays: arrays of callbacks by name.

        Raises:
            WriteError: if the checkpoint cannot be written, which leaves the earlier ones.
        """
        name = manifest.position.name
        partial = self.directory / f"{name}.partial"
        with writing(self.directory):
            try:
                self._clear_unfinished()
                partial.mkdir(parents=True)
                self._write(partial / name, arrays)
                write_manifest(partial, manifest)
                if self._earlier is not None:
                    write_manifest(self.directory, self._earlier)
                    self._earlier = None
                self._move(partial, name)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
                if not self._manifest_of(manifest.position).exists():  # not all files could be moved
                    self._delete(name)
            self.damaged.pop(manifest.position, None)
            last = [position for position in self.positions() if position not in self.damaged][: self.keep]
            write_text(self.directory / STATE, _state([position.name for position in last]))
            self.write_history(manifest)
            for position in self.positions():
                if position not in last:
                    self._delete(position.name)
            self.damaged = {}

    def write_history(self, manifest: Manifest) -> None:
        """Writes the history of the completed epochs for readers of the folder."""
        write_json(self.directory / HISTORY, manifest.history)

    def has_history(self, manifest: Manifest) -> bool:
        """Returns whether the history for readers is the one of a checkpoint."""
        if self._earlier is not None:
            return True
        try:
            return bool(read_json(self.directory / HISTORY) == manifest.history)
        except (OSError, ValueError):
            return False

    def arrays(self, position: Position) -> dict[str, list[np.ndarray]]:
        """Returns the arrays of callbacks in a checkpoint, by name."""
        reader = tf.train.load_checkpoint(str(self.directory / position.name))
        arrays: dict[str, list] = {}
        keys = [key.split("/") for key in saved_shapes(str(self.directory / position.name)) if _is_array(key)]
        for _, name, index, *rest in sorted(keys, key=lambda key: int(key[2])):
            arrays.setdefault(name, []).append(reader.get_tensor("/".join([CALLBACKS, name, index, *rest])))
        return arrays

    def _manifest_of(self, position: Position) -> pathlib.Path:
        return self.directory / f"{position.name}{SUFFIX}"

    def _manifest(self, position: Position) -> Manifest:
        """Returns the manifest of a checkpoint; raises DamagedError if the checkpoint is damaged."""
        manifest = read_manifest(self._manifest_of(position))
        if manifest.position != position:
            raise DamagedError(f"{position.name}{SUFFIX} is of another checkpoint")
        return manifest

    def _of_history(self, position: Position) -> Manifest:
        """Returns the manifest of a checkpoint of an earlier version, by the history in the folder."""
        self._check_shapes(position)
        path = self.directory / HISTORY
        if not path.exists():
            raise DamagedError(f"{HISTORY} is missing, but {position.name} is not")
        try:
            history = read_json(path)
            complete = max(map(len, history.values())) >= position.epoch
        except (OSError, ValueError, TypeError, AttributeError):
            raise DamagedError(f"{HISTORY} is damaged") from None
        if not complete:
            raise DamagedError(f"{HISTORY} has fewer epochs than {position.name}")
        longest = max(map(len, history.values()))
        # Earlier versions recorded a name that is not in all logs from its first epoch on.
        padded = {
            name: ([None] * (longest - len(values)) + values)[: position.epoch] for name, values in history.items()
        }
        self._earlier = Manifest(position, padded, {}, 0.0, {}, False)
        return self._earlier

    def _restore(self, position: Position) -> None:
        """Restores the variables; raises DamagedError if TensorFlow cannot read them."""
        self._check_shapes(position)
        try:
            restore(str(self.directory / position.name), self.parts)
        except (AssertionError, ValueError, tf.errors.InvalidArgumentError) as error:
            raise self._other_model(position) from error
        except (tf.errors.OpError, RuntimeError) as error:
            raise DamagedError(f"{position.name} cannot be read") from error

    def _check_shapes(self, position: Position) -> None:
        """Raises ValueError if the variables belong to another model."""
        try:
            saved = saved_shapes(str(self.directory / position.name))
        except (tf.errors.OpError, RuntimeError, ValueError) as error:
            raise DamagedError(f"{position.name}.index is missing or damaged") from error
        variables = {id(variable): variable for variable in tf.nest.flatten(self.parts)}  # saved once each
        shapes = sorted(variable.shape.as_list() for variable in variables.values())
        if sorted(shape for key, shape in saved.items() if not _is_array(key)) != shapes:
            raise self._other_model(position)

    def _other_model(self, position: Position) -> ValueError:
        """Returns the error for a checkpoint of other variables."""
        return ValueError(
            f"Expected checkpoints of this model and optimizer. Received: {self.directory / position.name}, which was "
            "made by another model. Choose another directory."
        )

    def _refuse_traces(self) -> None:
        """Raises ValueError if a folder without checkpoints was the folder of a training."""
        try:
            history = read_json(self.directory / HISTORY)
            epochs = max(map(len, history.values()), default=0)
        except (OSError, ValueError, TypeError, AttributeError):
            epochs = 0
        # The first checkpoint of an earlier version came after the history of its epoch.
        if epochs > 1 or (self.directory / STATE).exists():
            raise ValueError(
                f"Expected checkpoints, or a new directory. Received: {self.directory}, which has traces of a training "
                "but no checkpoint. Put the files back from a copy, or choose another directory for a new training."
            )

    def _write(self, prefix: pathlib.Path, arrays: Mapping[str, Sequence[np.ndarray]]) -> None:
        """Writes the variables and the arrays."""
        parts = {name: [tf.Variable(array) for array in values] for name, values in arrays.items()}
        more = {CALLBACKS: tf.train.Checkpoint(**parts)} if parts else {}
        tf.train.Checkpoint(**self.parts, **more).write(str(prefix))

    def _move(self, partial: pathlib.Path, name: str) -> None:
        """Moves the files of a checkpoint into the folder, the manifest last."""
        self._delete(name)
        for path in sorted(partial.iterdir(), key=lambda path: path.suffix == SUFFIX):
            os.replace(path, self.directory / path.name)

    def _delete(self, name: str) -> None:
        """Deletes the files of a checkpoint, the manifest first."""
        for path in sorted(self.directory.glob(f"{name}.*"), key=lambda path: path.suffix != SUFFIX):
            if path.is_file():
                path.unlink()

    def _clear_unfinished(self) -> None:
        """Deletes what an interrupted writing has left."""
        whole = {position.name for position in self.positions()}
        for path in self.directory.glob("ckpt-*.partial"):
            shutil.rmtree(path, ignore_errors=True)
            if path.stem not in whole:
                self._delete(path.stem)


def _is_array(key: str) -> bool:
    """Returns whether a key in a checkpoint is of an array of a callback."""
    return key.startswith(f"{CALLBACKS}/") and key.endswith(VALUE)


def _state(names: Sequence[str]) -> str:
    """Returns TensorFlow's list of checkpoints, the newest one first."""
    lines = [f'model_checkpoint_path: "{names[0]}"', *(f'all_model_checkpoint_paths: "{name}"' for name in names[::-1])]
    return "\n".join(lines) + "\n"
