"""Trials of hyperparameters, chosen by the ELBO of validation data."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from rme_tf.experiments.comparisons.design import Design
from rme_tf.experiments.recipes.base import Recipe
from rme_tf.experiments.reports.trial_tables import best_trials, trial_name
from rme_tf.experiments.runs.methods import method_recipes
from rme_tf.experiments.runs.study import run_records

FIRST_SEED = 1000  # of the trials; no other run has their seeds
UNSEEN = {"test_size": 100, "importance_samples": 10}  # test bounds are not looked at


def trial_recipes(design: Design, kind: type[Recipe], base: Recipe, steps: Mapping[str, int]) -> dict[str, Recipe]:
    """Returns the recipes of all trials, by names such as "vae_trial0".

    Args:
        design: design of the comparison.
        kind: class of the recipes.
        base: recipe with the values of all other fields.
        steps: training steps of a trial by the name of the method.
    """
    fields = {
        trial_name(method, index): design.tried(method, index, length)
        for method, length in steps.items()
        for index in range(len(design.trials[design.methods[method][0]]))
    }
    sizes: dict[str, Any] = {name: min(size, getattr(base, name) or size) for name, size in UNSEEN.items()}
    base = dataclasses.replace(base, **sizes)
    return dict(method_recipes(fields, kind, base, methods=fields))


def run_trials(recipes: Mapping[str, Recipe], design: Design, *, seeds: int, **options: Any) -> dict[str, int] | None:
    """Runs the trials, and returns the best one by family.

    Args:
        recipes: recipes of the trials of the first method of each family, see `trial_recipes`.
        design: design of the comparison.
        seeds: number of seeds of a trial.
        **options: further arguments of `run_study`.

    Returns:
        chosen: number of the trial with the largest ELBO of validation data, on average over seeds; None where trials
            are left.
    """
    records = run_records(recipes, seeds=seeds, first_seed=FIRST_SEED, pages=False, **options)
    if len(records) < seeds * len(recipes):
        return None
    chosen = best_trials(records)
    return {family: chosen[design.first_of(family)] for family in design.families}
