"""Tables and figures of recorded runs in the documents.

    python -m rme_tf.experiments.reports.documents

renders them again from the records.
"""

import os
import pathlib
import re
from typing import NamedTuple

from tabulate import tabulate

from rme_tf.core.registry import lookup
from rme_tf.experiments.reports.contrasts import Contrast, contrast_text, draw_contrasts, name_of, read_contrasts
from rme_tf.experiments.reports.diagnostic_figures import draw_diagnostics
from rme_tf.experiments.reports.image_values import load_values
from rme_tf.experiments.reports.imputation_tables import imputation_page_tables, imputation_rows
from rme_tf.experiments.reports.inference_tables import draw_inference, inference_text
from rme_tf.experiments.reports.page_tables import PageTable, comparison_tables_for, csv_text, page_text, tables_for
from rme_tf.experiments.reports.paired_comparison import comparison_captions, comparison_rows, draw_comparison
from rme_tf.experiments.reports.planned_contrasts import planned_text
from rme_tf.experiments.reports.records import load_records, load_study
from rme_tf.experiments.reports.study_files import SUFFIX
from rme_tf.experiments.reports.study_tables import (
    OF,
    difference_text,
    draw_differences,
    draw_sweep,
    method_text,
    read_quantities,
)
from rme_tf.experiments.reports.tables import benchmark_table, by_method, study_rows, summary_rows
from rme_tf.experiments.reports.trial_tables import trial_table

DOCUMENTS = (
    "docs/benchmark.md",
    "docs/collapse.md",
    "docs/comparison.md",
    "docs/diagnostics.md",
    "docs/gaussian.md",
    "docs/gpu.md",
    "docs/images.md",
    "docs/missing.md",
    "docs/reliability.md",
    "docs/results/digits.md",
    "docs/results/equal_time.md",
    "docs/results/mnist.md",
    "docs/results/mnist_study.md",
    "docs/results/photographs.md",
    "docs/studies/barrier.md",
    "docs/studies/boosting.md",
    "docs/studies/capacity.md",
    "docs/studies/decoder_scale.md",
    "docs/studies/fixed_decoder.md",
    "docs/studies/learned_prior.md",
    "docs/studies/posterior_2d.md",
    "docs/studies/sentences.md",
    "docs/studies/single_component.md",
    "docs/studies/two_modes.md",
    "docs/studies/weights.md",
    "docs/training.md",
)
RESULTS = pathlib.Path("recipes/results")
FIGURES = pathlib.Path("docs/figures")
TABLES = pathlib.Path("docs/results")
BLOCK = re.compile(
    r"(?P<begin><!-- (?P<kind>results|runs|benchmark|comparison|contrasts|imputations|study|inference|differences"
    r"|trials): (?P<study>\S+)(?P<reference>( (?!-->)\S+)*) -->\n)"
    r".*?(?P<end><!-- end of results -->)",
    re.DOTALL,
)
CONTRASTED = ("contrasts", "differences")
WITHOUT_CSV = ("benchmark", "inference", "study", "trials", *CONTRASTED)
FIGURE = re.compile(
    r"<!-- (?P<kind>diagnostics|comparison figures|inference figure|sweep): (?P<study>\S+)"
    r"(?P<methods>(\s+(?!-->)\S+)*)\s+-->"
)


