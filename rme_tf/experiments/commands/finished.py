"""Finished and interrupted runs, read from their directory."""

import dataclasses
import pathlib
from typing import Any

from rme_tf.experiments.commands.kinds import Kind, kind_of
from rme_tf.experiments.recipes.base import Recipe
from rme_tf.experiments.reports.run_files import MODEL, check_finished
from rme_tf.experiments.runs.run_folder import CONFIG, describes_run, read_config
from rme_tf.models import model_files
from rme_tf.models.vae import VAE


def recipe_of(run, *, data_dir: str | None = None, path: str | None = None) -> tuple[Kind, Recipe]:
    """Returns the kind of data and the recipe of a run.

    Args:
        run: directory of the run, which may have been moved.
        data_dir: directory of data sets; None for the one in the configuration.
        path: path of the data, which may have been moved; None for the one in the configuration.

    Raises:
        ValueError: if the directory has no configuration of a run.
    """
    config = read_config(pathlib.Path(run))
    if not describes_run(config):
        raise ValueError(f"Expected the folder of a run, with {CONFIG}. Received: {run}.")
    kind = kind_of(config)
    changes: dict[str, Any] = {"out": str(run), "overwrite": False}
    changes |= {} if data_dir is None else {"data_dir": data_dir}
    changes |= {} if path is None else {kind.path: path}
    return kind, dataclasses.replace(kind.recipe.of_config(config), **changes)


def load_model(run) -> VAE:
    """Returns the trained model of a finished run, without its optimizer.

    Raises:
        ValueError: if the run has not been finished, or its model is damaged.
    """
    check_finished(run, MODEL)
    return model_files.load_model(pathlib.Path(run) / MODEL, compile=False)
