"""Numbers and comparisons of finished runs, for `rme`."""

import dataclasses
import pathlib
from collections.abc import Sequence

from rme_tf.core.determinism import deterministic_operations
from rme_tf.core.files import check_writable, write_json
from rme_tf.core.registry import lookup
from rme_tf.experiments.commands.finished import load_model, recipe_of
from rme_tf.experiments.pages import write_report
from rme_tf.experiments.reports.paired_comparison import write_comparison
from rme_tf.experiments.reports.records import load_records
from rme_tf.experiments.reports.run_files import read_record
from rme_tf.experiments.reports.tables import by_method, summary_table
from rme_tf.experiments.runs.runner import assess


def evaluate(
    run: str,
    *,
    samples: int | None = None,
    data_dir: str | None = None,
    path: str | None = None,
    out: str | None = None,
) -> None:
    """Evaluates the model of a finished run, and prints its numbers.

    Args:
        run: directory of the run.
        samples: importance samples of the log-likelihood, over all components; None for the number of the run.
        data_dir: directory of data sets; None for the one of the run.
        path: path of the data, if they have been moved; None for the one of the run.
        out: JSON file for the metrics; None for no file.

    Raises:
        ValueError: if the run has not been finished, its data are unavailable, or the file cannot be written.
    """
    if out is not None:
        check_writable(pathlib.Path(out).absolute().parent, "out")
    model, recipe = load_model(run), recipe_of(run, data_dir=data_dir, path=path)[1].resolved()
    count = recipe.importance_samples if samples is None else samples
    with deterministic_operations(not recipe.jit_compile):
        task = recipe.load()
        metrics = assess(dataclasses.replace(recipe, importance_samples=count), model, task)
    record = {**read_record(run), "metrics": metrics}
    record["config"] = {**record["config"], "importance_samples": count}
    print(
        f"\n{summary_table({recipe.model_name: record})}\n\nBounds in nats, log p(x) by {count:,} importance samples."
    )
    if out is not None:
        write_json(out, {"importance_samples": count, "metrics": metrics})


def report(
    runs: Sequence[str], *, data_dir: str | None = None, path: str | None = None, out: str | None = None
) -> None:
    """Writes the page of a run, or one that compares several.

    Args:
        runs: directories of runs.
        data_dir: directory of data sets; None for the one of the run.
        path: path of the data, if they have been moved; None for the one of the run.
        out: path of the page; None for `report.html` in the run, or `comparison.html` in the first of several.

    Raises:
        ValueError: if a run has not been finished, or the page cannot be written.
    """
    moved = {"data_dir": data_dir, recipe_of(runs[0])[0].path: path}
    changes = {name: value for name, value in moved.items() if value is not None}
    print(f"Report: {write_report(*runs, out=out, **changes)}")


def compare(runs: Sequence[str], *, reference: str | None = None, out: str) -> None:
    """Writes and prints the comparison of finished runs.

    Args:
        runs: folders of runs, records, folders of records, or files of studies.
        reference: method that differences are from; None for the method of the first run.
        out: directory of the tables and figures.

    Raises:
        ValueError: if a run has not been finished, the data sets or tokens differ, or the reference is unknown.
    """
    check_writable(out, "out")
    records = load_records(runs)
    methods = by_method(records)
    chosen = next(iter(methods)) if reference is None else reference
    lookup(methods, chosen, "reference")
    print(f"{write_comparison(records, chosen, out)}\n\nTables and figures: {out}/")
