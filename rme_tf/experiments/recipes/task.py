"""Tasks: the data, model options and metrics of a recipe."""

import pathlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from rme_tf.models.vae import VAE


class Task(NamedTuple):
    """Data, model options and metrics of a recipe."""

    model_options: dict[str, Any]  # of `VAE.from_names`: those that the data decide
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
    show: Callable[[Mapping[str, Any], pathlib.Path], Any]  # finished runs by name, directory -> figures or samples
