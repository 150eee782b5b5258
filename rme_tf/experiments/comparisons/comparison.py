"""Comparison of methods by a design, from costs to contrasts."""

import functools
from collections.abc import Mapping
from typing import Any

from rme_tf.core.files import check_writable
from rme_tf.core.validation import check_counts
from rme_tf.experiments.comparisons.design import Design
from rme_tf.experiments.comparisons.trials import run_trials, trial_recipes
from rme_tf.experiments.recipes.base import Recipe
from rme_tf.experiments.recipes.growth import check_growth
from rme_tf.experiments.reports.contrasts import write_contrasts
from rme_tf.experiments.reports.image_values import add_values
from rme_tf.experiments.reports.planned_contrasts import planned_text
from rme_tf.experiments.runs.budget_plan import budget_plan
from rme_tf.experiments.runs.methods import method_recipes
from rme_tf.experiments.runs.study import run_records

TRIALS = "trials"


def run_design(design: Design, kind: type[Recipe], study: Any) -> None:
    """Runs a comparison by its design, and writes its contrasts.

    The first command measures the costs of the methods' steps, and writes them into `out`/plan.json with the design.
    Trials choose the hyperparameters of each family on validation data. Then all methods run under every seed. The
    same command resumes. At the end, `out` gets contrasts.md and contrasts.png, and the folder of the records the
    bounds of each test observation, averaged over seeds.

    Args:
        design: design of the comparison.
        kind: class of the recipes.
        study: recipe with `ComparisonFields`, whose other fields apply to all methods.

    Raises:
        ValueError: before any run, if the plan in `out` is of another design, or `run_study` refuses an argument.
    """
    check_counts(steps=study.steps, trial_steps=study.trial_steps, trial_seeds=study.trial_seeds)
    folders = study.folders()
    for name, folder in folders.items():
        check_writable(folder, name)
    check_growth(trial_recipes(design, kind, study, dict.fromkeys(design.methods, study.steps)))
    fields = {name: design.fields(name) for name in design.methods}
    timed = method_recipes(design.timed, kind, study, methods=fields)
    plan = budget_plan(timed, study.steps, folders["out"], {**design.plan, **study.of_trials}, design.equal_steps)
    chosen = _chosen(design, kind, study, plan["steps"])
    if chosen is None:
        return
    fields = {
        name: design.tried(name, chosen[family], plan["steps"][name]) for name, (family, _) in design.methods.items()
    }
    recipes = method_recipes(design.methods, kind, study, methods=fields)
    records = run_records(recipes, seeds=study.seeds, processes=study.processes, pages=False, **folders)
    images = add_values(folders["results"], records, folders["out"])
    write_contrasts(records, design.contrasts, folders["out"], functools.partial(planned_text, images=images))


def _chosen(design: Design, kind: type[Recipe], study: Any, steps: Mapping[str, int]) -> dict[str, int] | None:
    """Runs the trials, and returns the number of the best one by family; None where trials are left."""
    share = study.trial_steps / study.steps
    tried = map(design.first_of, design.families)
    lengths = {method: max(1, round(share * steps[method])) for method in tried}
    trials = trial_recipes(design, kind, study, lengths)
    folders = {name: f"{folder}_{TRIALS}" for name, folder in study.folders().items()}
    return run_trials(trials, design, seeds=study.trial_seeds, processes=study.processes, **folders)
