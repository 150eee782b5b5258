"""Studies at equal time, with contrasts fixed before the runs."""

import dataclasses
from collections.abc import Mapping, Sequence

from rme_tf.core.validation import check_counts
from rme_tf.experiments.recipes.base import Recipe
from rme_tf.experiments.reports.contrasts import Contrast, write_contrasts
from rme_tf.experiments.runs.budget_plan import budget_plan
from rme_tf.experiments.runs.study import run_records


def run_at_equal_time(
    methods: Mapping[str, Recipe], contrasts: Sequence[Contrast], *, steps: int, out: str, **options
) -> None:
    """Runs methods for the same time, and writes their contrasts.

    The first command measures the costs of the methods' steps, one after another on one core, and writes them into
    `out`/plan.json with the contrasts and the number of steps of each method. Later commands resume that plan. At the
    end `out` gets contrasts.md and contrasts.png.

    Args:
        methods: recipes by the name of the method, see `run_study`.
        contrasts: pairs of methods whose difference is reported, the second one subtracted. Pairs of other methods are
            left out.
        steps: training steps of the first method. The others get steps in inverse proportion to their cost.
        out: directory of the runs, the plan and the contrasts.
        **options: further arguments of `run_study`.

    Raises:
        ValueError: before any run, if the plan in `out` has other contrasts, methods or steps of the first method, or
            `run_study` refuses an argument.
    """
    check_counts(steps=steps)
    contrasts = [contrast for contrast in contrasts if methods.keys() >= set(contrast)]
    plan = budget_plan(methods, steps, out, {"contrasts": [list(contrast) for contrast in contrasts]})
    budgets = {name: dataclasses.replace(recipe, train_steps=plan["steps"][name]) for name, recipe in methods.items()}
    records = run_records(budgets, out=out, **options)
    write_contrasts(records, contrasts, out)