def render(text: str, results=RESULTS, document="README.md") -> str:
    """Returns a document with its blocks rendered again from the records.

    `<!-- results: STUDY --> ... <!-- end of results -->` holds means over seeds, `<!-- runs: STUDY --> ...` single
    runs, `<!-- benchmark: STUDY --> ...` the table of a benchmark, and `<!-- comparison: STUDY REFERENCE --> ...` the
    tables of methods, with their differences from the method REFERENCE. `<!-- imputations: STUDY REFERENCE --> ...`
    holds the log-probabilities of hidden pixels, with such differences. These are shown in tables of at most six
    columns, with a link to the CSV of all columns, which `csv_files` returns; benchmarks have no CSV.
    `<!-- contrasts: STUDY METHOD:METHOD ... --> ...` holds paired differences and their figure, or the contrasts alone
    before the study has records; a study with values of each image (`image_values`) has errors over images, too.
    `<!-- inference: STUDY TABLE DECODER METHOD ... --> ...` holds a table of `inference_tables`, and
    `<!-- trials: STUDY --> ...` holds the hyperparameters that were chosen. Of a study with instruments,
    `<!-- study: STUDY QUANTITY; QUANTITY --> ...` holds quantities of its methods, see `columns.QUANTITIES`, and
    `<!-- differences: STUDY METHOD:METHOD ... of QUANTITY; QUANTITY --> ...` contrasts in them, and their figure.

    Args:
        text: text of the document.
        results: folder of the studies.
        document: path of the document, from which the link goes.
    """

    def block(match):
        """Returns a block of the document, rendered again."""
        path = study_path(match["study"], results)
        if match["kind"] == "benchmark":
            rendered = _benchmark(path)
        elif match["kind"] == "inference":
            rendered = inference_text(load_study(path), match["reference"]) if path.exists() else "Not measured yet."
        elif match["kind"] == "study":
            rendered = _methods(path, match)
        elif match["kind"] in CONTRASTED:
            rendered = _contrasts(path, match, document)
        elif match["kind"] == "trials":
            rendered = trial_table(load_study(path)) if path.exists() else "Not measured yet."
        else:
            link = os.path.relpath(TABLES / f"{match['study']}.csv", pathlib.Path(document).parent)
            rows, tables = _rows_and_tables(match, path)
            rendered = (
                f"{page_text(rows, tables)}\n\nAll columns: [{match['study']}.csv]({pathlib.Path(link).as_posix()})."
            )
        return f"{match['begin']}\n{rendered}\n\n{match['end']}"

    return BLOCK.sub(block, text)


def csv_files(text: str, results=RESULTS) -> dict[pathlib.Path, str]:
    """Returns the CSV of each study in a document, by its path.

    Raises:
        ValueError: if two blocks of one study have different tables.
    """
    files: dict[pathlib.Path, str] = {}
    for match in BLOCK.finditer(text):
        if match["kind"] in WITHOUT_CSV:
            continue
        rows, _ = _rows_and_tables(match, study_path(match["study"], results))
        path = TABLES / f"{match['study']}.csv"
        if files.setdefault(path, table := csv_text(rows)) != table:
            raise ValueError(f"Expected one table for each study of a document. Received: two that differ, for {path}.")
    return files


def study_path(study: str, results=RESULTS) -> pathlib.Path:
    """Returns the file of a study, or the folder of its records.

    Raises:
        ValueError: if there are both, of which one is out of date.
    """
    file, folder = pathlib.Path(results) / f"{study}{SUFFIX}", pathlib.Path(results) / study
    if file.exists() and folder.exists():
        raise ValueError(f"Expected one form of the study {study}. Received: {file} and {folder}. Remove one.")
    return file if file.exists() else folder


def _benchmark(path: pathlib.Path) -> str:
    """Returns the table of a benchmark, with the rows of all its records, or the command that measures it."""
    if path.exists():
        return benchmark_table({"table": [row for record in load_study(path) for row in record["table"]]})
    return f"Not measured yet: run the benchmark with `--out runs/{path.name}/benchmark.json`, and pack that folder."


def _methods(path: pathlib.Path, match: re.Match) -> str:
    """Returns the table of a study's methods, or a sentence before there are records."""
    quantities = read_quantities(match["reference"].strip())
    return method_text(load_records([path]), quantities) if path.exists() else "Not measured yet."


def _contrasts(path: pathlib.Path, match: re.Match, document) -> str:
    """Returns the tables of contrasts and the link to their figure, or the contrasts before there are records."""
    contrasts, quantities = _contrasts_of(match)
    if not path.exists():
        planned = [{"contrast": name_of(contrast), "difference": "not recorded yet"} for contrast in contrasts]
        return tabulate(planned, headers="keys", tablefmt="github")
    link = pathlib.Path(os.path.relpath(_figure_of(match), pathlib.Path(document).parent)).as_posix()
    records, images = load_records([path]), load_values(path)
    if quantities:
        text = difference_text(records, contrasts, quantities)
    else:
        text = contrast_text(records, contrasts) if images is None else planned_text(records, contrasts, images)
    return f"{text}\n\n![Differences under each seed, and means ± 2 standard errors]({link})"


