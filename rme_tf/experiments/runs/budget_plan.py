"""Plans of studies: costs of methods, and their training steps."""

import pathlib
from collections.abc import Collection, Mapping
from typing import Any

from rme_tf.core.files import read_json, write_json
from rme_tf.core.provenance import commit, hardware
from rme_tf.experiments.recipes.base import Recipe
from rme_tf.experiments.runs.step_costs import step_costs
from rme_tf.experiments.runs.worker_processes import run_apart

PLAN = "plan.json"


def budget_plan(
    methods: Mapping[str, Recipe], steps: int, out, fixed: Mapping[str, Any], equal_steps: Collection[str] = ()
) -> dict[str, Any]:
    """Returns the plan of a study, which is measured once.

    Args:
        methods: recipes by the name of the method, of the methods with equal time.
        steps: training steps of the first method. The others get steps in inverse proportion to their cost.
        out: directory of the study, with its plan.json.
        fixed: further values of the plan that may not change, in the form of JSON.
        equal_steps: names of further methods, with the steps of the first one.

    Raises:
        ValueError: if the plan in `out` has other methods, steps of the first one, or fixed values.
    """
    path = pathlib.Path(out) / PLAN
    names = [*methods, *equal_steps]
    fixed = {"methods": names, **fixed, "steps_of_the_first": steps}
    if not path.exists():
        costs = _measured(methods, path.with_name("costs.json"))
        budgets = {name: max(1, round(steps / costs.get(name, 1.0))) for name in names}
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
