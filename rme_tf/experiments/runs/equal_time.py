"""Studies at equal time, with contrasts fixed before the runs."""

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from rme_tf.core.files import read_json, write_json
from rme_tf.core.provenance import commit, hardware
from rme_tf.core.validation import check_counts
from rme_tf.experiments.recipes.base import Recipe
from rme_tf.experiments.reports.contrasts import Contrast, contrast_text, draw_contrasts
from rme_tf.experiments.runs.step_costs import step_costs
from rme_tf.experiments.runs.study import run_records
from rme_tf.experiments.runs.worker_processes import run_apart

PLAN = "plan.json"


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
    plan = _plan(methods, contrasts, steps, pathlib.Path(out) / PLAN)
    budgets = {name: dataclasses.replace(recipe, train_steps=plan["steps"][name]) for name, recipe in methods.items()}
    records = run_records(budgets, out=out, **options)
    finished = {record["method"] for record in records}
    shown = [contrast for contrast in contrasts if finished.issuperset(contrast)]
    if not shown:
        print("\nNothing to compare yet: no contrast has finished runs of both methods.")
        return
    text = contrast_text(records, shown)
    (pathlib.Path(out) / "contrasts.md").write_text(text + "\n", encoding="utf-8")
    draw_contrasts(records, shown, pathlib.Path(out) / "contrasts.png")
    print(f"\n{text}\n\nPlan, tables and figure: {out}/")


def _plan(methods: Mapping[str, Recipe], contrasts: Sequence[Contrast], steps: int, path: pathlib.Path) -> dict:
    """Returns the plan of a study, measured and written where there is none yet."""
    fixed: dict[str, Any] = {
        "methods": list(methods),
        "contrasts": [list(contrast) for contrast in contrasts],
        "steps_of_the_first": steps,
    }
    if not path.exists():
        costs = _measured(methods, path.with_name("costs.json"))
        budgets = {name: max(1, round(steps / costs[name])) for name in methods}
        write_json(path, {**fixed, "costs": costs, "steps": budgets, "commit": commit(), "hardware": hardware()})
    plan = read_json(path)
    different = [name for name, value in fixed.items() if plan.get(name) != value]
    if different:
        raise ValueError(
            f"{path} is the plan of another study (it differs in {', '.join(different)}). Choose another `out`."
        )
    return plan


def _measured(methods: Mapping[str, Recipe], path: pathlib.Path) -> dict[str, float]:
    """Returns the costs of steps, measured in a process of one thread like the runs'."""
    list(run_apart(_write_costs, {"costs": (dict(methods), path)}, processes=1))
    costs = read_json(path)
    print("Cost of a step:", ", ".join(f"{name} {cost:.2f}" for name, cost in costs.items()))
    return costs


def _write_costs(methods: Mapping[str, Recipe], path: pathlib.Path) -> None:
    """Measures the costs of steps, and writes them into a file."""
    smoke = all(recipe.smoke for recipe in methods.values())
    write_json(path, step_costs(methods, *((1, 2) if smoke else ())))
