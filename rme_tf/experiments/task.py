"""What recipes hand over: their data to a run, and what a run has come to."""

import pathlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from rme_tf.models import VAE

if TYPE_CHECKING:
    from rme_tf.experiments.recipe import Recipe


class Run(NamedTuple):
    """A finished run."""

    recipe: "Recipe"
    model: VAE
    record: dict[str, Any]
    history: dict[str, list]
    task: "Task"


class Task(NamedTuple):
    """What a recipe's data are to a run."""

    model_options: dict[str, Any]  # of `VAE.from_names`: what the data decide
    steps_per_epoch: int
    batches: Callable[[int], Any]  # epoch to begin with -> data set of training batches
    validation: Any  # data set
    evaluations: dict[str, Any]  # "test" and "train": arrays, or data sets of batches
    example: Any  # an array of observations, of which batches are cut to time inference
    callbacks: Callable[[dict], list]  # history until now -> callbacks of `fit`
    metrics: Callable[[VAE, str, Any], dict]  # model, "test" or "train", its `Bounds` -> more numbers
    facts: dict[str, Any]  # about the data, for the record
    export_options: dict[str, Any]  # of `export_saved_model`
    keep: Callable[[pathlib.Path], None]  # writes into the run's directory what belongs to the model
