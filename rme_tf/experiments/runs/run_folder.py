"""The directory of a run: which of its files a run writes, and so may delete."""

import itertools
import os
import pathlib
import re
from typing import NamedTuple

import yaml

CONFIG = "config.yaml"
# Fields that every recipe has had, and that another program's configuration has not.
FIELDS = frozenset({"algorithm", "components", "epochs", "latent_dim", "out", "seed"})

_SHARD = r"(index|data-\d{5}-of-\d{5})"
_CHECKPOINT = rf"(checkpoint|ckpt-\d+\.{_SHARD}|ckpt-\d+_temp/part-\d{{5}}-of-\d{{5}}\.{_SHARD})(\.tmp\w+)?"
_FIGURES = r"(component_usage_[^/]+|diagnostics|learning_curves|posteriors|reconstructions|samples_[^/]+)\.png"
# Paths relative to the directory: of the files of `run`, and of those that `compare` adds.
_FILES = re.compile(
    rf"""config\.yaml(\.partial)? | metrics\.json(\.partial)? | model\.keras | tokenizer\.model
    | (checkpoints|best)/{_CHECKPOINT} | checkpoints/history\.json(\.partial)?
    | tensorboard/(train|validation)/events\.out\.tfevents\.[^/]+
    | {_FIGURES} | sentences\.txt | results/[^/]+\.json(\.partial)?
    | saved_model/((saved_model|fingerprint)\.pb | variables/variables\.{_SHARD} | assets\.extra/tokenizer\.model)""",
    re.VERBOSE,
)
_FOLDERS = re.compile(
    r"""(checkpoints|best)(/ckpt-\d+_temp)? | tensorboard(/(train|validation))? | results
    | saved_model(/(variables|assets|assets\.extra))?""",
    re.VERBOSE,
)
_NAMED = 5  # foreign files in a message


class Contents(NamedTuple):
    """The paths in a run's directory, relative to it; a folder comes before what is in it."""

    files: list[str]  # that runs write
    folders: list[str]  # that runs make
    foreign: list[str]  # anything else; links, which runs do not make, and folders are not followed


def describes_run(values) -> bool:
    """Returns whether what a YAML file holds is the configuration of a run."""
    return isinstance(values, dict) and values.keys() >= FIELDS


def read_config(out: pathlib.Path):
    """Returns what the run's config.yaml holds; None where it is no YAML, or not there."""
    try:
        return yaml.safe_load((out / CONFIG).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return None


def contents(out: pathlib.Path) -> Contents:
    """Returns what there is in a directory."""
    found = Contents([], [], [])
    for parent, folders, files in os.walk(out):
        within = pathlib.Path(parent).relative_to(out)
        for names, pattern, ours in ((files, _FILES, found.files), (folders, _FOLDERS, found.folders)):
            for name in sorted(names):
                path = (within / name).as_posix()
                known = pattern.fullmatch(path) and not (out / path).is_symlink()
                (ours if known else found.foreign).append(path)
        folders[:] = [name for name in sorted(folders) if (within / name).as_posix() in found.folders]
    return found


def refuse_foreign(out: pathlib.Path) -> None:
    """Raises ValueError if `overwrite` would delete more than a run: unless the directory is one, or empty."""
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
    """Deletes the files of a run, its configuration last: what is interrupted can be done again.

    Raises:
        ValueError: as `refuse_foreign` does, before anything is deleted.
    """
    refuse_foreign(out)
    files, folders, _ = contents(out)
    for name in sorted(files, key=lambda name: (name == CONFIG, name != "metrics.json")):
        (out / name).unlink()
    for name in reversed(folders):
        (out / name).rmdir()
