"""Evaluation of trained models of recipes."""

import pathlib
from typing import Any

import numpy as np

from rme_tf.core.files import replacing
from rme_tf.core.printing import print_line
from rme_tf.evaluation import likelihood_bounds
from rme_tf.experiments.recipes.base import EVALUATION_SEED, Recipe
from rme_tf.experiments.recipes.task import Task
from rme_tf.experiments.reports.run_files import BOUNDS
from rme_tf.models.vae import VAE


def assess(recipe: Recipe, model: VAE, task: Task, out: pathlib.Path | None = None) -> dict:
    """Returns the metrics of a trained model: summaries and parameter counts.

    Args:
        recipe: resolved recipe.
        model: trained model.
        task: data of the run.
        out: directory for the bounds of each observation, in nats; None keeps none.
    """
    metrics: dict[str, Any] = {}
    of_each: dict[str, np.ndarray] = {}
    for split, x in task.evaluations.items():
        print_line(f"Estimating log p(x) of the {split} set by {recipe.importance_samples:,} samples ...")
        bounds = likelihood_bounds.bounds(model, x, num_samples=recipe.importance_samples, seed=EVALUATION_SEED)
        of_each |= {f"{split}_{name}": getattr(bounds, name) for name in ("elbo", "log_likelihood")}
        metrics[split] = {
            **likelihood_bounds.summarize(model, x, bounds),
            **task.metrics(model, split, bounds),
            "num_observations": len(bounds.elbo),
        }
    if out is not None:
        with replacing(out / BOUNDS) as partial, partial.open("wb") as file:
            np.savez_compressed(file, **of_each)  # type: ignore[arg-type]
    if recipe.more_importance_samples is not None:
        metrics["test"].update(assess_again(recipe.more_importance_samples, model, task))
    trainable, generative = (
        sum(variable.value.shape.num_elements() for variable in variables)
        for variables in (model.trainable_variables, model.generative_variables)
    )
    metrics["inference_parameters"] = trainable - generative
    metrics["generative_parameters"] = generative
    return metrics


def assess_again(num_samples: int, model: VAE, task: Task) -> dict[str, float]:
    """Returns the test log-likelihood for a number of importance samples.

    Args:
        num_samples: number of importance samples, which is part of the names in the result.
        model: trained model.
        task: data of the run.
    """
    print_line(f"Estimating log p(x) of the test set by {num_samples:,} samples ...")
    estimate = likelihood_bounds.log_likelihood(
        model, task.evaluations["test"], num_samples=num_samples, seed=EVALUATION_SEED
    )
    name = f"log_likelihood_{num_samples}"
    return {name: estimate.mean, f"{name}_standard_error": estimate.standard_error}
