"""Side-by-side runs of recipes, with a common report."""

import pathlib
import shutil
from collections.abc import Mapping

from rme_tf.core.files import check_writable, write_json
from rme_tf.core.printing import print_line
from rme_tf.experiments.cli import refusals, write_errors
from rme_tf.experiments.pages.writing import write_comparison_page
from rme_tf.experiments.recipes.base import Recipe
from rme_tf.experiments.recipes.growth import check_growth
from rme_tf.experiments.recipes.run import Run
from rme_tf.experiments.reports.run_files import COMPARISON, REPORT
from rme_tf.experiments.reports.tables import summary_table
from rme_tf.experiments.runs.command_lines import recipe_of_words, refuse_folder
from rme_tf.experiments.runs.run_folder import CONFIG
from rme_tf.experiments.runs.runner import run, write_record
from rme_tf.serving.saved_model import export_saved_model


def compare(recipes: Mapping[str, Recipe], out, results=None) -> dict[str, Run]:
    """Runs every recipe, writes figures, metrics and the last model.

    `out` receives the figures or sentences of the task, `metrics.json`, the last model as `model.keras` and
    `saved_model/`, and `comparison.html` of several runs. The run of a recipe is in the recipe's `out`, with its page
    `report.html`. A table is printed at the end.

    Args:
        recipes: dict of recipes by the name of the model, all of images or all of sentences.
        out: directory of the common files.
        results: directory of records, with one JSON file a model; None writes no records.

    Raises:
        ValueError: if `run` refuses a recipe, a directory cannot be written, a mixture would not grow, or `out` is the
            directory of a run (except with a single recipe).
    """
    check_growth(recipes)
    for name, folder in (("out", out), ("results", results)):
        if folder is not None:
            check_writable(folder, name)
    out = pathlib.Path(out)
    _refuse_run_of_others(recipes, out)
    runs = {name: run(recipe) for name, recipe in recipes.items()}
    records = {name: finished.record for name, finished in runs.items()}
    last = list(runs.values())[-1]
    print_line("Writing figures, samples and the SavedModel ...")
    last.task.show(runs, out)
    export_saved_model(last.model, out / "saved_model", **last.task.export_options)
    saved = pathlib.Path(last.recipe.out) / "model.keras"
    if saved.resolve() != (out / "model.keras").resolve():
        shutil.copyfile(saved, out / "model.keras")
        write_json(out / "metrics.json", records)
    if results is not None:
        for name, finished in runs.items():
            write_record(pathlib.Path(results) / f"{name}.json", name, finished)
    pages = [pathlib.Path(recipe.out) / REPORT for recipe in recipes.values()]
    if len(runs) > 1:
        page = write_comparison_page([path.parent for path in pages], out / COMPARISON)
        pages += [] if page is None else [page]
    shown = "".join(f"\nTo look at: {path}" for path in pages if path.exists())
    print(f"\n{summary_table(records)}\n\nBounds in nats. Figures, model and export: {out}/{shown}")
    return runs


def _refuse_run_of_others(recipes: Mapping[str, Recipe], out: pathlib.Path) -> None:
    """Raises ValueError for the directory of a run, whose record would be replaced, except with a single recipe."""
    directories = [pathlib.Path(recipe.out).resolve() for recipe in recipes.values()]
    if directories != [out.resolve()] and ((out / CONFIG).exists() or out.resolve() in directories):
        raise ValueError(f"`out` must not be the directory of a run, whose record would be replaced. Received: {out}.")


def main(defaults: Recipe, description: str | None, *, by_size: bool = False) -> None:
    """Runs the recipe of a command line, and calls `compare` on it.

    Args:
        defaults: recipe without flags.
        description: text at the start of `--help`.
        by_size: whether few observations have defaults of their own, see `data_sizes`.
    """
    recipe = recipe_of_words(defaults, description, by_size=by_size)
    with refusals():
        refuse_folder(recipe)
    with write_errors():
        compare({recipe.model_name: recipe}, out=recipe.out)
