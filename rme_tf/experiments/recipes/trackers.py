"""Trackers of a run: TensorBoard, MLflow, Weights & Biases."""

import pathlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from rme_tf.callbacks.mlflow_logger import MLflowLogger
from rme_tf.callbacks.showcase import Showcase
from rme_tf.callbacks.tensorboard_logger import TensorBoardLogger
from rme_tf.callbacks.wandb_logger import WandbLogger
from rme_tf.experiments.recipes.task import Task

PROJECT = "rme_tf"


def trackers(names: Iterable[str], task: Task, out: pathlib.Path, config: Mapping[str, Any], history) -> list:
    """Returns callbacks that log a run; a resumed run continues its logs.

    Args:
        names: names in `TRACKERS`.
        task: data of the run.
        out: directory of the run.
        config: fields of the recipe.
        history: dict of lists of the earlier epochs.

    Raises:
        ImportError: if the package of a tracker is missing.
    """
    tokenizer = task.export_options.get("tokenizer")
    sentences: dict[str, Any] = {}
    if tokenizer is not None:
        sentences = {"to_text": tokenizer.decode, "choices": {"max_length": task.export_options["max_length"]}}
    showcase = Showcase(task.example, **sentences)
    options = {"params": config, "directory": out, "history": history}
    return [TRACKERS[name](showcase, task, out, options) for name in dict.fromkeys(names)]


def _tensorboard(showcase, task, out, options):
    del options
    labels = None
    if task.labels is not None:
        labels = [task.labels.names[label] if label >= 0 else "" for label in task.labels.values]
    return TensorBoardLogger(out / "tensorboard", task.example, labels=labels, showcase=showcase)


def _mlflow(showcase, task, out, options):
    del task
    return MLflowLogger(showcase, experiment=PROJECT, run_name=out.name, **options)


def _wandb(showcase, task, out, options):
    del task
    return WandbLogger(showcase, project=PROJECT, name=out.name, **options)


TRACKERS: dict[str, Callable] = {"mlflow": _mlflow, "tensorboard": _tensorboard, "wandb": _wandb}
