"""Studies: recipes with several seeds, a record for each run, and tables."""

import contextlib
import dataclasses
import math
import pathlib
import time
from collections.abc import Mapping
from typing import NamedTuple

import keras
from tqdm import tqdm

from rme_tf.core.files import check_writable, read_json
from rme_tf.core.registry import lookup
from rme_tf.core.validation import check_count, check_counts
from rme_tf.experiments.recipes.base import Recipe
from rme_tf.experiments.recipes.growth import check_growth
from rme_tf.experiments.recipes.run import Run
from rme_tf.experiments.reports.diagnostic_figures import draw_diagnostics
from rme_tf.experiments.reports.imputation_tables import has_imputations, imputation_table
from rme_tf.experiments.reports.paired_comparison import write_comparison
from rme_tf.experiments.reports.records import DATA, load_records
from rme_tf.experiments.reports.run_names import check_file_names, file_name
from rme_tf.experiments.reports.tables import Record, by_method, study_table
from rme_tf.experiments.runs.earlier_names import as_begun, as_recorded, config_in
from rme_tf.experiments.runs.runner import run, write_record
from rme_tf.experiments.runs.time_limits import Deadline, OutOfTime, Progress
from rme_tf.experiments.runs.worker_processes import logged, run_apart

TRAIN_SIZE, TEST_SIZE = 50_000, 10_000  # observations of a data set of unknown size, to estimate the time
EVALUATED = 1_000  # largest number of training observations that are evaluated
PASS = 3  # cost of a training step: a forward pass, and a backward pass of about twice the cost


def run_study(
    methods: Mapping[str, Recipe],
    *,
    seeds: int,
    out: str,
    results: str,
    deadline: float = math.inf,
    processes: int = 1,
    first_seed: int = 0,
    pages: bool = True,
) -> list[pathlib.Path]:
    """Runs every method with the seeds 0, 1, ..., and prints a table.

    Finished runs are not repeated, and interrupted runs are resumed. The record or directory of the same configuration
    under another name, such as one of an earlier version, is taken for the run. A progress bar estimates the remaining
    time. If training was monitored, `out`/diagnostics.png is drawn at the end.

    Args:
        methods: recipes by the name of the method, whose `seed` and `out` are replaced.
        seeds: number of seeds.
        out: directory of the runs.
        results: directory of the records, with one JSON file a run.
        deadline: deadline as a value of `time.monotonic`, see `deadline_in`. After it no run starts, and a training
            stops at the end of its epoch, to be resumed later.
        processes: number of runs at a time, each in a process on a core of its own with a log in `out`; 1 for runs in
            this process, on all cores.
        first_seed: first one of the seeds.
        pages: whether each run has its `report.html`.

    Returns:
        paths: paths of the existing records.

    Raises:
        ValueError: before any run, if a mixture would not grow to all its components (`check_growth`), a record belongs
            to another configuration, the record of another method belongs to other data, or a directory cannot be
            written.
    """
    return list(_finished(methods, seeds, out, results, deadline, processes, first_seed, pages))


def _finished(
    methods: Mapping[str, Recipe],
    seeds: int,
    out: str,
    results: str,
    deadline: float = math.inf,
    processes: int = 1,
    first_seed: int = 0,
    pages: bool = True,
) -> dict[pathlib.Path, str]:
    """Runs a study, see `run_study`, and returns the methods by the paths of the existing records."""
    check_counts(seeds=seeds, processes=processes)
    check_count("first_seed", first_seed, 0)
    check_growth(methods)
    check_file_names(methods)
    for name, folder in (("out", out), ("results", results)):
        check_writable(folder, name)
    cells = _cells(methods, range(first_seed, first_seed + seeds), pathlib.Path(out), pathlib.Path(results))
    cells = as_recorded(cells, pathlib.Path(results))
    missing = {path: cell for path, cell in cells.items() if not path.exists() or cell[1].overwrite}
    begun = as_begun({path: recipe for path, (_, recipe) in missing.items()}, pathlib.Path(out))
    missing = {path: (method, begun[path]) for path, (method, _) in missing.items()}
    for path in cells.keys() - missing.keys():
        _check_same(cells[path][1], path)
    for path in filter(pathlib.Path.exists, missing):  # to be overwritten
        config_in(path)
    for path in set(pathlib.Path(results).glob("*.json")) - cells.keys():
        _check_same_data(list(methods.values()), path)
    if processes > 1:
        _run_apart(missing, deadline, processes, pages)
    else:
        _run_missing(missing, deadline, pages)
    paths = {path: method for path, (method, _) in cells.items() if path.exists()}
    records = [{**read_json(path), "method": paths[path]} for path in sorted(paths)]
    if len(paths) < len(cells):
        print(f"\n{len(cells) - len(paths)} of {len(cells)} runs were left for lack of time.")
    if records:
        print(f"\n{study_table(records)}\n\nRecords: {results}/")
    if records and has_imputations(records):
        reference = next(method for method in methods if method in by_method(records))
        print(f"\nHidden pixels given the seen ones:\n\n{imputation_table(records, reference)}")
    if any("mi" in record["history"] for record in records):
        draw_diagnostics(records, pathlib.Path(out) / "diagnostics.png")
    return paths


def run_comparison(methods: Mapping[str, Recipe], reference: str | None = None, *, out: str, **options) -> None:
    """Runs a study, and writes and prints the comparison of its methods.

    Args:
        methods: recipes by the name of the method, see `run_study`.
        reference: method that the others are compared with; None is the first method.
        out: directory of the runs and of the comparison.
        **options: further arguments of `run_study`.

    Raises:
        ValueError: before any run, if the reference is unknown or `run_study` refuses an argument.
    """
    reference = next(iter(methods)) if reference is None else reference
    lookup(methods, reference, "reference")
    records = run_records(methods, out=out, **options)
    if reference in by_method(records):
        print(f"\n{write_comparison(records, reference, out)}\n\nTables and figures: {out}/")
    else:
        print(f"\nNothing to compare with yet: no run of {reference} is finished.")


