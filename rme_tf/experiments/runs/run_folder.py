"""Files in the directory of a run, and their deletion."""

import itertools
import os
import pathlib
import re
from typing import NamedTuple

from rme_tf.core.writers import LOCK
from rme_tf.experiments.reports.run_files import BOUNDS, CONFIG, FIELDS, describes_run, read_config

__all__ = [
    "BOUNDS",
    "CONFIG",
    "FIELDS",
    "Contents",
    "contents",
    "delete_run",
    "describes_run",
    "read_config",
    "refuse_foreign",
]

_SHARD = r"(index|data-\d{5}-of-\d{5})"
_NAME = r"ckpt-\d+(-\d+)?"
_PARTS = rf"{_NAME}\.({_SHARD}|json(\.partial)?)|{_NAME}_temp/part-\d{{5}}-of-\d{{5}}\.{_SHARD}"
_CHECKPOINT = rf"(checkpoint(\.partial)?|({_NAME}\.partial/)?({_PARTS}))(\.tmp\w+)?"
_FIGURES = (
    r"(codes_[^/]+|component_usage_[^/]+|diagnostics|learning_curves|posteriors|reconstructions|samples_[^/]+)\.png"
)
# Relative paths of the files of `run`, and of the files that `compare` adds.
_FILES = re.compile(
    rf"""config\.yaml(\.partial)? | (command|diagnosed|metrics)\.json(\.partial)? | bounds\.npz(\.partial)?
    | model\.(partial\.)?keras | tokenizer\.model | (report|comparison)\.html(\.partial)?
    | encoding\.json | (completed|imputed|samples)(_[^/]+)?\.csv
    | (checkpoints|best)/{_CHECKPOINT} | checkpoints/history\.json(\.partial)? | (checkpoints/)?writer\.lock(\.\w+)?
    | tensorboard/(train|validation|samples)/events\.out\.tfevents\.[^/]+ | (mlflow|wandb)_run\.json(\.partial)?
    | tensorboard/codes/((codes|labels)\.tsv | sprite\.png | projector_config\.pbtxt)
    | samples/((grid|\d+)\.png|samples\.csv|sentences\.txt) | encode\.(onnx|tflite)
    | instruments/(gaps|decoder|components|proposal|modes)_(test|train)\.npz(\.partial)?
    | {_FIGURES} | sentences\.txt | results/[^/]+\.json(\.partial)?
    | saved_model/((saved_model|fingerprint)\.pb | variables/variables\.{_SHARD} | assets\.extra/tokenizer\.model)""",
    re.VERBOSE,
)
_FOLDERS = re.compile(
    rf"""(checkpoints|best)(/{_NAME}\.partial)?(/{_NAME}_temp)? | tensorboard(/(train|validation|samples|codes))?
    | results | samples | instruments | saved_model(/(variables|assets|assets\.extra))?""",
    re.VERBOSE,
)
_NAMED = 5  # foreign files named in a message


class Contents(NamedTuple):
    """Relative paths in a run's directory; a folder precedes its contents."""

    files: list[str]  # written by runs
    folders: list[str]  # created by runs
    foreign: list[str]  # all other paths; foreign folders and links, which runs do not create, are not followed


def contents(out: pathlib.Path) -> Contents:
    """Returns the `Contents` of a directory."""
    paths = Contents([], [], [])
    for parent, folders, files in os.walk(out):
        within = pathlib.Path(parent).relative_to(out)
        for names, pattern, ours in ((files, _FILES, paths.files), (folders, _FOLDERS, paths.folders)):
            for name in sorted(names):
                path = (within / name).as_posix()
                known = pattern.fullmatch(path) and not (out / path).is_symlink()
                (ours if known else paths.foreign).append(path)
        folders[:] = [name for name in sorted(folders) if (within / name).as_posix() in paths.folders]
    return paths


def refuse_foreign(out: pathlib.Path) -> None:
    """Checks that `overwrite` would delete only the files of a run.

    Raises:
        ValueError: if the directory is not empty and not a run, or has foreign files.
    """
    if not out.is_dir() or not any(out.iterdir()):
        return
    if not describes_run(read_config(out)):
        raise ValueError(
            f"`overwrite` deletes runs only. Received: {out}, which holds no {CONFIG} of a run. Choose another `out`."
        )
    foreign = contents(out).foreign
    if foreign:
        named = ", ".join(itertools.islice(foreign, _NAMED))
        more = f" and {len(foreign) - _NAMED:,} more" if len(foreign) > _NAMED else ""
        raise ValueError(
            f"`overwrite` deletes runs only, and {out} holds what no run has written: {named}{more}. "
            "Move that elsewhere, or choose another `out`."
        )


def delete_run(out: pathlib.Path) -> None:
    """Deletes the files of a run, except the lock of its writer.

    The configuration is deleted last, so that an interrupted deletion can be repeated.

    Raises:
        ValueError: if the directory has foreign files, before any deletion.
    """
    refuse_foreign(out)
    files, folders, _ = contents(out)
    for name in sorted(files, key=lambda name: (name == CONFIG, name != "metrics.json")):
        if name != LOCK:
            (out / name).unlink()
    for name in reversed(folders):
        (out / name).rmdir()
