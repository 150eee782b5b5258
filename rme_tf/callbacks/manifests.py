"""Manifests of checkpoints: further state of a training, and checksums."""

import hashlib
import json
import pathlib
from typing import Any, NamedTuple

from rme_tf.core.files import read_json, write_json
from rme_tf.version import __version__

FORMAT = 2  # checkpoints of format 1 have no manifest
SUFFIX = ".json"


class DamagedError(ValueError):
    """A checkpoint that cannot be used; the message is the reason."""


class Position(NamedTuple):
    """Place of a checkpoint in a training."""

    epoch: int  # number of completed epochs
    step: int = 0  # number of steps of the epoch after them

    @property
    def name(self) -> str:
        """Name of the checkpoint's files, without a suffix."""
        return f"ckpt-{self.epoch}-{self.step}" if self.step else f"ckpt-{self.epoch}"

    @property
    def words(self) -> str:
        """The place in words."""
        return f"step {self.step} of epoch {self.epoch + 1}" if self.step else f"epoch {self.epoch}"


class Manifest(NamedTuple):
    """State of a training in addition to its variables.

    Args:
        position: place in the training.
        history: dict of lists with one value a completed epoch; None for values that are not finite.
        means: values of the running means of the broken epoch, lists by name; empty after a whole epoch.
        seconds: seconds of the broken epoch.
        callbacks: states of callbacks by name, JSON values.
        stopped: whether a callback had ended the training.
    """

    position: Position
    history: dict[str, list]
    means: dict[str, list]
    seconds: float
    callbacks: dict[str, Any]
    stopped: bool


def write_manifest(directory: pathlib.Path, manifest: Manifest) -> None:
    """Writes the manifest of a checkpoint, with the checksums of its files.

    Args:
        directory: directory of the files.
        manifest: state of the training.
    """
    name = manifest.position.name
    files = {path.name: _sha256(path) for path in sorted(directory.glob(f"{name}.*")) if path.suffix != SUFFIX}
    content = {"format": FORMAT, "version": __version__, **manifest._asdict(), "files": files}
    content["position"] = list(manifest.position)
    write_json(directory / f"{name}{SUFFIX}", {**content, "sha256": _digest(content)})


def read_manifest(path: pathlib.Path) -> Manifest:
    """Returns the manifest in a file, after a check of all checksums.

    Args:
        path: path of the manifest, in the folder of its checkpoint.

    Raises:
        DamagedError: if the manifest or a file of the checkpoint is missing or has changed.
        ValueError: if a later version wrote the manifest.
    """
    if not path.exists():
        raise DamagedError(f"{path.name} is missing")
    try:
        content = read_json(path)
        version, written = content["format"], content.pop("sha256")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise DamagedError(f"{path.name} is damaged") from None
    if isinstance(version, int) and version > FORMAT:
        raise ValueError(
            f"Expected a checkpoint in format {FORMAT} at most. Received: {path} in format {version}, which rme_tf "
            f"{content.get('version')} wrote. Update rme_tf."
        )
    if written != _digest(content):
        raise DamagedError(f"{path.name} is damaged")
    for name, checksum in content["files"].items():
        _check_file(path.with_name(name), checksum)
    state = {name: content[name] for name in Manifest._fields}
    return Manifest(**{**state, "position": Position(*content["position"])})


def _check_file(path: pathlib.Path, checksum: str) -> None:
    """Raises DamagedError unless a file is there and has a checksum."""
    try:
        if _sha256(path) != checksum:
            raise DamagedError(f"{path.name} is damaged")
    except FileNotFoundError:
        raise DamagedError(f"{path.name} is missing") from None
    except OSError as error:
        raise DamagedError(f"{path.name} cannot be read ({error.strerror})") from None


def _sha256(path: pathlib.Path) -> str:
    """Returns the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest(content: dict) -> str:
    """Returns the SHA-256 of JSON values; numbers that are not finite count as null, as they are written."""
    finite = json.loads(json.dumps(content), parse_constant=lambda _: None)
    return hashlib.sha256(json.dumps(finite, sort_keys=True).encode()).hexdigest()
