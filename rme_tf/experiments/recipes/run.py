"""Finished runs of recipes."""

from typing import Any, NamedTuple

from rme_tf.experiments.recipes.base import Recipe
from rme_tf.experiments.recipes.task import Task
from rme_tf.models.vae import VAE


class Run(NamedTuple):
    """A finished run."""

    recipe: Recipe
    model: VAE
    record: dict[str, Any]
    history: dict[str, list]
    task: Task
