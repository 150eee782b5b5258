"""Files and folders on a command line, looked for before any work."""

import argparse
import difflib
import os
import pathlib

CONFIG, METRICS = "config.yaml", "metrics.json"
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


def finished_run(word: str) -> str:
    """Returns the folder of a finished run.

    Raises:
        ArgumentTypeError: if the folder has no run, or one that was interrupted.
    """
    _refuse_unfinished(run_folder(word))
    return word


def finished_runs(word: str) -> str:
    """Returns the path of a finished run, or of records.

    Raises:
        ArgumentTypeError: if there is none, or a run that was interrupted.
    """
    _refuse_unfinished(existing(word))
    return word


def _refuse_unfinished(word: str) -> None:
    """Raises ArgumentTypeError for a run without the numbers at its end."""
    folder = pathlib.Path(word)
    if (folder / CONFIG).is_file() and not (folder / METRICS).is_file():
        raise argparse.ArgumentTypeError(
            f"Expected a finished run, with {METRICS}. Received: {word!r}, which was interrupted. "
            f"To finish it: rme resume {word}"
        )


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
