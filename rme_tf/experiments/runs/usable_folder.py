"""Refusal of folders that a run cannot use."""

import pathlib
from collections.abc import Iterable, Mapping

from rme_tf.core.files import check_writable
from rme_tf.core.writers import LOCK, FolderLock
from rme_tf.experiments.recipes.base import Recipe
from rme_tf.experiments.reports.run_files import RECORD
from rme_tf.experiments.runs.longer_training import check_longer, is_longer
from rme_tf.experiments.runs.run_folder import CONFIG, describes_run, read_config, refuse_foreign

SHOWN = 3  # fields that a message names


class OtherRunError(ValueError):
    """The refusal of a folder with a run of another configuration.

    Args:
        out: folder of the run.
        changed: pairs (value there, value now) by dotted field.
    """

    def __init__(self, out: pathlib.Path, changed: Mapping[str, tuple]):
        self.out, self.changed = out, dict(changed)
        super().__init__(self._message(self.changed, "", "Choose another `out`, or pass `overwrite`."))

    def in_flags(self, words: Iterable[str]) -> str:
        """Returns the message for a command line.

        It names fields that flags set, or else the first ones.

        Args:
            words: words of the command line.
        """
        flags = {word.partition("=")[0][2:].replace("-", "_") for word in words if word.startswith("--")}
        chosen = {name: pair for name, pair in self.changed.items() if _is_set(name, flags)}
        fields = {name.replace("_", "-"): pair for name, pair in (chosen or self.changed).items()}
        return self._message(fields, "--", "Choose another --out, or pass --overwrite to delete that run.")

    def _message(self, fields: Mapping[str, tuple], prefix: str, remedy: str) -> str:
        """Returns the message that names the first fields."""
        first = sorted(fields, key=lambda name: name != "smoke")[:SHOWN]
        shown = "; ".join(f"{prefix}{name}: {fields[name][0]!r} there, {fields[name][1]!r} now" for name in first)
        others = len(self.changed) - len(first)
        more = f"; and {others} more" if others else ""
        return f"{self.out} holds a run with another configuration ({shown}{more}). {remedy}"


def _is_set(name: str, flags: Iterable[str]) -> bool:
    """Returns whether a flag sets a dotted field, by its whole name, its choice or its last part."""
    return any(name == flag or name.startswith(f"{flag}.") or name.endswith(f".{flag}") for flag in flags)


def refuse_unusable(recipe: Recipe, out: pathlib.Path) -> None:
    """Checks that a recipe can use the directory `out`.

    Args:
        recipe: recipe to run.
        out: directory of the run.

    Raises:
        ValueError: if the directory cannot be written, or has other files or a run with another configuration.
    """
    if not is_finished(recipe, out):  # a finished run is only read
        check_writable(out, "out")
    if recipe.overwrite:
        refuse_foreign(out)
        return
    changed = differences_from(recipe, out)
    if is_longer(changed):
        check_longer(recipe, out, changed)
    elif changed:
        raise OtherRunError(out, changed)


def refuse_writer(recipe: Recipe, out: pathlib.Path) -> None:
    """Checks that no other process writes into the directory `out`.

    A finished run is only read.

    Args:
        recipe: recipe to run.
        out: directory of the run.

    Raises:
        ValueError: if another process has the lock; the message names the machine and the process.
    """
    if not is_finished(recipe, out):
        FolderLock(out / LOCK, str(out)).check()


def is_finished(recipe: Recipe, out: pathlib.Path) -> bool:
    """Returns whether a directory has the finished run of a recipe.

    Args:
        recipe: recipe to run.
        out: directory of the run.
    """
    return (out / RECORD).exists() and not recipe.overwrite and not is_longer(differences_from(recipe, out))


def differences_from(recipe: Recipe, out: pathlib.Path) -> dict[str, tuple]:
    """Returns the differences from the run in a directory, by dotted field.

    A difference is the pair (value there, value now).

    Raises:
        ValueError: if the directory has a configuration that does not describe a run.
    """
    config = out / CONFIG
    if not config.exists():
        return {}
    before = read_config(out)
    if not describes_run(before):
        raise ValueError(f"{config} does not describe a run. Choose another `out`.")
    return recipe.differences(before)
