"""More epochs for a run that is there."""

import pathlib
from collections.abc import Mapping

from rme_tf.experiments.recipes.base import Recipe
from rme_tf.experiments.reports.run_files import BOUNDS, MODEL, RECORD, REPORT


def is_longer(changed: Mapping[str, tuple]) -> bool:
    """Returns whether more epochs are the only difference from a recorded run.

    Args:
        changed: pairs (value there, value now) by dotted field.
    """
    return changed.keys() == {"epochs"} and changed["epochs"][0] < changed["epochs"][1]


def check_longer(recipe: Recipe, out: pathlib.Path, changed: Mapping[str, tuple]) -> None:
    """Checks that more epochs leave the earlier ones unchanged.

    Args:
        recipe: recipe with more epochs.
        out: directory of the run.
        changed: pairs (value there, value now) by dotted field.

    Raises:
        ValueError: if earlier epochs depend on the number of all.
    """
    before, now = changed["epochs"]
    reasons = {
        "its learning rate falls along a cosine to 0 at the last epoch, so every epoch would differ": (
            recipe.schedule == "cosine"
        ),
        "with `restore_best` the best weights are put back after the last epoch": recipe.restore_best,
    }
    for reason, holds in reasons.items():
        if holds:
            raise ValueError(
                f"{out} holds a run of {before} epochs that cannot get {now}: {reason}. Choose another `out`."
            )


def reopen(out: pathlib.Path) -> None:
    """Deletes the results of a finished run, which then is unfinished.

    Args:
        out: directory of the run.
    """
    for name in (RECORD, MODEL, BOUNDS, REPORT):  # the record first: without it a run is not finished
        (out / name).unlink(missing_ok=True)
