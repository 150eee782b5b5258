"""Results of finished batches, in a file from which an evaluation resumes."""

import hashlib
import json
import pathlib
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from rme_tf.core.files import as_path, check_writable, replacing
from rme_tf.core.validation import require

SETTINGS, SIZES, DIGESTS = "settings", "batch_sizes", "batch_digests"  # further entries of a file

REMEDY = "Choose another file, or delete it."


class FinishedBatches:
    """Results of the first batches of an evaluation.

    With a path they are written after every batch, as one .npz file that replaces the file before it. A file of an
    earlier evaluation is read, so that its batches are not computed again.

    Args:
        path: path of the file; None keeps the results in memory alone.
        settings: everything that the results depend on except the observations, as JSON values.

    Raises:
        ValueError: if the file cannot be written, is of another kind, or has other settings.
    """

    def __init__(self, path, settings: Mapping[str, Any]):
        self.path = None if path is None else as_path(path, "path")
        self.settings = json.loads(json.dumps(settings))
        self._parts: list[dict[str, np.ndarray]] = []
        self._digests: list[str] = []
        if self.path is None:
            return
        require(not self.path.is_dir(), "path", "be a file", f"{path}, which is a directory")
        check_writable(self.path.parent, "folder of path")
        if self.path.exists():
            self._read(self.path)

    def __len__(self):
        return len(self._parts)

    def check(self, index: int, x) -> None:
        """Checks that the observations of a finished batch are these.

        Args:
            index: index of the batch.
            x: observations of the batch.

        Raises:
            ValueError: if the batch was computed for other observations.
        """
        same = self._digests[index] == digest([x])
        require(same, "path", f"have results for these observations, from batch {index} on", f"{self.path}", REMEDY)

    def check_end(self, num_batches: int) -> None:
        """Checks that there are no results of further observations.

        Args:
            num_batches: number of batches of all observations.

        Raises:
            ValueError: if the file has more batches.
        """
        received = f"{self.path}, with {len(self)} batches"
        require(len(self) <= num_batches, "path", f"have results for these {num_batches} batches", received, REMEDY)

    def unfinished(self, parts: Iterable[tuple[int, Any]]) -> Iterator[tuple[int, Any]]:
        """Yields the batches without results, which are to be added in turn.

        Args:
            parts: all batches, each with the number of its first observation.

        Raises:
            ValueError: if the results are of other observations.
        """
        num_batches = 0
        for index, (first, part) in enumerate(parts):
            num_batches = index + 1
            if index < len(self):
                self.check(index, part)
            else:
                yield first, part
        self.check_end(num_batches)

    def add(self, observations, **results) -> None:
        """Keeps the results of the next batch, and writes the file.

        Args:
            observations: observations of the batch, for later checks.
            **results: arrays by name, the same names for every batch. Shape [B, ...].
        """
        self._parts.append({name: np.asarray(value) for name, value in results.items()})
        self._digests.append(digest([observations]))
        if self.path is not None:
            self._write(self.path)

    def results(self) -> dict[str, np.ndarray]:
        """Returns the results of all batches, joined. Shape [N, ...]."""
        return {name: np.concatenate([part[name] for part in self._parts]) for name in self._parts[0]}

    def _write(self, path: pathlib.Path) -> None:
        sizes = [len(next(iter(part.values()))) for part in self._parts]
        entries = {SETTINGS: json.dumps(self.settings), SIZES: np.array(sizes), DIGESTS: np.array(self._digests)}
        with replacing(path) as partial, partial.open("wb") as file:
            np.savez(file, **entries, **self.results())  # type: ignore[arg-type]

    def _read(self, path: pathlib.Path) -> None:
        expected = "be a new file, or one of results with the settings " + json.dumps(self.settings)
        try:
            with np.load(path, allow_pickle=False) as file:
                entries = dict(file)
            settings = json.loads(str(entries.pop(SETTINGS)))
            sizes, digests = entries.pop(SIZES), entries.pop(DIGESTS)
        except (OSError, ValueError, KeyError, AttributeError, zipfile.BadZipFile) as error:
            raise ValueError(f"`path` must {expected}. Received: {path}, another file.") from error
        names = sorted({*settings, *self.settings})
        changed = [name for name in names if settings.get(name) != self.settings.get(name)]
        received = "; ".join(f"{name} {settings.get(name)!r} there" for name in changed)
        require(not changed, "path", expected, f"{path}, with {received}", REMEDY)
        self._digests = [str(value) for value in digests]
        edges = np.cumsum(sizes)[:-1]
        columns = {name: np.split(values, edges) for name, values in entries.items()}
        self._parts = [{name: parts[i] for name, parts in columns.items()} for i in range(len(sizes))]


def digest(arrays) -> str:
    """Returns a digest of the values, shapes and types of arrays.

    Args:
        arrays: NumPy arrays or tensors.
    """
    total = hashlib.sha256()
    for array in arrays:
        array = np.ascontiguousarray(array)
        total.update(f"{array.dtype.str}{array.shape}".encode())
        total.update(array.tobytes())
    return total.hexdigest()


def digest_of_weights(model) -> str:
    """Returns a digest of all weights of a model."""
    return digest(np.asarray(weight.value) for weight in model.weights)
