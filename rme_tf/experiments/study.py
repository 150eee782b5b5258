"""A study: several recipes under several seeds, one record a run, tables rendered from the records."""

import dataclasses
import math
import pathlib
import time
from collections.abc import Mapping

import keras
from tqdm import tqdm

from rme_tf.experiments.recipe import Recipe
from rme_tf.experiments.report import draw_diagnostics
from rme_tf.experiments.runner import Run, run, write_record
from rme_tf.experiments.tables import study_table
from rme_tf.records import check_writable, read_json


def run_study(
    methods: Mapping[str, Recipe], *, seeds: int, out: str, results: str, budget_minutes: float | None = None
) -> list[pathlib.Path]:
    """Runs every method under seeds 0, 1, ...; what is finished is not run again, what was killed resumes.

    Shows how much is done and an estimate of the time that is left. Then prints the table of what is finished and,
    where training was monitored, draws `out`/diagnostics.png.

    Args:
        methods: recipes by the name of the method; their `seed` and `out` are set here.
        seeds: the number of seeds.
        out: directory of the runs.
        results: directory of the records, one JSON file a run.
        budget_minutes: no run is begun after so many; no limit unless given.

    Returns:
        The paths of the records that are there.

    Raises:
        ValueError: if a record is there that belongs to another configuration, or a directory cannot be written.
    """
    for name, folder in (("out", out), ("results", results)):
        check_writable(folder, name)
    cells = _cells(methods, seeds, pathlib.Path(out), pathlib.Path(results))
    missing = {path: cell for path, cell in cells.items() if not path.exists() or cell[1].overwrite}
    for path in cells.keys() - missing.keys():
        _check_same(cells[path][1], path)
    end = math.inf if budget_minutes is None else time.monotonic() + 60 * budget_minutes
    with tqdm(total=sum(_cost(recipe) for _, recipe in missing.values()), unit="pass", desc="study") as bar:
        for path, (method, recipe) in missing.items():
            if time.monotonic() >= end:
                break
            bar.set_postfix_str(path.stem)
            keras.utils.clear_session()
            write_record(path, method, run(recipe))
            bar.update(_cost(recipe))
    paths = [path for path in cells if path.exists()]
    records = [read_json(path) for path in sorted(paths)]
    if len(paths) < len(cells):
        print(f"\n{len(cells) - len(paths)} of {len(cells)} runs were left for lack of time.")
    if records:
        print(f"\n{study_table(records)}\n\nRecords: {results}/")
    if any("mi" in record["history"] for record in records):
        draw_diagnostics(records, pathlib.Path(out) / "diagnostics.png")
    return paths


def show_study(methods: Mapping[str, Recipe], *, out: str) -> None:
    """Writes into `out`/shown what the recipes show of the study's first seed: of images the figures of `gallery`.

    Args:
        methods: recipes by the name of the method, as `run_study` had them; one whose run is not in `out`, finished,
            is left out.
        out: directory of the runs.
    """
    runs: dict[str, Run] = {}
    for method, recipe in methods.items():
        folder = pathlib.Path(out) / f"{method}-seed0"
        if (folder / "metrics.json").exists():
            runs[method] = run(dataclasses.replace(recipe, seed=0, out=str(folder), overwrite=False))
    if runs:
        next(iter(methods.values())).show(runs, pathlib.Path(out) / "shown")


def _cells(methods, seeds, out, results) -> dict[pathlib.Path, tuple[str, Recipe]]:
    """Returns the method and the recipe of every run, by the path of its record, in the order of running."""
    cells = {}
    for seed in range(seeds):  # seeds outside, methods inside: a study cut short is still a comparison
        for method, recipe in methods.items():
            name = f"{method}-seed{seed}"
            cells[results / f"{name}.json"] = method, dataclasses.replace(recipe, seed=seed, out=str(out / name))
    return cells


def _cost(recipe: Recipe) -> int:
    """Returns how many passes of one component over the data a run takes: what its time is estimated by."""
    steps = 0 if recipe.refinement is None else recipe.refinement_steps
    return recipe.resolved().epochs * recipe.components * recipe.num_samples * (1 + steps)


def _check_same(recipe: Recipe, path) -> None:
    different = recipe.resolved().differences(read_json(path)["config"])
    if different:
        raise ValueError(
            f"{path} records a run of another configuration (it differs in {', '.join(different)}). "
            "Choose another directory of results, or remove it."
        )
