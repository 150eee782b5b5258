"""Tasks: the data, model options and metrics of a recipe."""

import pathlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from rme_tf.data import RowLabels
from rme_tf.models.vae import VAE


class Task(NamedTuple):
    """Data, model options and metrics of a recipe."""

    model_options: dict[str, Any]  # arguments of `VAE.from_names` that depend on the data
    steps_per_epoch: int
    batches: Callable[[int], Any]  # first epoch -> data set of training batches
    validation: Any  # data set
    evaluations: dict[str, Any]  # "test" and "train": arrays, or data sets of batches
    example: Any  # array of observations, for batches to time inference
    callbacks: Callable[[dict], list]  # history of earlier epochs -> callbacks of `fit`
    metrics: Callable[[VAE, str, Any], dict]  # model, "test" or "train", its `Bounds` -> further metrics
    facts: dict[str, Any]  # about the data, for the record
    export_options: dict[str, Any]  # of `export_saved_model`
    keep: Callable[[pathlib.Path], None]  # writes further files of the model into the run's directory
    show: Callable[[Mapping[str, Any], pathlib.Path], Any]  # finished runs by name, directory -> figures or samples
    labels: RowLabels | None = None  # of `example`; None without labels
    describe: Callable[[Any], list[str]] | None = None  # observations -> texts, for observations that are no images
