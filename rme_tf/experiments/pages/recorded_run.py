"""Runs read from their directories, with or without model and data."""

import dataclasses
import pathlib
import warnings
from typing import Any, NamedTuple

from rme_tf.core.files import read_json
from rme_tf.experiments.pages.diagnosis import with_diagnosis
from rme_tf.experiments.recipes.base import Recipe
from rme_tf.experiments.recipes.run import Run
from rme_tf.experiments.reports.run_files import (
    CONFIG,
    HISTORY,
    MODEL,
    check_finished,
    describes_run,
    read_config,
    read_record,
)
from rme_tf.models.model_files import load_model


class Files(NamedTuple):
    """Contents of the files of a finished run."""

    folder: pathlib.Path
    config: dict[str, Any]
    record: dict[str, Any]
    history: dict[str, list]


def read_files(folder) -> Files:
    """Returns the `Files` of a finished run.

    Args:
        folder: directory of the run.

    Raises:
        ValueError: if the directory has no finished run.
    """
    folder = pathlib.Path(folder)
    config = read_config(folder)
    if not describes_run(config):
        raise ValueError(f"Expected the folder of a run, with {CONFIG}. Received: {folder}.")
    check_finished(folder)
    history = folder / HISTORY
    record = with_diagnosis(folder, read_record(folder))
    return Files(folder, config, record, read_json(history) if history.is_file() else {})


def recipe_kind(config) -> type[Recipe]:
    """Returns the class of recipes with most fields of a configuration.

    Args:
        config: configuration in the folder of a run.
    """

    def fields_in_common(kind: type[Recipe]) -> int:
        """Returns the number of fields that the class has and `Recipe` has not."""
        names = {field.name for field in dataclasses.fields(kind)}
        return len((names - {field.name for field in dataclasses.fields(Recipe)}) & config.keys())

    return max(subclasses(Recipe), key=fields_in_common)


def subclasses(kind: type[Recipe]) -> list[type[Recipe]]:
    """Returns all classes derived from a class of recipes."""
    return [other for direct in kind.__subclasses__() for other in (direct, *subclasses(direct))]


def recipe_of(files: Files, **changes) -> Recipe:
    """Returns the recipe of a run, in its present directory.

    Args:
        files: files of the run.
        **changes: fields with other values, such as a `data_dir` that has been moved.
    """
    recipe = recipe_kind(files.config).of_config(files.config)
    return dataclasses.replace(recipe, out=str(files.folder), overwrite=False, **changes)


def run_of(files: Files, **changes) -> Run:
    """Returns a finished run with its model and its data.

    Args:
        files: files of the run.
        **changes: fields of the recipe with other values.

    Raises:
        ValueError: if the data are not available.
        OSError: if the model cannot be read.
    """
    recipe = recipe_of(files, **changes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # about the data, which the run has reported
        task = recipe.load()
    model = load_model(files.folder / MODEL, compile=False)
    return Run(recipe, model, files.record, files.history, task)
