"""Files and folders on a command line, looked for before any work."""

import argparse
import difflib
import os
import pathlib

CONFIG = "config.yaml"
RUNS = "runs"  # folder of runs, unless `--out` is another one


def run_folder(word: str) -> str:
    """Returns the folder of a run.

    Raises:
        ArgumentTypeError: if the folder has no run; the message names a run of a similar name.
    """
    folder = pathlib.Path(word)
    if (folder / CONFIG).is_file():
        return word
    known = sorted({path.parent.as_posix() for base in (folder.parent, RUNS) for path in _configs(base)})
    meant = difflib.get_close_matches(folder.as_posix(), known, n=1)
    hint = f" Did you mean {meant[0]!r}?" if meant else f" Runs here: {', '.join(known)}." if known else ""
    raise argparse.ArgumentTypeError(f"Expected the folder of a run, with {CONFIG}. Received: {word!r}.{hint}")


def _configs(base) -> list[pathlib.Path]:
    """Returns the configurations of the runs in a folder, and in the folders in it."""
    folder = pathlib.Path(base)
    return [*folder.glob(f"*/{CONFIG}"), *folder.glob(f"*/*/{CONFIG}")]


def existing(word: str) -> str:
    """Returns the path of a file or folder that is there.

    Raises:
        ArgumentTypeError: if there is none; the message has a similar name in its folder.
    """
    if os.path.lexists(word.partition("#sha256=")[0]) or "://" in word:
        return word
    path = pathlib.Path(word)
    names = os.listdir(path.parent) if path.parent.is_dir() else []
    meant = difflib.get_close_matches(path.name, names, n=1)
    hint = f" Did you mean {str(path.parent / meant[0])!r}?" if meant else ""
    raise argparse.ArgumentTypeError(f"Expected a file or folder that is there. Received: {word!r}.{hint}")
