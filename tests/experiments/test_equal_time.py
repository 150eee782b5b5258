"""Studies at equal time: budgets from costs, one plan for all commands, and processes of their own."""

import operator

import keras
import pytest

import rme_tf
from rme_tf.core.files import read_json, write_json
from rme_tf.experiments import ImageRecipe, Run, method_recipes, run_at_equal_time
from rme_tf.experiments.runs import budget_plan, step_costs, study, worker_processes
from small_recipes import image_recipe
from test_recipes import AT_ONCE, run_here  # noqa: F401  a fixture
from test_study import recorded

COSTS = {"vae": 1.0, "rme": 1.25, "iaf": 0.8}
METHODS = {name: image_recipe(components=1, latent_dim=index) for index, name in enumerate(COSTS, start=1)}
CONTRASTS = [("rme", "vae"), ("rme", "unknown")]


@pytest.fixture
def ran(monkeypatch):
    """Replaces training and measurement; the recipes that ran, after the plan was written."""
    recipes, measured = [], []

    def run(recipe, callbacks, page=True):
        print("an epoch")
        assert measured
        recipes.append(recipe)
        history = {"val_elbo": [1.0], "seconds": [1.0]}
        return Run(recipe, None, {**recorded(recipe), "config": recipe.identity}, history, None)

    def measure(methods, path):
        assert not measured, "A plan is measured once."
        measured.append(True)
        return COSTS

    monkeypatch.setattr(study, "run", run)
    monkeypatch.setattr(keras.utils, "clear_session", lambda: None)
    monkeypatch.setattr(budget_plan, "_measured", measure)
    monkeypatch.setattr(study, "run_apart", in_this_process)
    return recipes


def in_this_process(function, calls, processes):
    for key, arguments in calls.items():
        function(*arguments)
        yield key


def at_equal_time(tmp_path, steps=100, contrasts=CONTRASTS, **options):
    folders = {name: str(tmp_path / name) for name in ("out", "results")}
    run_at_equal_time(METHODS, contrasts, steps=steps, seeds=2, **folders, **options)


def test_steps_are_in_inverse_proportion_to_their_cost(ran, tmp_path, capsys):
    at_equal_time(tmp_path)
    assert [(recipe.seed, recipe.latent_dim, recipe.train_steps) for recipe in ran] == [
        *((0, 1, 100), (0, 2, 80), (0, 3, 125)),
        *((1, 1, 100), (1, 2, 80), (1, 3, 125)),
    ]
    assert read_json(tmp_path / "out" / "plan.json")["costs"] == COSTS
    assert "rme less vae" in capsys.readouterr().out


def test_a_plan_is_kept_by_later_commands(ran, tmp_path):
    at_equal_time(tmp_path)
    count = len(ran)
    at_equal_time(tmp_path)
    assert len(ran) == count
    for changes in ({"steps": 90}, {"contrasts": [("iaf", "vae")]}):
        with pytest.raises(ValueError, match=r"plan\.json is the plan of another study .*differs in (steps|contrasts)"):
            at_equal_time(tmp_path, **changes)


def test_processes_write_logs_beside_the_runs(ran, tmp_path):
    at_equal_time(tmp_path, processes=2)
    assert len(list((tmp_path / "results").glob("*.json"))) == 6
    assert (tmp_path / "out" / "rme-seed1.log").read_text(encoding="utf-8") == "an epoch\n"
    for name in ("contrasts.md", "contrasts.png", "plan.json"):
        assert (tmp_path / "out" / name).exists()


@pytest.mark.slow
def test_calls_run_in_a_process_of_their_own_until_one_fails(tmp_path):
    """Of one core and one thread, with the error of the call."""
    calls = {
        "written": (write_json, tmp_path / "a.json", 3),
        "failed": (read_json, tmp_path / "none.json"),
        "left": (write_json, tmp_path / "b.json", 4),
    }
    ended = worker_processes.run_apart(operator.call, calls, processes=1)
    assert next(ended) == "written"
    assert read_json(tmp_path / "a.json") == 3
    with pytest.raises(ValueError, match="none.json"):
        list(ended)


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_costs_are_relative_to_the_first_method(monkeypatch):
    """Each method is timed in each round, by two trainings that start in 5 and in 1 seconds."""
    sizes = {"dataset": "digits", "encoder": "mlp", "decoder": "mlp", "mlp_units": (4,), "latent_dim": 2}
    base = image_recipe(**sizes, train_size=64, batch_size=32)
    methods = method_recipes(["vae", "rme[components=2]"], ImageRecipe, base)
    assert step_costs.step_costs(methods, rounds=1, steps=1).keys() == methods.keys()
    times = iter([(5.0, 0.9), (1.0, 0.9), (5.0, 0.2), (1.0, 0.3), (5.0, 0.4), (1.0, 0.8), (5.0, 1.0), (1.0, 1.5)])
    numbers = []

    def seconds(model, task, steps):
        if not numbers:
            start, step = next(times)  # of the first round, which traces, too
            numbers.extend([start + 11 * step, start + step])
            assert steps == 1
        return numbers.pop()

    monkeypatch.setattr(step_costs, "_seconds", seconds)
    costs = step_costs.step_costs(methods, rounds=3, steps=10)
    assert list(costs.values()) == pytest.approx([1.0, 1.5])


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_the_recipe_runs_from_the_measurement_to_the_contrasts(run_here, tmp_path, monkeypatch):  # noqa: F811
    for module in (budget_plan, study):
        monkeypatch.setattr(module, "run_apart", in_this_process)
    words = "--smoke --dataset digits --methods vae,rme5_one --seeds 1 --mlp-units 4 --steps 50 --importance-samples 4"
    printed = run_here("equal_time.py", *words.split(), *AT_ONCE)
    assert "rme5_one less vae" in printed
    out = tmp_path / "runs" / "equal_time"
    plan = read_json(out / "plan.json")
    assert plan["contrasts"] == [["rme5_one", "vae"]]
    assert plan["steps"]["rme5_one"] == max(1, round(50 / plan["costs"]["rme5_one"]))
    assert (out / "rme5_one-seed0" / "bounds.npz").exists()
    assert (out / "contrasts.png").exists()
    assert rme_tf.experiments.load_study(tmp_path / "runs" / "results" / "equal_time")
