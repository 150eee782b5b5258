"""Data of the page that compares runs."""

import os
import pathlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from rme_tf.experiments.pages.facts import facts_of
from rme_tf.experiments.pages.final_numbers import Row, cost_rows, metric_rows, standard_error
from rme_tf.experiments.pages.recorded_run import Files
from rme_tf.experiments.pages.run_verdicts import Judged, verdicts_of
from rme_tf.experiments.pages.settings import Difference, differing
from rme_tf.experiments.pages.verdict import Verdict
from rme_tf.experiments.reports.configuration import field
from rme_tf.experiments.reports.records import DATA, token_differences
from rme_tf.experiments.reports.run_files import BOUNDS, REPORT

BOUND_NAMES = {"test_log_likelihood": "log p(x)", "test_elbo": "ELBO"}
# Fields that say nothing of a result.
PLACES = ("out", "overwrite", "data_dir", "download", "tensorboard", "made_from", "by_size")


class Comparison(NamedTuple):
    """Runs side by side; the first one is the reference."""

    letters: list[str]  # short names
    names: list[str]
    links: list[str]  # relative addresses of the pages of the runs, empty without one
    facts: list[str]  # data, seed and epochs of each run
    numbers: list[Row]  # with the value of each run
    costs: list[Row]
    differences: list[Difference]  # of the configurations
    paired: list[tuple[str, tuple[str, ...]]]  # bound, difference of each run from the first one
    unpaired: str  # reason for missing paired differences
    verdicts: list[tuple[str, tuple[Verdict | None, ...]]]  # question, verdict on each run
    histories: dict[str, dict[str, list]]


def compared(runs: Sequence[Files], place: pathlib.Path) -> Comparison:
    """Returns the `Comparison` of finished runs, from their files alone.

    Args:
        runs: files of the runs.
        place: directory of the page, where its links begin.
    """
    names = distinct_names([run.folder for run in runs])
    records = [run.record for run in runs]
    unpaired = unpaired_because(runs)
    configs = [{name: value for name, value in run.config.items() if name not in PLACES} for run in runs]
    letters = [chr(ord("A") + index) if index < 26 else str(index + 1) for index in range(len(runs))]
    return Comparison(
        letters=letters,
        names=names,
        facts=[_facts_text(record) for record in records],
        links=[_link(run.folder, place) for run in runs],
        numbers=_joined([metric_rows(record) for record in records]),
        costs=_joined([cost_rows(record) for record in records]),
        differences=differing(configs),
        paired=[] if unpaired else paired_differences([run.folder for run in runs]),
        unpaired=unpaired,
        verdicts=verdicts_by_question([verdicts_from_files(run) for run in runs]),
        histories={letter: run.history for letter, run in zip(letters, runs, strict=True)},
    )


def _facts_text(record) -> str:
    """Returns data, seed and epochs of a run in one line."""
    facts = dict(facts_of(record))
    shown = (facts.get("data"), *(f"{name} {facts[name]}" for name in ("seed", "epochs") if name in facts))
    return ", ".join(filter(None, shown))


def distinct_names(folders: Sequence[pathlib.Path]) -> list[str]:
    """Returns the shortest ends of paths that distinguish them."""
    paths = [folder.resolve().parts for folder in folders]
    for depth in range(1, max(map(len, paths))):
        names = ["/".join(parts[-depth:]) for parts in paths]
        if len(set(names)) == len(names):
            return names
    return [f"{'/'.join(parts)} ({index + 1})" for index, parts in enumerate(paths)]


def _link(folder: pathlib.Path, place: pathlib.Path) -> str:
    page = folder / REPORT
    return pathlib.Path(os.path.relpath(page, place)).as_posix() if page.exists() else ""


def _joined(tables: Sequence[list[Row]]) -> list[Row]:
    """Returns the rows of all tables, each with the value of the first split of every run."""
    values = [{(row.name, row.meaning): row.values[0] for row in rows} for rows in tables]
    keys = dict.fromkeys(key for rows in values for key in rows)
    return [Row(*key, tuple(rows.get(key, "") for rows in values)) for key in keys]


def unpaired_because(runs: Sequence[Files]) -> str:
    """Returns the reason for which runs have no paired differences, or nothing.

    Args:
        runs: files of the runs.
    """
    if not same_data(runs):
        return "The runs have other test data, or no bounds of single observations."
    different = token_differences([run.record for run in runs])
    if not different:
        return ""
    return f"The runs have other tokens ({'; '.join(different)}): their log p(x) are of different token strings."


def same_data(runs: Sequence[Files]) -> bool:
    """Returns whether the runs have bounds of the same test observations."""
    if not all((run.folder / BOUNDS).exists() for run in runs):
        return False
    sizes = {_number_of_tests(run.folder) for run in runs}
    data = {tuple(f"{field(run.record, name)}" for name in (*DATA, "test_size")) for run in runs}
    return len(sizes) == len(data) == 1


def _number_of_tests(folder: pathlib.Path) -> int:
    with np.load(folder / BOUNDS) as bounds:
        return len(bounds["test_elbo"])


def paired_differences(folders: Sequence[pathlib.Path]) -> list[tuple[str, tuple[str, ...]]]:
    """Returns mean differences of bounds from the first run's.

    Standard errors are over observations.

    Args:
        folders: directories of runs with the same test observations.
    """
    rows = []
    for key, name in BOUND_NAMES.items():
        values = []
        for folder in folders:
            with np.load(folder / BOUNDS) as bounds:
                values.append(bounds[key].astype(np.float64))
        rows.append((name, ("reference", *(difference_text(bound - values[0]) for bound in values[1:]))))
    return rows


def difference_text(differences) -> str:
    """Returns "mean ± standard error" of paired differences.

    Args:
        differences: differences of each observation. Shape [N].
    """
    mean = float(np.mean(differences))
    return f"{mean:+.2f}" if len(differences) < 2 else f"{mean:+.2f} ± {standard_error(differences):.2f}"


def verdicts_from_files(run: Files) -> list[Verdict]:
    """Returns the verdicts that need the files of a run alone.

    Args:
        run: files of the run.
    """
    record = run.record
    diagnosed = record.get("metrics", {}).get("test", {}).get("collapse", {})
    components = int(field(record, "components", 1))
    latent_dim, warm = (int(field(record, name, 0) or 0) for name in ("latent_dim", "warm_start_epochs"))
    has_codes = not field(record, "language_model", False)
    return verdicts_of(Judged(record, run.history, diagnosed, components, latent_dim, warm, has_codes))


def verdicts_by_question(verdicts: Sequence[list[Verdict]]) -> list[tuple[str, tuple[Verdict | None, ...]]]:
    """Returns the verdicts of all runs on each question.

    Args:
        verdicts: verdicts of each run.
    """
    by_question = [{verdict.question: verdict for verdict in of_run} for of_run in verdicts]
    questions = dict.fromkeys(question for of_run in by_question for question in of_run)
    return [(question, tuple(of_run.get(question) for of_run in by_question)) for question in questions]