def run_records(methods: Mapping[str, Recipe], **options) -> list[Record]:
    """Runs a study, and returns its records under the present names.

    Args:
        methods: recipes by the name of the method, see `run_study`.
        **options: further arguments of `run_study`.

    Raises:
        ValueError: as `run_study`.
    """
    paths = _finished(methods, **options)
    stored = load_records(paths) if paths else []
    return [{**record, "method": method} for record, method in zip(stored, paths.values(), strict=True)]


def show_study(methods: Mapping[str, Recipe], *, out: str) -> None:
    """Writes the figures or sentences of the first seed to `out`/shown.

    Args:
        methods: recipes by the name of the method, see `run_study`; methods without a finished run are left out.
        out: directory of the runs.
    """
    runs: dict[str, Run] = {}
    for method, recipe in methods.items():
        folder = pathlib.Path(out) / file_name(method, 0)
        recipe = dataclasses.replace(recipe, seed=0, out=str(folder), overwrite=False)
        recipe = as_begun({method: recipe}, pathlib.Path(out))[method]
        if (pathlib.Path(recipe.out) / "metrics.json").exists():
            runs[method] = run(recipe)
    if runs:
        next(iter(runs.values())).task.show(runs, pathlib.Path(out) / "shown")


def _cells(methods, seeds, out, results) -> dict[pathlib.Path, tuple[str, Recipe]]:
    """Returns the method and the recipe of every run, by the path of its record, in the order of running."""
    cells = {}
    for seed in seeds:  # seeds outside, methods inside: an interrupted study is still a comparison
        for method, recipe in methods.items():
            name = file_name(method, seed)
            cells[results / f"{name}.json"] = method, dataclasses.replace(recipe, seed=seed, out=str(out / name))
    return cells


def _run_missing(missing: Mapping[pathlib.Path, tuple[str, Recipe]], deadline: float, pages: bool) -> None:
    """Runs cells and writes their records until the deadline, with a progress bar."""
    costs = {path: _cost(recipe) for path, (_, recipe) in missing.items()}
    total = sum(cost.epochs * cost.epoch + cost.evaluation for cost in costs.values())
    with tqdm(total=total, unit="code", unit_scale=True, smoothing=0.0, desc="study") as bar:
        for path, (method, recipe) in missing.items():
            if time.monotonic() >= deadline:
                return
            bar.set_postfix_str(path.stem)
            keras.utils.clear_session()
            progress = Progress(bar, costs[path].epochs, costs[path].epoch)
            try:
                finished = run(recipe, [Deadline(deadline), progress], page=pages)
            except OutOfTime:
                return
            write_record(path, method, finished)
            progress.leave_out(progress.left)
            bar.update(costs[path].evaluation)


def _run_apart(
    missing: Mapping[pathlib.Path, tuple[str, Recipe]], deadline: float, processes: int, pages: bool
) -> None:
    """Runs cells in several processes, with a progress bar."""
    calls = {path: (method, recipe, path, deadline, pages) for path, (method, recipe) in missing.items()}
    with tqdm(total=len(calls), unit="run", desc="study") as bar:
        for path in run_apart(_run_cell, calls, processes):
            bar.set_postfix_str(path.stem)
            bar.update()


def _run_cell(method: str, recipe: Recipe, path: pathlib.Path, deadline: float, pages: bool) -> None:
    """Runs a cell and writes its record, unless the deadline comes first; prints into a log."""
    folder = pathlib.Path(recipe.out)
    if time.monotonic() < deadline:
        keras.utils.clear_session()
        with logged(folder.parent / f"{folder.name}.log"), contextlib.suppress(OutOfTime):
            write_record(path, method, run(recipe, [Deadline(deadline)], page=pages))


class Cost(NamedTuple):
    """Estimated cost of a run, in decoded latent codes.

    Training counts three times, for the forward and the backward pass.
    """

    epochs: int  # number of epochs
    epoch: int  # cost of an epoch
    evaluation: int  # cost of the evaluation


def _cost(recipe: Recipe) -> Cost:
    """Returns the cost of a recipe."""
    recipe = recipe.resolved()
    steps = recipe.option("refinement.steps") or 0
    samples = recipe.option("algorithm.num_samples") or 1
    components = recipe.option("algorithm.components_per_step") or recipe.components
    train_size, size = recipe.train_size or TRAIN_SIZE, recipe.test_size or TEST_SIZE
    epoch = PASS * train_size * min(components, recipe.components) * samples * (1 + steps)
    steps_per_epoch = math.ceil(train_size / recipe.batch_size)
    epochs = math.ceil(recipe.steps_of_training(steps_per_epoch) / steps_per_epoch)
    return Cost(epochs, epoch, (size + min(size, EVALUATED)) * recipe.importance_samples)


def _check_same(recipe: Recipe, path) -> None:
    different = recipe.resolved().differences(config_in(path))
    if different:
        raise ValueError(
            f"{path} records a run of another configuration (it differs in {', '.join(different)}). "
            "Choose another directory of results, or remove it."
        )


def _check_same_data(recipes: list[Recipe], path) -> None:
    """Raises ValueError if the record of another study has data that no recipe has."""
    config = config_in(path)
    differences = [recipe.resolved().differences(config).keys() & {*DATA, "train_size"} for recipe in recipes]
    if different := min(differences, key=len):
        raise ValueError(
            f"{path} records a run on other data (it differs in {', '.join(sorted(different))}). "
            "Choose another directory of results, or remove it."
        )