def _contrasts_of(match: re.Match) -> tuple[list[Contrast], list[str]]:
    """Returns the contrasts of a block, and their quantities; the kind `contrasts` has none."""
    contrasts, _, quantities = match["reference"].strip().partition(f" {OF} ")
    return read_contrasts(contrasts.split()), read_quantities(quantities)


def _figure_of(match: re.Match) -> pathlib.Path:
    """Returns the path of the figure of contrasts."""
    return FIGURES / f"{match['study']}_contrasts.png"


def _draw_contrasts(text: str) -> None:
    """Draws the figures of the contrasts in a document that have records."""
    for match in BLOCK.finditer(text):
        path = study_path(match["study"])
        if match["kind"] not in CONTRASTED or not path.exists():
            continue
        records, (contrasts, quantities) = load_records([path]), _contrasts_of(match)
        if quantities:
            draw_differences(records, contrasts, quantities, _figure_of(match))
        else:
            draw_contrasts(records, contrasts, _figure_of(match))


def _rows_and_tables(match: re.Match, path: pathlib.Path) -> tuple[list[dict], tuple[PageTable, ...]]:
    """Returns all rows and columns of a marked block, and the tables that show some of them."""
    kind, reference = match["kind"], match["reference"].strip() or None
    if kind == "comparison":
        records = load_records([path])
        rows = comparison_rows(records, str(reference))
        return rows, comparison_tables_for(str(reference), *comparison_captions(records))
    if kind == "imputations":
        records = load_records([path])
        return imputation_rows(records, str(reference)), imputation_page_tables(records, str(reference))
    records = load_study(path)
    rows = study_rows(records) if kind == "results" else summary_rows({record["method"]: record for record in records})
    return rows, tables_for(rows)


class Figures(NamedTuple):
    """Figures that one mark in a document stands for."""

    kind: str
    study: str
    methods: list[str]  # methods to draw, empty for all; words of a sweep
    paths: list[pathlib.Path]


def figures_of(text: str, folder=FIGURES) -> list[Figures]:
    """Returns the figures that a document marks.

    `<!-- diagnostics: STUDY -->` marks STUDY.png, `<!-- comparison figures: STUDY -->` STUDY_curves.png and
    STUDY_trade_off.png. Methods to draw may follow STUDY; without any, all are drawn. `<!-- sweep: STUDY FIELD of
    QUANTITY; QUANTITY -->` marks STUDY_sweep.png, of quantities against a field of the methods.
    `<!-- inference figure: STUDY KIND ... -->` marks STUDY.png, see `draw_inference`.
    """
    several = {"comparison figures": ["_curves", "_trade_off"], "sweep": ["_sweep"]}
    endings = {"diagnostics": [""], "inference figure": [""], **several}
    return [
        Figures(kind, study, methods.split(), [pathlib.Path(folder) / f"{study}{end}.png" for end in endings[kind]])
        for kind, study, methods in (match.group("kind", "study", "methods") for match in FIGURE.finditer(text))
    ]


def choose(records: list, methods: list[str]) -> list:
    """Returns the records of some methods.

    Args:
        records: records of a study.
        methods: names of methods; empty for all.

    Raises:
        ValueError: for a method without a record.
    """
    groups = by_method(records)
    for method in methods:
        lookup(groups, method, "method of a figure")
    return [record for record in records if not methods or record["method"] in methods]


def main() -> None:
    """Render the tables of all documents, and draw their figures."""
    for document in map(pathlib.Path, DOCUMENTS):
        before = document.read_text(encoding="utf-8")
        after = render(before, document=document)
        document.write_text(after, encoding="utf-8")
        for path, table in csv_files(after).items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(table, encoding="utf-8")
        _draw_contrasts(after)
        for kind, study, methods, paths in figures_of(after):
            if kind == "sweep":
                setting, _, quantities = " ".join(methods).partition(f" {OF} ")
                draw_sweep(load_records([study_path(study)]), setting, read_quantities(quantities), *paths)
            elif kind == "inference figure":
                draw_inference(load_study(study_path(study)), " ".join(methods), *paths)
            elif kind == "diagnostics":
                draw_diagnostics(choose(load_study(study_path(study)), methods), *paths)
            else:
                records = choose(load_records([study_path(study)]), methods)
                draw_comparison(records, curves=paths[0], trade_off=paths[1])
        print(f"{document}: {'rendered anew' if after != before else 'unchanged'}")


if __name__ == "__main__":
    main()
