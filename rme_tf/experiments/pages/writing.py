"""Files of pages: `report.html` and `comparison.html`."""

import pathlib
import time
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from rme_tf.core.files import check_writable, write_text
from rme_tf.experiments.pages.charts import overlaid_curves
from rme_tf.experiments.pages.comparison import Comparison, compared
from rme_tf.experiments.pages.final_numbers import duration
from rme_tf.experiments.pages.page import assembled, rendered
from rme_tf.experiments.pages.recorded_run import Files, read_files, run_of
from rme_tf.experiments.pages.run_report import RunReport, collect, recorded
from rme_tf.experiments.pages.run_sections import SECTIONS
from rme_tf.experiments.recipes.run import Run
from rme_tf.experiments.reports.run_files import COMPARISON, REPORT
from rme_tf.version import __version__

# Template, title, fields of the comparison that it shows.
COMPARED = (
    ("compared_runs", "Runs", ("letters", "names", "links", "facts")),
    ("compared_numbers", "Numbers", ("letters", "numbers", "costs")),
    ("compared_differences", "Paired differences", ("letters", "paired", "unpaired")),
    ("compared_settings", "Configuration", ("letters", "differences")),
    ("compared_verdicts", "Verdicts", ("letters", "verdicts")),
)


def write_page(run: Run, folder=None) -> pathlib.Path | None:
    """Writes `report.html` of a finished run, and returns its path.

    The result is None after an error, which is a warning.

    Args:
        run: finished run.
        folder: directory of the run; None for the one of its recipe.
    """
    begun = time.perf_counter()
    folder = pathlib.Path(run.recipe.out if folder is None else folder)
    return _written(folder / REPORT, lambda: page_of(collect(run, folder), begun))


def write_comparison_page(folders: Sequence, out) -> pathlib.Path | None:
    """Writes a page that compares finished runs, and returns its path.

    The result is None after an error, which is a warning.

    Args:
        folders: directories of the runs.
        out: path of the page.
    """
    out = pathlib.Path(out)
    return _written(out, lambda: comparison_page(compared([read_files(folder) for folder in folders], out.parent)))


def _written(path: pathlib.Path, make: Callable[[], str]) -> pathlib.Path | None:
    """Writes a page; returns its path, or None after an error: no page fails a run that is finished."""
    try:
        write_text(path, make())
    except Exception as error:
        warnings.warn(f"{path} could not be written. {type(error).__name__}: {error}", stacklevel=3)
        return None
    return path


def write_report(run_folder, *others, out=None, **changes) -> pathlib.Path:
    """Writes the page of one run or a comparison of several.

    The page of one run is `report.html` in its directory: configuration, verdicts in words, learning curves,
    reconstructions, samples, interpolations, nearest training data, the latent space, posteriors, gaps and numbers.
    Without its model or its data, the page has what its files contain, and lists what is missing. The page of several
    runs is `comparison.html` in the directory of the first one.

    Args:
        run_folder: directory of a finished run.
        *others: directories of runs to compare with it.
        out: path of the page; None for the names above.
        **changes: fields of the run's recipe with other values, such as a `data_dir` or a `path` that has been moved.

    Raises:
        ValueError: if a directory has no finished run, or the page cannot be written.
    """
    runs = [read_files(folder) for folder in (run_folder, *others)]
    out = pathlib.Path(out or runs[0].folder / (COMPARISON if others else REPORT))
    check_writable(out.parent, "out")
    begun = time.perf_counter()
    text = comparison_page(compared(runs, out.parent)) if others else page_of(_reread(runs[0], changes), begun)
    write_text(out, text)
    return out


def _reread(files: Files, changes) -> RunReport:
    """Returns the data of a run with its model and its data, or of its files alone."""
    report = recorded(files.folder, files.record, files.history)
    run = report.part("model and data", lambda: run_of(files, **changes))
    return report if run is None else collect(run, files.folder)


def page_of(report: RunReport, begun: float | None = None) -> str:
    """Returns the page of a run as text.

    Args:
        report: data of the run.
        begun: time at which the page was begun, of `time.perf_counter`; None for no statement of its cost.
    """
    sections = [rendered(part.name, part.title, partial(part.values, report), report.name) for part in SECTIONS]
    spent = "" if begun is None else cost_text(time.perf_counter() - begun, report)
    kind = "language model" if not report.has_codes else f"{report.components} components"
    kind = "one component" if kind == "1 components" else kind
    subtitle = f"{kind}, {report.latent_dim} latent dimensions" if report.latent_dim else kind
    footer = f"Written by rme_tf {__version__}. {spent}".strip()
    return assembled(report.name, subtitle, [part for part in sections if part], footer, report.problems.items())


def cost_text(seconds: float, report: RunReport) -> str:
    """Returns a sentence on the time of a page.

    Args:
        seconds: time of the page.
        report: data of the run.
    """
    spent = report.record.get("seconds", {})
    total = sum(value for name in ("training", "evaluation") if (value := spent.get(name)))
    share = f", {seconds / total:.0%} of training and evaluation" if total else ""
    return f"This page took {duration(seconds)}{share}."


def comparison_page(comparison: Comparison) -> str:
    """Returns the page that compares runs as text.

    Args:
        comparison: data of the runs.
    """
    sections = [
        rendered(name, title, partial(_fields, comparison, shown), "the comparison") for name, title, shown in COMPARED
    ]
    curves = rendered("curves", "Learning curves", partial(_curves, comparison), "the comparison")
    title = f"Comparison of {len(comparison.names)} runs"
    parts = [part for part in (*sections[:3], curves, *sections[3:]) if part]
    return assembled(title, ", ".join(comparison.names), parts, f"Written by rme_tf {__version__}.")


def _fields(comparison: Comparison, names: Sequence[str]) -> dict[str, Any]:
    return {name: getattr(comparison, name) for name in names}


def _curves(comparison: Comparison) -> dict[str, Sequence] | None:
    charts = overlaid_curves(comparison.histories)
    return {"charts": charts} if charts else None
